"""What a publication read of its inputs, beside what is there now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meshwright.build.lineage import ROWS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from meshwright.build.bound import BoundProduct
    from meshwright.model.product import InputPort
    from meshwright.model.publication import InputRead, PublishedPort

NAMED = 4


def wanted_columns(bound: BoundProduct, port: InputPort) -> set[str]:
    """The columns of an input whose content decides about reuse; ROWS stands for the number of rows."""
    return set(bound.used.get(port.name, ())) | {ROWS}


def named_columns(bound: BoundProduct, input_name: str) -> set[str]:
    """The columns of an input without which the product cannot be built; Python takes what there is."""
    if any(one.language != "sql" and input_name in one.inputs for one in bound.transformations):
        return set()
    return set(bound.used.get(input_name, ()))


def layout(columns: Iterable[str], wanted: Collection[str]) -> str:
    """The *wanted* of an input's *columns* in their order, as text: `*`, UNION and Python go by place, too."""
    return json.dumps([name for name in columns if name in wanted])


def changed_columns(before: InputRead, served: PublishedPort, wanted: set[str]) -> set[str]:
    """The *wanted* columns whose content version is not the one that was read."""
    versions = {**served.columns, ROWS: str(served.rows)}
    return {name for name in wanted if before.columns.get(name) != versions.get(name)}


def changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which files are new, changed or removed, "" when none is; both map paths to checksums."""
    new = sorted(set(now) - set(before))
    gone = sorted(set(before) - set(now))
    edited = sorted(path for path in now if path in before and before[path] != now[path])
    return "; ".join(
        f"{word} {some(paths)}" for word, paths in (("new", new), ("changed", edited), ("removed", gone)) if paths
    )


def listed(columns: set[str]) -> str:
    """*columns* in words."""
    named = sorted(column for column in columns if column)
    if not named:
        return "the number of rows"
    return f"column{'s' if len(named) > 1 else ''} {some(named)}"


def some(names: list[str]) -> str:
    """The first few of *names*, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
