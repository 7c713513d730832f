"""A runner of a mesh, with what it needs: the one place that gives it nodes, a clock and receivers of notices."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshwright.node.assembly import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from meshwright.operating.due_build import RunSettings, Show
    from meshwright.operating.events import RunEvent
    from meshwright.operating.runner import Runner

# How long a runner that ends waits for receivers of its notices.
NOTICE_SECONDS = 20.0


@contextmanager
def open_runner(
    folder: Path, settings: RunSettings, name: str, *, tell: Callable[[RunEvent], None], show: Show
) -> Iterator[Runner]:
    """A runner, called *name*, of the mesh that *folder* is in. Raises NotFound when it is in none.

    *tell* and *show* take what the runner and its builds say. Leaving waits a little for webhooks that are being told.
    """
    from meshwright.operating.clock import Clock
    from meshwright.operating.notifying import Notifying
    from meshwright.operating.runner import Runner
    from meshwright.workspace.root import find_root

    root, clock = find_root(folder), Clock()
    notifying = Notifying(root, tell=tell, clock=clock)
    try:
        yield Runner(lambda: Node(root), settings, name, tell=tell, show=show, after=notifying.after, clock=clock)
    except BaseException:
        # Whoever stops it does not want to wait.
        notifying.close(NOTICE_SECONDS / 10)
        raise
    notifying.close(NOTICE_SECONDS)
