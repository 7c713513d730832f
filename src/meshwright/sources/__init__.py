"""Sources: files from outside the mesh, read by the engine exactly as they were once looked at.

`files` samples and scans them; what was sniffed is pinned, so that a later read decides nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshwright.engines import Columns


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
