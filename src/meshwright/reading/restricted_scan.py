"""The one place where a port's files become rows for a reader, with the reader's restriction applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshwright.engines.parquet_scan import scan_sql
from meshwright.model.datatype import literal, quote
from meshwright.model.errors import Denied, InvalidInput
from meshwright.model.names import nearest
from meshwright.model.restriction import EVERYTHING, Restriction
from meshwright.reading.masks import MASKS, Keys, condition, masked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshwright.model.datatype import DataType
    from meshwright.model.publication import Field
    from meshwright.reading.resolve import ResolvedPort

ZONED = "TIMESTAMP WITH TIME ZONE"
MERGED = "merge"
# The one column of rows of which no column is visible.
NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTimeRange:
    """The rows whose event time is at or after *first* and before *until* (ISO 8601; "" unbounded)."""

    first: str = ""
    until: str = ""

    @property
    def is_bounded(self) -> bool:
        """Whether it leaves any row out."""
        return bool(self.first or self.until)


def restricted_scan(
    resolved: ResolvedPort,
    *,
    locate: Callable[[str], str],
    restriction: Restriction = EVERYTHING,
    keys: Keys | None = None,
    event_time: EventTimeRange | None = None,
    is_ordered: bool = True,
) -> str:
    """A SELECT in DuckDB's dialect over what *restriction* leaves of the port, in publication order, or where that would tell more in `order_of` it, unless not *is_ordered*.

    The row filter works on original values, before any column is changed or left out. Whatever cannot be applied yields
    nothing. *keys* are what masks hash with. Raises InvalidInput when an event-time range is asked of a port that declares no event time.
    """
    if resolved.port.kind != "tables":
        raise InvalidInput(
            f"{resolved.address} publishes files, not a table: `mesh read {resolved.address} --to FOLDER` copies them"
        )
    schema = resolved.port.schema
    rows = scan_sql(resolved.files, schema, locate)
    conditions = []
    if event_time is not None and event_time.is_bounded:
        require_clear(resolved, restriction)
        conditions.append(_within(resolved, event_time))
    if restriction.row_filter is not None:
        conditions.append(condition(restriction.row_filter, {field.id: quote(field.name) for field in schema}))
    if not conditions and restriction.is_all:
        return rows
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    select = f"SELECT {_projection(schema, restriction, keys or Keys())} FROM ({rows}){where}"
    return in_order(select, order_of(resolved, restriction) if is_ordered else "")


def order_of(resolved: ResolvedPort, restriction: Restriction, names: Collection[str] | None = None) -> str:
    """What rows are sorted by so that their order tells nothing that *restriction* hides; "" where it does not.

    Rows lie in the order of their key, of which something may be hidden, and those of one key in that of all other columns;
    where rows are merged, those that changed lie last, whatever changed in them. *names* are the only columns that count
    beside the key, when not all do.
    """
    port, key = resolved.port, resolved.port.key
    if restriction.is_all or not key:
        return ""
    visible = visible_fields(port.schema, restriction)
    clear = {one.name for one in visible if one.id not in restriction.actions}
    if not clear.issuperset(key):
        return "ALL"
    hides = len(clear) < len(port.schema)
    unique = port.contract.table.primary_key if port.contract.written else ()
    is_unique = bool(unique) and set(unique) <= set(key)
    if port.materialization != MERGED and (is_unique or not hides):
        return ""
    others = (one.name for one in visible if one.name not in key and (names is None or one.name in names))
    return ", ".join(quote(name) for name in (*key, *others))


def in_order(select: str, order: str) -> str:
    """The rows of *select*, sorted by *order* if there is one."""
    return f"SELECT * FROM ({select}) ORDER BY {order}" if order else select


def _projection(schema: tuple[Field, ...], restriction: Restriction, keys: Keys) -> str:
    columns = [
        f"{masked(quote(field.name), field.type, restriction.actions[field.id], keys)} AS {quote(field.name)}"
        if field.id in restriction.actions
        else quote(field.name)
        for field in visible_fields(schema, restriction)
    ]
    return ", ".join(columns) or f"1 AS {NOTHING}"


def visible_fields(schema: tuple[Field, ...], restriction: Restriction) -> tuple[Field, ...]:
    """The columns of *schema* that *restriction* leaves, masked or clear; one whose mask is not known is absent."""
    if restriction.others_absent:
        return ()
    return tuple(
        field
        for field in schema
        if field.id not in restriction.actions or restriction.actions[field.id].partition(":")[0] in MASKS
    )


def require_clear(resolved: ResolvedPort, restriction: Restriction) -> None:
    """Raise Denied when the event time is hidden: which rows lie in a range would tell it."""
    ids = {field.id for field in resolved.port.schema if field.name == resolved.port.event_time}
    if restriction.others_absent or ids & restriction.actions.keys():
        raise Denied(f"the event time of {resolved.address} is masked for you: leave out --since and --until")


def _within(resolved: ResolvedPort, event_time: EventTimeRange) -> str:
    column = resolved.port.event_time
    if not column:
        raise InvalidInput(
            f"{resolved.address} declares no event time: its contract can name the column as mesh.eventTime"
        )
    kind = next(field.type for field in resolved.port.schema if field.name == column)
    parts = []
    if event_time.first:
        parts.append(f"{quote(column)} >= {_moment(event_time.first, kind)}")
    if event_time.until:
        parts.append(f"{quote(column)} < {_moment(event_time.until, kind)}")
    return " AND ".join(parts)


def _moment(text: str, kind: DataType) -> str:
    """The time *text* in SQL, beside a column of *kind*: in UTC unless it names another zone, as naive columns are."""
    if kind.name not in {"DATE", "TIMESTAMP", ZONED}:
        return f"CAST({literal(text)} AS {kind})"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"'{text}' is no time; write it as 2026-11-20 or 2026-11-20T10:00:00Z") from None
    moment = (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)
    # A date compares as its midnight.
    wanted, zone = (kind.name, "+00") if kind.name == ZONED else ("TIMESTAMP", "")
    return f"CAST('{moment.isoformat()}{zone}' AS {wanted})"


def column_list(schema: tuple[Field, ...], names: tuple[str, ...], *, of: str) -> str:
    """*names* as a SQL column list, in the order asked, every column when none is. Raises InvalidInput."""
    known = {field.name.lower(): field.name for field in schema}
    unknown = [name for name in names if name.lower() not in known]
    if unknown:
        guesses = [nearest(name, known.values()) for name in unknown]
        meant = ", ".join(f"'{guess}'" for guess in guesses if guess) or f"one of {', '.join(known.values())}"
        raise InvalidInput(f"{of} has no column {', '.join(repr(name) for name in unknown)}: did you mean {meant}?")
    return ", ".join(quote(known[name.lower()]) for name in names) or "*"
