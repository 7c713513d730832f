"""Views: what a reader may see of ports, as SELECTs over copies where they serve, else over data files restricted as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.reading.lost_files import require_files
from meshwright.reading.query_text import first_line
from meshwright.reading.restricted_scan import (
    EventTimeRange,
    in_order,
    order_of,
    require_clear,
    restricted_scan,
    visible_fields,
)
from meshwright.reading.session import extracted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshwright.model.errors import MeshwrightError
    from meshwright.model.restriction import Restriction
    from meshwright.reading.governed_copies import GovernedCopies
    from meshwright.reading.guarding import Limits
    from meshwright.reading.masks import Keys
    from meshwright.reading.resolve import ResolvedPort
    from meshwright.reading.sql_gate import Worker
    from meshwright.storage import Warehouse

# DuckDB's errors that are no fault of the query.
OUTSIDE = ("IO Error", "Out of Memory Error", "INTERNAL Error", "FATAL Error", "INTERRUPT Error")
# Those that no damaged file brings about.
NO_DAMAGE = (
    "Binder Error",
    "Catalog Error",
    "Parser Error",
    "Conversion Error",
    "Out of Memory Error",
    "INTERRUPT Error",
)


class Opened:
    """Finds files for the engine, and remembers which: a query opens no others."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.files: dict[str, None] = {}

    def __call__(self, path: str) -> str:
        """Where the file of the warehouse is that is called *path* there."""
        return self.remember(str(self._warehouse.locate(path)))

    def remember(self, path: str) -> str:
        """*path*, which is absolute already."""
        self.files[path] = None
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What restrictions leave of ports in a warehouse; `keys` are what masks hash with, `copies` are used where they can be."""

    warehouse: Warehouse
    keys: Keys
    copies: GovernedCopies | None = None

    def scan(
        self,
        resolved: ResolvedPort,
        restriction: Restriction,
        opened: Opened,
        event_time: EventTimeRange | None = None,
    ) -> str:
        """What the reader may see of a port, from copies where there are some; *opened* hears which files that reads."""
        if event_time is not None and event_time.is_bounded:
            require_clear(resolved, restriction)
        copied = None if restriction.is_all else self.copied(resolved, restriction)
        if copied is not None:
            return _of_copies(copied, order_of(resolved, restriction), opened.remember, event_time)
        return self._restricted(resolved, restriction, opened, event_time)

    def given(
        self,
        worker: Worker,
        resolved: ResolvedPort,
        restriction: Restriction,
        event_time: EventTimeRange | None,
        used: Sequence[str],
    ) -> str:
        """What the reader may see of a port, as a SELECT over files that *worker* is given: only what is *used* counts."""
        if event_time is not None and event_time.is_bounded:
            require_clear(resolved, restriction)
        opened = Opened(self.warehouse)
        if restriction.is_all:
            return self._restricted(resolved, restriction, lambda path: worker.link(opened(path)), event_time)
        copied = self.copied(resolved, restriction)
        if copied is not None:
            return _of_copies(copied, order_of(resolved, restriction), worker.link, event_time)
        scan = self._restricted(resolved, restriction, opened, event_time, is_ordered=False)
        visible = visible_fields(resolved.port.schema, restriction)
        name, path = worker.table()
        order = order_of(resolved, restriction, used)
        return extracted(scan, visible, used, path, name, seconds=worker.seconds_left, order=order)

    def copied(
        self, resolved: ResolvedPort, restriction: Restriction, *, has_time: bool = False
    ) -> ResolvedPort | None:
        """The port as copies serve it, which are made if they are small or there *has_time*; None when it is to be scanned."""
        if self.copies is None or resolved.port.kind != "tables":
            return None

        def scan(part: ResolvedPort) -> str:
            return self._restricted(part, restriction, Opened(self.warehouse))

        return self.copies.serve(resolved, restriction, self.keys, scan, has_time=has_time)

    def explain(self, limits: Limits) -> Callable[[Exception], MeshwrightError]:
        """What turns DuckDB's error about a read of the ports in *limits* into ours; a copy that is to blame is removed."""

        def explained(error: Exception) -> MeshwrightError:
            for port, limit in limits:
                self._require(port, str(error))
                if self._was_damaged(port, limit, error):
                    return Unavailable(
                        f"a copy of what you may see of {port.address} was damaged, and is removed: run again"
                    )
            kind = Unavailable if str(error).startswith(OUTSIDE) else InvalidInput
            line = first_line(error)
            return kind(f"the query cannot be run: {self.copies.nameless(line) if self.copies is not None else line}")

        return explained

    def _was_damaged(self, resolved: ResolvedPort, restriction: Restriction, error: Exception) -> bool:
        """Whether a copy was to blame for *error*; it is gone then."""
        if self.copies is None or str(error).startswith(NO_DAMAGE):
            return False
        return self.copies.forget_damaged(resolved, restriction, self.keys)

    def _restricted(
        self,
        resolved: ResolvedPort,
        restriction: Restriction,
        locate: Callable[[str], str],
        event_time: EventTimeRange | None = None,
        *,
        is_ordered: bool = True,
    ) -> str:
        """What the reader may see of a port, restricted as it is read."""
        self._bring(resolved)
        return restricted_scan(
            resolved,
            locate=locate,
            restriction=restriction,
            keys=self.keys,
            event_time=event_time,
            is_ordered=is_ordered,
        )

    def _bring(self, resolved: ResolvedPort) -> None:
        """Bring every file of a port near at once. Raises Unavailable, naming a file that is lost."""
        try:
            self.warehouse.fetch(file.path for file in resolved.files)
        except Unavailable as error:
            self._require(resolved, str(error))
            raise

    def _require(self, resolved: ResolvedPort, error: str) -> None:
        port, product = str(resolved.address), resolved.address.product_id
        require_files(resolved.files, port=port, product=product, warehouse=self.warehouse, error=error)


def _of_copies(
    copied: ResolvedPort, order: str, locate: Callable[[str], str], event_time: EventTimeRange | None
) -> str:
    """The rows of copies, each of which is in *order* already."""
    scan = restricted_scan(copied, locate=locate, event_time=event_time)
    return in_order(scan, order if len(copied.files) > 1 else "")
