"""A table of texts, understood: of each column the kind that every one of its rows is, and the texts that mean NULL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.kind import TEXT, Kind
from meshwright.authoring.number_kinds import looks_like_numbers, uses_decimal_comma
from meshwright.authoring.text_kinds import NOTHING, PERHAPS_NOTHING, kinds
from meshwright.model.datatype import VARCHAR, literal, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

# So many rows, spread over the table, give the kinds that are then held against all rows.
ROWS_LOOKED_AT: Final = 4000
VALUES_LOOKED_AT: Final = 1500
# The optimizer compares every expression with every other: more than these in one query cost more than a second query.
COLUMNS_AT_ONCE: Final = 40
MARKERS: Final = ("", *NOTHING, *PERHAPS_NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """One column of texts: its `name` outside, its kind, and the markers for NULL that only this column has.

    `is_code` says that it is text although its values look like numbers: their zeros count.
    """

    name: str
    kind: Kind
    own_nulls: tuple[str, ...] = ()
    is_code: bool = False

    @property
    def read_as(self) -> str:
        """The type that the source reads the column as."""
        return str(VARCHAR if self.own_nulls else self.kind.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """The columns of a table in their order, and the texts that mean NULL in all of them."""

    columns: tuple[Understood, ...]
    nulls: tuple[str, ...]
    rows: int


def understand(connection: DuckDBPyConnection, table: str, columns: Sequence[str]) -> Understanding:
    """What the text *columns* of *table* hold; every row is looked at."""
    return _Understanding(connection, table, columns).run()


@dataclass(slots=True)
class _Open:
    """A column whose kind is not settled: the kinds still to be tried, likeliest first."""

    name: str
    kinds: Iterator[Kind]
    now: Kind
    doubt: str = ""


class _Understanding:
    def __init__(self, connection: DuckDBPyConnection, table: str, columns: Sequence[str]) -> None:
        self.connection = connection
        self.table = table
        self.columns = columns
        self.markers: dict[str, tuple[str, ...]] = {}

    def run(self) -> Understanding:
        rows = self.one("count(*)")
        seen = self.look(rows)
        values = {name: [one for one in texts if one.strip() not in MARKERS] for name, texts in seen.items()}
        comma = any(uses_decimal_comma(texts) for texts in values.values())
        settled = self.settle({name: kinds(name, texts, decimal_comma=comma) for name, texts in values.items()})
        words = {name for name, kind in settled.items() if not _is_typed(kind)}
        everywhere = self.everywhere(words, seen)
        return Understanding(
            columns=tuple(
                Understood(
                    name=name,
                    kind=settled[name],
                    own_nulls=tuple(one for one in self.markers.get(name, ()) if one not in everywhere),
                    is_code=not _is_typed(settled[name]) and looks_like_numbers(values[name]),
                )
                for name in self.columns
            ),
            nulls=("", *everywhere),
            rows=rows,
        )

    def one(self, expression: str) -> Any:  # noqa: ANN401 - any value
        row = self.connection.execute(f"SELECT {expression} FROM {quote(self.table)}").fetchone()
        return row[0] if row else None

    def look(self, rows: int) -> dict[str, list[str]]:
        """Different texts of each column, from rows spread over the table."""
        step = max(1, rows // ROWS_LOOKED_AT)
        # The number of a row has no name here: the table may have a column of any.
        some = f"FROM {quote(self.table)} QUALIFY (row_number() OVER () - 1) % {step} = 0"
        found: dict[str, list[str]] = {}
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE looked_at AS {some}")
        for names in groups(self.columns):
            lists = ", ".join(
                f"(list(DISTINCT {quote(name)}) FILTER ({quote(name)} IS NOT NULL))[:{VALUES_LOOKED_AT}]"
                for name in names
            )
            row = self.connection.execute(f"SELECT {lists} FROM looked_at").fetchone() or ()
            found |= {name: sorted(texts or ()) for name, texts in zip(names, row, strict=True)}
        return found

    def settle(self, candidates: dict[str, Iterator[Kind]]) -> dict[str, Kind]:
        """Of each column the first of its *candidates* that all of its rows are of."""
        settled: dict[str, Kind] = {}
        doubts: dict[str, str] = {}
        open_columns = {name: next(found) for name, found in candidates.items()}
        while open_columns:
            failing = self.failing({name: kind for name, kind in open_columns.items() if kind.fits != "true"})
            for name, kind in list(open_columns.items()):
                if kind.doubt:
                    doubts[name] = kind.doubt
                if kind.doubt or failing.get(name):
                    open_columns[name] = next(candidates[name])
                    continue
                doubt = doubts.get(name, "")
                settled[name] = Kind(type=VARCHAR, doubt=doubt) if doubt and not _is_typed(kind) else kind
                del open_columns[name]
        return settled

    def failing(self, asked: dict[str, Kind]) -> dict[str, int]:
        """How many rows of each column are not of the kind that is *asked*; keeps the markers among the others."""
        counts: dict[str, int] = {}
        for names in groups(list(asked)):
            others = {name: _is_other(name, asked[name]) for name in names}
            parts = ", ".join(f"count(*) FILTER ({other})" for other in others.values())
            row = self.connection.execute(f"SELECT {parts} FROM {quote(self.table)}").fetchone() or ()
            for name, count in zip(names, row, strict=True):
                counts[name], self.markers[name] = self.unmarked(name, others[name]) if count else (0, ())
        return counts

    def unmarked(self, name: str, other: str) -> tuple[int, tuple[str, ...]]:
        """Of the rows for which *other* holds, how many say something, and what the others have for nothing."""
        listed = ", ".join(literal(one) for one in MARKERS)
        is_marker = f"trim({quote(name)}) IN ({listed})"
        parts = f"count(*) FILTER (NOT {is_marker}), list(DISTINCT {quote(name)}) FILTER ({is_marker})"
        row = self.connection.execute(f"SELECT {parts} FROM {quote(self.table)} WHERE {other}").fetchone()
        return (row[0], tuple(sorted(row[1] or ()))) if row else (0, ())

    def everywhere(self, words: set[str], seen: dict[str, list[str]]) -> tuple[str, ...]:
        """The markers that mean NULL in every column: those that no column of words could have as a value."""
        for name in words:
            self.markers[name] = ()
        found = sorted({one for markers in self.markers.values() for one in markers})
        as_words = {text for name in words for text in seen[name]}
        sure = {one for name in words for one in seen[name] if one in NOTHING}
        return tuple(sorted({*sure, *(one for one in found if one in NOTHING or one not in as_words)}))


def _is_other(name: str, kind: Kind) -> str:
    """The condition that a row of the column *name* has a text that is not of *kind*."""
    column = quote(name)
    return f"{column} IS NOT NULL AND NOT coalesce({kind.fits.replace('{c}', column)}, false)"


def _is_typed(kind: Kind) -> bool:
    return kind is not TEXT and (kind.type != VARCHAR or bool(kind.converted))


def groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """*names*, as many at a time as one query should aggregate."""
    for start in range(0, len(names), COLUMNS_AT_ONCE):
        yield names[start : start + COLUMNS_AT_ONCE]
