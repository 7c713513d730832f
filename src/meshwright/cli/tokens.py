"""`mesh token`: tokens for jobs, agents and everybody who comes without an identity provider."""

from __future__ import annotations

from dataclasses import asdict

import click

from meshwright.cli.options import as_json, node_of
from meshwright.cli.output import print_json, print_table


@click.group()
def token() -> None:
    """Hand out tokens, list and revoke them. Whoever has MESH_TOKEN set acts as the token says."""


@token.command()
@click.option("--for", "principal", default="", metavar="WHO", help="Whom it makes its bearer; default: yourself.")
@click.option("--port", "ports", multiple=True, metavar="PATTERN", help="Only for such ports, as sales.*; repeatable.")
@click.option("--purpose", "purposes", multiple=True, metavar="NAME", help="Only for this purpose; repeatable.")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it is good.")
@click.option("--note", default="", help="What it is for.")
@as_json
@click.pass_context
def create(
    ctx: click.Context,
    principal: str,
    ports: tuple[str, ...],
    purposes: tuple[str, ...],
    days: int,
    note: str,
    *,
    as_json: bool,
) -> None:
    """Make a token and show it, this once: only its digest is kept."""
    text, made = node_of(ctx).credentials.create(principal, ports=ports, purposes=purposes, days=days, note=note)
    if as_json:
        print_json({"token": text, "id": made.id, "principal": made.principal, "expires_at": made.expires_at})
        return
    click.echo(text)
    click.echo(
        f"token {made.id} for {made.principal}, good until {made.expires_at[:10]}; it is not shown again", err=True
    )


@token.command("list")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the tokens that were handed out; never what they are."""
    node = node_of(ctx)
    now = node.now().isoformat()
    found = node.credentials.visible()
    if as_json:
        rows = [asdict(one) for one in found]
        print_json([{key: value for key, value in row.items() if key != "digest"} for row in rows])
        return
    print_table(
        ["id", "for", "ports", "purposes", "created", "by", "expires", "state", "note"],
        [
            [
                one.id,
                one.principal,
                ", ".join(one.scope.ports) or "all",
                ", ".join(one.scope.purposes) or "all",
                one.created_at[:10],
                one.created_by,
                one.expires_at[:10],
                "revoked" if one.revoked_at else "expired" if one.refusal(now) else "good",
                one.note,
            ]
            for one in found
        ],
    )


@token.command()
@click.argument("token_id", metavar="ID")
@click.pass_context
def revoke(ctx: click.Context, token_id: str) -> None:
    """Let the token called ID be good for nothing, from now on."""
    revoked = node_of(ctx).credentials.revoke(token_id)
    click.echo(f"token {revoked.id} for {revoked.principal} is good for nothing any more")
