# ruff: noqa: INP001 - a script beside what it writes, not a package
"""Writes the reference pages from the code: `python docs/reference/generate.py`. A test fails when one is out of date."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

FOLDER = Path(__file__).parent
NOTE = "<!-- Written by docs/reference/generate.py from the code; edit that instead. -->\n\n"
WIDTH = 100


def pages() -> dict[str, str]:
    """The text of every reference page, by file name."""
    from meshwright.formats import custom_properties

    made = {
        "command-line.md": command_line(),
        "custom-properties.md": custom_properties.reference(),
        "findings.md": findings(),
        "sdk.md": sdk(),
    }
    return {name: NOTE + text.rstrip("\n") + "\n" for name, text in made.items()}


def command_line() -> str:
    """Every verb's own help, subcommands included."""
    from meshwright.cli.main import mesh

    parts = ["# Command line", "", "What `mesh --help` and `mesh VERB --help` say.", ""]
    for name, text in _helps(mesh, "mesh", None):
        parts += [f"## {name}", "", "```text", text, "```", ""]
    return "\n".join(parts)


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    import click

    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _helps(found, inner, context)


def findings() -> str:
    """Every finding's code with what `mesh explain` says of it."""
    from meshwright.build.codes import all_codes

    parts = [
        "# Findings",
        "",
        "What `mesh validate` and `mesh plan` may find wrong in a mesh's files, as `path:line:column: error[code]: …`;",
        "`mesh explain CODE` says the same.",
        "",
    ]
    for code in all_codes():
        parts += [f"## {code.code}", "", f"**{code.title}.**", "", code.explanation, ""]
    return "\n".join(parts)


def sdk() -> str:
    """What a consumer imports: signatures and docstrings."""
    import meshwright
    from meshwright.sdk.client import Mesh, Rows

    parts = [
        "# SDK",
        "",
        "What `import meshwright` offers to consumers. [Consume](../guide/consume.md) shows it at work.",
        "",
    ]
    parts += _entry("meshwright.connect", meshwright.connect, level=2)
    for kind in (Mesh, Rows):
        parts += [f"## {kind.__name__}", "", inspect.cleandoc(kind.__doc__ or ""), ""]
        for name, method in vars(kind).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                parts += _entry(name, method, level=3)
    return "\n".join(parts)


def _entry(name: str, function: Any, *, level: int) -> list[str]:  # noqa: ANN401 - any function
    signature = inspect.signature(function)
    shown = [
        parameter.replace(annotation=_Written(parameter.annotation))
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    text = str(signature.replace(parameters=shown, return_annotation=_Written(signature.return_annotation)))
    call = f"{name}{text}"
    return [f"{'#' * level} {name}", "", "```text", call, "```", "", inspect.cleandoc(function.__doc__ or ""), ""]


class _Written(str):
    """An annotation, shown as it is written: without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
