"""`mesh export --all` and `mesh import --all`: a whole mesh from one registry and warehouse to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from meshwright.cli.options import node_of
from meshwright.cli.output import plural, print_json, size

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.operating.moving import Moved


def export_all(ctx: click.Context, place: Path, *, as_json: bool) -> None:
    """Write everything that registry and warehouse hold to *place*."""
    _tell(node_of(ctx).moving().export(place), f"wrote {place}", as_json=as_json)


def import_all(ctx: click.Context, place: Path, *, as_json: bool) -> None:
    """Fill the mesh's new registry and warehouse with what *place* holds."""
    _tell(node_of(ctx).moving().load(place), f"imported {place}", as_json=as_json)


def _tell(moved: Moved, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"rows": moved.rows, "files": moved.files, "bytes": moved.bytes})
        return
    published = plural(moved.rows.get("publications", 0), "publication")
    rows = plural(sum(moved.rows.values()), "row")
    click.echo(f"{done}: {published} ({rows} of the registry), {plural(moved.files, 'file')}, {size(moved.bytes)}")
