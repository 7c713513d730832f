"""Sources: what lies outside the mesh, read by the engine exactly as it was once looked at.

`files` samples and scans local files; what was sniffed is pinned, so that a later read decides nothing by itself. What is
elsewhere stands behind `Remote`: a web server's file (`http_files`), objects of a store (`s3_objects`), a table or query of a
database (`postgresql`, `sqlite`). Only this room speaks to the network; it leaves local copies, and the engine reads those.

Whoever wants to look at a source as a whole, wherever it is, opens it:

    with opening.open_source(source, root=root, cache=cache, connection=connection) as opened:
        opened.columns, opened.format, opened.options      # as they would be pinned
        opened.scan                                        # a SELECT in DuckDB's dialect over local copies
        opened.arrow(limit=1000)                           # or the rows as an Arrow reader
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from meshwright.sources.watching import never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from meshwright.engines import Columns


def highest(column: str, value: str = "") -> str:
    """What a publication records of a table that is read by the highest value of a *column*."""
    return f"highest {column}: {value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was found out about a source by looking at it once.

    `format` and `options` are complete: with them and `columns` a read sniffs nothing. `rows_sampled` is how many rows
    were looked at.
    """

    format: str
    options: dict[str, Any] = field(default_factory=dict)
    columns: Columns = ()
    rows_sampled: int = 0


class Remote(Protocol):
    """A source outside the mesh's folder. Every method raises Unavailable when the other end does not answer in time.

    Names are what people call what is read: a URL, `s3://bucket/key`, `crm#public.orders`. No text that leaves it, errors
    included, holds a secret.
    """

    # The format of the local copies; "" when their names and content tell.
    format: str

    def glance(self) -> Mapping[str, str] | None:
        """What a build would record of each name, found out in a few seconds without reading; None when nobody can tell."""
        ...

    def columns(self) -> Columns:
        """The columns at the other end, where it knows them; () where only the content tells."""
        ...

    def bring(
        self, folder: Path, *, columns: Columns = (), beyond: str = "", stopped: Callable[[], bool] = never
    ) -> Mapping[str, str]:
        """Copy everything into *folder*, and what a publication records of each name: mostly a SHA-256.

        What was brought before and did not change is not fetched again. *columns* are those that are expected of a table; *beyond* is what was recorded when a table read by its highest
        value was last read: only rows beyond it are brought. *stopped* says that nobody waits any more. Raises Refused when the columns are others.
        """
        ...

    def local(self, name: str) -> Path:
        """The local copy of *name*, where nobody else changes it. Call `bring` first."""
        ...
