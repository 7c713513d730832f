"""Options that many verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from meshwright.node import Node


def _environment(context: click.Context, parameter: click.Parameter, value: str) -> str:
    from meshwright.model.errors import InvalidInput
    from meshwright.model.names import is_name

    del context, parameter
    if not is_name(value):
        raise InvalidInput(f"'{value}' cannot name an environment: use a-z, 0-9 and _, starting with a letter")
    return value


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
environment = click.option(
    "--env",
    "environment",
    default="prod",
    show_default=True,
    metavar="NAME",
    callback=_environment,
    help="The environment.",
)
selected = click.option(
    "--select",
    "selected",
    multiple=True,
    metavar="PATTERN",
    help="Products: an id, a glob, domain:NAME, tag:NAME, changed; + before or after adds up- or downstream.",
)
full = click.option("--full", is_flag=True, help="Rebuild everything selected, with the whole of its inputs.")
allow_remove = click.option("--allow-remove", is_flag=True, help="Stop serving products whose folder was deleted.")


def node_of(context: click.Context) -> Node:
    """The node of the mesh that `-C` names. Raises NotFound."""
    from meshwright.node import open_node

    return open_node(Path(context.find_root().obj))
