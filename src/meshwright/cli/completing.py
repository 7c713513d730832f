"""`mesh completion`: what a shell completes, and the script that makes it do so.

A shell asks while somebody types, so nothing here takes long, prints, or fails: without an answer there is none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class, split_arg_string

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from meshwright.build.words import Words

VARIABLE = "_MESH_COMPLETE"
TOKEN = "MESH_TOKEN"  # noqa: S105 - where the token is, not one
SHELLS = ("bash", "zsh", "fish")
# bash takes `domain:sales` and `sales.orders@1` for several words otherwise.
BASH_WORDS = 'COMP_WORDBREAKS="${COMP_WORDBREAKS//[:@]/}"\n'


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print the script that completes verbs, ids, columns and environments in SHELL; by default the one in $SHELL.

    bash and zsh: eval "$(mesh completion bash)" in the start-up file. fish: mesh completion fish | source.
    """
    name = shell or Path(os.environ.get("SHELL", "bash")).name
    kind = get_completion_class(name)
    if name not in SHELLS or kind is None:
        raise click.UsageError(f"there is no completion for {name}: name one of {', '.join(SHELLS)}")
    made = kind(click.Group("mesh"), {}, "mesh", VARIABLE)
    script = made.source_template % made.source_vars()
    if name == "bash":
        script = BASH_WORDS + script
    if name == "fish":
        # A list of columns holds commas of its own.
        script = script.replace('string split "," ', 'string split --max 1 "," ')
    click.echo(script)


def _words(context: click.Context) -> Words:
    from meshwright.build.words import Words, kept_words
    from meshwright.workspace.root import find_root

    try:
        root = find_root(Path(context.find_root().params.get("folder") or "."))
        # What is kept are the owner's words: who comes with a token is told what policies let that one discover.
        kept = None if TOKEN in os.environ else kept_words(root, root / ".mesh" / "cache")
        if kept is not None:
            return kept
        from meshwright.node import Node

        return Node(root).words()
    except Exception:  # noqa: BLE001 - whatever is wrong with the mesh, who types is not to be told in between
        return Words()


def _starting(words: Iterable[str], incomplete: str, prefix: str = "") -> list[CompletionItem]:
    return [CompletionItem(prefix + word) for word in words if word.startswith(incomplete)]


def ports(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ports by address."""
    del parameter
    return _starting(_words(context).ports, incomplete)


def ports_and_steps(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ports and intermediate steps by address."""
    del parameter
    words = _words(context)
    return _starting([*words.ports, *words.steps], incomplete)


def products(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Products by id."""
    del parameter
    return _starting(_words(context).products, incomplete)


def columns(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Columns of the port that is named on the line, after those that are listed already."""
    del parameter
    known = _words(context).ports
    named, comma, last = incomplete.rpartition(",")
    taken = set(named.split(","))
    port = _port(context, known)
    every = _visible(context, port) if TOKEN in os.environ else known.get(port, [])
    return _starting([name for name in every if name not in taken], last, named + comma)


def _visible(context: click.Context, port: str) -> list[str]:
    """The columns of *port* that the bearer of a token would see."""
    from meshwright.node import open_node

    try:
        node = open_node(Path(context.find_root().params.get("folder") or "."))
        environment = node.environment()
        names = node.names(environment)
        return names.columns(port, environment, context.params.get("purpose") or "") if names and port else []
    except Exception:  # noqa: BLE001 - as above; what cannot be decided is not told
        return []


def _port(context: click.Context, known: Container[str]) -> str:
    """The port on the line, as it is *known*."""
    # An option that still lacks its value keeps click from reading what stands before it.
    line = [str(context.params.get("port") or ""), *split_arg_string(os.environ.get("COMP_WORDS", ""))]
    for word in line:
        domain, _, rest = word.partition("@")[0].partition(".")
        product, _, port = rest.partition(".")
        address = f"{domain}.{product}" if port in {"", product} else f"{domain}.{rest}"
        if address in known:
            return address
    return ""


def origins(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What `--from` takes: ports by address, and files, which the shell knows itself."""
    found = ports(context, parameter, incomplete) if incomplete else []
    return found or [CompletionItem(incomplete, type="file")]


def blueprints(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Blueprints by name, and `list`."""
    del parameter
    from meshwright.authoring.blueprints import blueprints as known
    from meshwright.workspace.root import find_root

    try:
        found = known(find_root(Path(context.find_root().params.get("folder") or ".")))
    except Exception:  # noqa: BLE001 - as above
        return []
    return _starting([*found, "list"], incomplete)


def environments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments by name."""
    del parameter
    return _starting(_words(context).environments, incomplete)


def patterns(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What `--select` takes: ids, `domain:`, `tag:`, `changed`; a leading + stays."""
    del parameter
    words = _words(context)
    core = incomplete.lstrip("+")
    known = [
        *words.products,
        *(f"domain:{name}" for name in words.domains),
        *(f"tag:{name}" for name in words.tags),
        "changed",
    ]
    return _starting(known, core, incomplete[: len(incomplete) - len(core)])


def codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Codes of findings."""
    del context, parameter
    from meshwright.build.codes import all_codes

    return _starting((one.code for one in all_codes()), incomplete)
