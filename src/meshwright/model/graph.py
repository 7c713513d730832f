"""The graph of products: build order, cycles, and what lies up or down stream."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Edges = "Mapping[str, Iterable[str]]"


def build_order(inputs: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list[str]]]:
    """Every node after all its *inputs* (ties by name), and the cycles that made it impossible for the rest.

    *inputs* maps a node to the nodes it reads; names outside the mapping are ignored. Each cycle is named in reading
    order and starts with its smallest name: `["a", "b", "a"]` says that a reads b and b reads a.
    """
    waiting = {node: {up for up in ups if up in inputs} for node, ups in inputs.items()}
    readers = reverse(waiting)
    ready = sorted(node for node, ups in waiting.items() if not ups)
    order: list[str] = []
    queue = deque(ready)
    while queue:
        node = queue.popleft()
        order.append(node)
        freed = []
        for reader in readers.get(node, ()):
            waiting[reader].discard(node)
            if not waiting[reader]:
                freed.append(reader)
        queue.extend(sorted(freed))
    done = set(order)
    stuck = {node: sorted(ups) for node, ups in waiting.items() if node not in done}
    return order, _cycles(stuck)


def _cycles(stuck: Mapping[str, list[str]]) -> list[list[str]]:
    found: list[list[str]] = []
    seen: set[str] = set()
    for start in sorted(stuck):
        path: list[str] = []
        node = start
        while node not in seen and node not in path:
            path.append(node)
            # Every node that is stuck waits for another one that is stuck.
            node = next(up for up in stuck[node] if up in stuck)
        if node in path:
            cycle = path[path.index(node) :]
            smallest = cycle.index(min(cycle))
            cycle = cycle[smallest:] + cycle[:smallest]
            found.append([*cycle, cycle[0]])
        seen.update(path)
    return found


def reverse(edges: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The same edges the other way round, sorted."""
    turned: dict[str, list[str]] = {}
    for node, others in edges.items():
        for other in others:
            turned.setdefault(other, []).append(node)
    return {node: sorted(set(others)) for node, others in turned.items()}


def reachable(starts: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Every node that can be reached from *starts* along *edges*, the starts included."""
    found = set(starts)
    queue = deque(found)
    while queue:
        for other in edges.get(queue.popleft(), ()):
            if other not in found:
                found.add(other)
                queue.append(other)
    return found
