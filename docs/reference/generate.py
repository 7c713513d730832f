# ruff: noqa: INP001 - a script beside what it writes, not a package
"""Writes the reference pages from the code: `python docs/reference/generate.py`. A test fails when one is out of date."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import click

FOLDER = Path(__file__).parent
NOTE = "<!-- Written by docs/reference/generate.py from the code; edit that instead. -->\n\n"
WIDTH = 100


def pages() -> dict[str, str]:
    """The text of every reference page, by file name."""
    from meshwright.formats import connections, custom_properties

    made = {
        "command-line.md": command_line(),
        "connections.md": connections.reference(),
        "custom-properties.md": custom_properties.reference(),
        "files.md": files(),
        "findings.md": findings(),
        "sdk.md": sdk(),
        "sql.md": sql(),
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


def files() -> str:
    """The keys of the files that are ours, from their JSON Schemas."""
    from meshwright.formats.mesh_files import schemas

    parts = [
        "# Files",
        "",
        "The keys of the files that are Meshwright's own. `product.yaml` is [ODPS](https://bitol.io) v1.1.0, a contract",
        "[ODCS](https://bitol-io.github.io/open-data-contract-standard/) v3.2.0, both with our",
        "[custom properties](custom-properties.md). `mesh schema NAME` prints the JSON Schema of each kind of file for editors.",
        "",
    ]
    places = {
        "mesh": "",
        "domain": "domains/DOMAIN/",
        "people": "",
        "tests": "domains/DOMAIN/PRODUCT/",
        "policy_cases": "",
    }
    for name, folder in places.items():
        schema = schemas()[name]
        parts += [f"## {folder}{schema['title']}", "", "| key | value | meaning |", "|---|---|---|", *_keys(schema), ""]
    return "\n".join(parts)


def _keys(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """One row of the table for each key below *schema*, required ones marked."""
    if "oneOf" in schema:
        yield from _keys(schema["oneOf"][0], path)
    if isinstance(schema.get("items"), dict):
        yield from _keys(schema["items"], f"{path}[]")
    for key, inner in schema.get("properties", {}).items():
        name = f"{path}.{key}" if path else key
        kind = inner.get("type", "any")
        shown = " or ".join(kind) if isinstance(kind, list) else kind
        must = ", **required**" if key in schema.get("required", ()) else ""
        yield f"| `{name}` | {shown}{must} | {inner.get('description', '')} |"
        if key != "customProperties":
            yield from _keys(inner, name)


def sql() -> str:
    """What a query may call, from the lists that the fence goes by."""
    from meshwright.analysis import functions

    return "\n".join(
        [
            "# SQL",
            "",
            "A transformation, a quality rule's query and what `mesh query` runs are one `SELECT` in DuckDB's dialect, made of",
            "known parts: joins, CTEs (recursive ones, too), subqueries, windows, `GROUP BY ALL`, `QUALIFY`, `PIVOT` with an `IN`",
            "list, `UNPIVOT`, `ASOF` joins, lambdas, `EXCLUDE`, `REPLACE` and `COLUMNS` among them. What is not listed here is refused, with its line:",
            "also what a new release of DuckDB brings, until somebody has looked at it.",
            "",
            "## Functions",
            "",
            _words(functions.SCALARS | functions.AGGREGATES | functions.ROW_MAKERS),
            "",
            "## In FROM",
            "",
            "Beside tables: " + _words(functions.TABLE_FUNCTIONS),
            "",
            "## Functions that change by themselves",
            "",
            "Allowed, but a product that calls one is built every time: " + _words(functions.VOLATILE),
            "",
            "## Refused",
            "",
            "Whatever reads the environment, files, settings or the catalogue, runs SQL from text, or waits; and samples",
            "without a seed. `mesh validate` names it, with the line.",
        ]
    )


def _words(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in sorted(names) if name.isidentifier())


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
