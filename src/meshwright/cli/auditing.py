"""`mesh audit`: what was decided about reads, and what they took."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from meshwright.cli.options import as_json, node_of
from meshwright.cli.output import print_json, print_table, size
from meshwright.model.environment import PROD

if TYPE_CHECKING:
    from meshwright.model.access_record import AccessRecord
    from meshwright.model.usage_record import UsageRecord
    from meshwright.storage import Access

READ = "read"
limit = click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")


def _access(ctx: click.Context) -> Access:
    """What is kept, for those who may administer the mesh."""
    node = node_of(ctx)
    node.rights(PROD).administer()
    return node.access


def _who(one: AccessRecord | UsageRecord) -> str:
    return f"{one.principal} for {one.acts_for}" if one.acts_for else one.principal


@click.group()
def audit() -> None:
    """What was decided about every governed read, and why, and what it took."""


@audit.command()
@limit
@as_json
@click.pass_context
def log(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List the last decisions, newest first."""
    found = _access(ctx).records(limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        ["number", "when (UTC)", "who", "asked by", "action", "of", "#", "decision", "because"],
        [
            [
                str(one.number),
                one.at[:19].replace("T", " "),
                _who(one),
                one.asked_by,
                one.action,
                one.port or "the mesh",
                str(one.publication or ""),
                _decision(one),
                "; ".join(one.reasons) or ", ".join(one.policies),
            ]
            for one in found
        ],
        right=(0, 6),
    )


def _decision(one: AccessRecord) -> str:
    if not one.allowed:
        return "denied"
    return f"{one.rows} rows, {len(one.masked)} masked" if one.action == READ else "allowed"


@audit.command()
@limit
@as_json
@click.pass_context
def usage(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List what the last governed reads took, newest first."""
    found = _access(ctx).usage(limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        ["number", "when (UTC)", "who", "asked by", "port", "#", "purpose", "columns", "rows", "size", "seconds"],
        [
            [
                str(one.number),
                one.at[:19].replace("T", " "),
                _who(one),
                one.asked_by,
                one.port,
                str(one.publication),
                one.purpose,
                ", ".join(one.columns),
                f"{one.rows:,}",
                size(one.bytes),
                f"{one.seconds:.3f}",
            ]
            for one in found
        ],
        right=(0, 5, 8, 9, 10),
    )
