"""`mesh audit`: what was decided about reads, and what they took."""

from __future__ import annotations

from dataclasses import asdict

import click

from meshwright.cli.options import as_json, node_of
from meshwright.cli.output import print_json, print_table, size
from meshwright.model.environment import PROD


@click.group()
def audit() -> None:
    """What was decided about every governed read, and why, and what it took."""


@audit.command()
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@as_json
@click.pass_context
def log(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List the last decisions, newest first."""
    node = node_of(ctx)
    node.rights(PROD).administer()
    found = node.access.records(limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        ["number", "when (UTC)", "who", "asked by", "port", "#", "decision", "because"],
        [
            [
                str(one.number),
                one.at[:19].replace("T", " "),
                f"{one.principal} for {one.acts_for}" if one.acts_for else one.principal,
                one.asked_by,
                one.port,
                str(one.publication),
                f"{one.rows} rows, {len(one.masked)} masked" if one.allowed else "denied",
                "; ".join(one.reasons) or ", ".join(one.policies),
            ]
            for one in found
        ],
        right=(0, 5),
    )


@audit.command()
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@as_json
@click.pass_context
def usage(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List what the last governed reads took, newest first."""
    node = node_of(ctx)
    node.rights(PROD).administer()
    found = node.access.usage(limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        ["number", "when (UTC)", "who", "asked by", "port", "#", "purpose", "columns", "rows", "size", "seconds"],
        [
            [
                str(one.number),
                one.at[:19].replace("T", " "),
                f"{one.principal} for {one.acts_for}" if one.acts_for else one.principal,
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
