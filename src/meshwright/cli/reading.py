"""`mesh query`, `mesh read`, `mesh changes`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshwright.cli import completing
from meshwright.cli.options import acting, as_json, environment, node_of, purpose
from meshwright.cli.output import plural, print_table
from meshwright.reading.export import plain, size_of

if TYPE_CHECKING:
    from meshwright.reading.rows import Rows

ROWS_SHOWN = 40
# What fits into the engine's number of rows.
LIMIT_MAX = 2**63 - 1
WRITTEN = ("json", "ndjson", "csv", "arrow", "parquet")
FORMATS = ("table", *WRITTEN)

formatted = click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print the rows."
)
written = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to FILE instead; its ending says how, else --format.",
)
since = click.option("--since", default="", metavar="TIME", help="Only rows whose event time is at or after this.")
until = click.option("--until", default="", metavar="TIME", help="Only rows whose event time is before this.")
limited = click.option("--limit", type=click.IntRange(min=0, max=LIMIT_MAX), metavar="N", help="At most so many rows.")
as_of = click.option("--as-of", default="", metavar="WHEN", help="A publication's number, or a time (ISO 8601, UTC).")


@click.command(context_settings={"ignore_unknown_options": True})  # SQL may begin with a comment
@click.argument("sql")
@environment
@acting
@purpose
@as_of
@since
@until
@formatted
@written
@as_json
@click.pass_context
def query(
    ctx: click.Context,
    sql: str,
    environment: str,
    acting: str | None,
    purpose: str,
    as_of: str,
    since: str,
    until: str,
    format_: str,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Run one SQL query over published ports, named domain.product or domain.product.port."""
    from meshwright.reading.restricted_scan import EventTimeRange

    format_ = _format(format_, out, as_json=as_json)
    reader = node_of(ctx).reader(environment, acting=acting, purpose=purpose)
    rows = reader.query(sql, as_of=as_of, event_time=EventTimeRange(first=since, until=until))
    emit(rows, format_, out)


@click.command()
@click.argument("port", shell_complete=completing.ports)
@click.option(
    "--columns", default="", metavar="A,B", shell_complete=completing.columns, help="Only these columns, in this order."
)
@click.option("--where", default="", metavar="SQL", help="Only rows for which this condition holds.")
@since
@until
@limited
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), help="Copy a files port's artifacts to this folder."
)
@environment
@acting
@purpose
@as_of
@formatted
@written
@as_json
@click.pass_context
def read(
    ctx: click.Context,
    port: str,
    columns: str,
    where: str,
    since: str,
    until: str,
    limit: int | None,
    to: Path | None,
    environment: str,
    acting: str | None,
    purpose: str,
    as_of: str,
    format_: str,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Read one port: as a table, JSON, CSV, Arrow or Parquet."""
    from meshwright.reading.restricted_scan import EventTimeRange

    format_ = _format(format_, out, as_json=as_json)
    reader = node_of(ctx).reader(environment, acting=acting, purpose=purpose)
    if to is not None:
        _require_whole({"--columns": columns, "--where": where, "--since": since, "--until": until, "--limit": limit})
        copied = reader.copy_artifacts(port, to, as_of=as_of)
        click.echo(f"{plural(len(copied), 'file')} copied to {to}")
        return
    names = [name.strip() for name in columns.split(",") if name.strip()]
    event_time = EventTimeRange(first=since, until=until)
    rows = reader.read(port, columns=names, where=where, as_of=as_of, event_time=event_time, limit=limit)
    emit(rows, format_, out)


def _require_whole(asked: dict[str, str | int | None]) -> None:
    """Raise InvalidInput when options ask for a part of rows, where artifacts are copied."""
    from meshwright.model.errors import InvalidInput

    given = [option for option, value in asked.items() if value not in {"", None}]
    if given:
        raise InvalidInput(f"--to copies files as they are, of which {', '.join(given)} can take no part: leave it out")


@click.command()
@click.argument("port", shell_complete=completing.ports)
@click.option("--since", required=True, metavar="PUBLICATION", help="The publication's number to compare with.")
@click.option("--until", default="", metavar="PUBLICATION", help="Up to this one; by default the one served now.")
@limited
@environment
@acting
@purpose
@formatted
@written
@as_json
@click.pass_context
def changes(
    ctx: click.Context,
    port: str,
    since: str,
    until: str,
    limit: int | None,
    environment: str,
    acting: str | None,
    purpose: str,
    format_: str,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show rows inserted, updated (before and after) and deleted in a port since a publication."""
    format_ = _format(format_, out, as_json=as_json)
    reader = node_of(ctx).reader(environment, acting=acting, purpose=purpose)
    rows = reader.changes(port, since=since, until=until, limit=limit)
    emit(rows, format_, out)


def _format(asked: str, out: Path | None, *, as_json: bool) -> str:
    """The format to print in, or to write *out* in: the one that its ending names, else what was *asked*.

    Raises InvalidInput, before anything is read, when neither names one, or nothing can be written there.
    """
    from meshwright.model.errors import InvalidInput

    asked = "json" if as_json else asked
    if out is None:
        return asked
    ending = out.suffix.lstrip(".").lower()
    if ending not in WRITTEN and asked == "table":
        known = ", ".join(f".{name}" for name in WRITTEN)
        raise InvalidInput(f"{out}: the ending says no format; end it with one of {known}, or add --format")
    if not out.parent.is_dir():
        raise InvalidInput(f"{out} cannot be written: there is no folder {out.parent}; make it, or name another")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise InvalidInput(f"{out} cannot be written: you may not write in {out.parent}; name another folder")
    return ending if ending in WRITTEN else asked


def emit(rows: Rows, format_: str, out: Path | None) -> None:
    """Print *rows* in *format_*, or write them to *out*."""
    from meshwright.reading.export import write

    if out is not None:
        count = write(rows, format_, out)
        click.echo(f"{plural(count, 'row')} written to {out}", err=True)
    elif format_ == "table":
        _table(rows)
    else:
        if format_ in {"arrow", "parquet"} and sys.stdout.isatty():
            raise click.UsageError(f"{format_} is binary: add --out FILE, or send it to a program")
        write(rows, format_, sys.stdout.buffer)


def _table(rows: Rows) -> None:
    relation: Any = rows.relation
    found = rows.fetch(relation.limit(ROWS_SHOWN + 1).fetchall, lambda tuples: (len(tuples), size_of(tuples)))
    numeric = [at for at, kind in enumerate(relation.types) if str(kind).split("(")[0] in NUMERIC]
    print_table(
        relation.columns,
        [[plain(value) if value is not None else None for value in row] for row in found[:ROWS_SHOWN]],
        right=numeric,
    )
    if len(found) > ROWS_SHOWN:
        click.echo(f"… the first {ROWS_SHOWN} rows; --format csv prints them all")


NUMERIC = frozenset(
    {
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
    }
)
