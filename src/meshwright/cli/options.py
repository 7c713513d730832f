"""Options that many verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshwright.cli import completing

if TYPE_CHECKING:
    from meshwright.node import Node


NODE = "meshwright.node"


def _environment(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    del parameter
    return environment_of(context, value)


def somebody(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """*value* unless it is empty, as a variable is that was not set: not even a command that needs nobody takes that."""
    from meshwright.model.principal import require_named

    del context, parameter
    require_named(value)
    return value


def environment_of(context: click.Context, value: str | None) -> str:
    """The environment called *value*; without one that of the git branch when there is one, else prod."""
    from meshwright.model.environment import PROD
    from meshwright.model.errors import InvalidInput, NotFound
    from meshwright.model.names import is_name

    if value is not None and not is_name(value):
        raise InvalidInput(f"'{value}' cannot name an environment: use a-z, 0-9 and _, starting with a letter")
    if value == PROD or context.resilient_parsing:
        return value or PROD
    try:
        node = node_of(context)
    except NotFound:
        # No mesh here: the command itself says so, if it needs one.
        return value or PROD
    return node.environment(value)


def require_named(context: click.Context, node: Node, environment: str) -> None:
    """Raise InvalidInput when prod, which others share, is about to be changed without having been named."""
    from meshwright.model.environment import PROD
    from meshwright.model.errors import InvalidInput

    named = context.get_parameter_source("environment") is click.core.ParameterSource.COMMANDLINE
    if environment == PROD and node.is_shared and not named:
        raise InvalidInput(
            "this mesh is shared: say --env prod to change what everybody reads, or work in an environment"
        )


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
environment = click.option(
    "--env",
    "environment",
    metavar="NAME",
    callback=_environment,
    shell_complete=completing.environments,
    help="The environment.  [default: the git branch's, else prod]",
)
acting = click.option(
    "--as",
    "acting",
    default=None,
    metavar="WHO",
    callback=somebody,
    help="Read as this person (or service:NAME, agent:NAME/PERSON, product:ID) would.",
)
purpose = click.option("--purpose", default="", metavar="NAME", help="What it is read for; see `mesh policy purposes`.")
selected = click.option(
    "--select",
    "selected",
    multiple=True,
    metavar="PATTERN",
    shell_complete=completing.patterns,
    help="Products: an id, a glob, domain:NAME, tag:NAME, changed; + before or after adds up- or downstream.",
)
full = click.option("--full", is_flag=True, help="Rebuild everything selected, with the whole of its inputs.")
allow_remove = click.option("--allow-remove", is_flag=True, help="Stop serving products whose folder was deleted.")


def node_of(context: click.Context) -> Node:
    """The node of the mesh that `-C` names, the same for the whole command. Raises NotFound."""
    from meshwright.node import open_node

    root = context.find_root()
    if NODE not in root.meta:
        root.meta[NODE] = open_node(Path(root.obj))
    node: Node = root.meta[NODE]
    return node


def forget_node(context: click.Context) -> None:
    """Let the next `node_of` read the mesh anew."""
    context.find_root().meta.pop(NODE, None)
