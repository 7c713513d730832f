"""Blueprints: folders that a new product is rendered from, Meshwright's own and the mesh's in `blueprints/`.

A blueprint is a folder with a `blueprint.yaml` (what it is for, what it reads, which ports it makes) and files. Those that
end in `.j2` are Jinja templates, the others are taken as they are; paths are templates too, and a path that names `port` or
`table` is rendered once for each. Templates run in Jinja's sandbox and see nothing but what they are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats.yaml_text import dump, parse
from meshwright.model.errors import InvalidInput, NotFound
from meshwright.model.names import is_name, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jinja2.sandbox import SandboxedEnvironment

FOLDER: Final = "blueprints"
DESCRIPTION: Final = "blueprint.yaml"
TEMPLATE: Final = ".j2"
BUILT_IN: Final = Path(__file__).with_name("templates")
# What a blueprint reads: nothing, anything that can be looked at, or another product's port.
READS: Final = ("nothing", "anything", "port")
KEYS: Final = frozenset({"description", "reads", "port", "type", "materialization"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A blueprint. `port` is a template for the names of its output ports, `type` their type (tables or files)."""

    name: str
    folder: Path
    description: str
    reads: str = "anything"
    port: str = "{{ table.port }}"
    type: str = "tables"
    materialization: str = "full"

    def files(self) -> Iterator[tuple[str, str]]:
        """Every file but its description: the path within the folder, with `/`, and the text."""
        for file in sorted(self.folder.rglob("*")):
            path = file.relative_to(self.folder).as_posix()
            if file.is_file() and path != DESCRIPTION and not any(part.startswith(".") for part in path.split("/")):
                try:
                    yield path, file.read_text(encoding="utf-8")
                except UnicodeDecodeError as error:
                    message = f"{file}: a file of a blueprint is text in UTF-8: {error}"
                    raise InvalidInput(message) from error


def blueprints(root: Path) -> dict[str, Blueprint]:
    """Every blueprint by name: the mesh's own come first, and stand for a built-in one of the same name.

    Raises InvalidInput for one whose description is not understood.
    """
    found: dict[str, Blueprint] = {}
    for folder in (root / FOLDER, BUILT_IN):
        for file in sorted(folder.glob(f"*/{DESCRIPTION}")):
            name = file.parent.name
            if name not in found:
                found[name] = _read(file)
    return found


def blueprint(root: Path, name: str) -> Blueprint:
    """The blueprint called *name*. Raises NotFound, InvalidInput."""
    known = blueprints(root)
    if name not in known:
        guess = nearest(name, known)
        message = f"there is no blueprint '{name}': " + (
            f"did you mean {guess}?" if guess else f"there are {', '.join(known)}"
        )
        raise NotFound(message)
    return known[name]


def _read(file: Path) -> Blueprint:
    document, findings = parse(file.read_bytes(), str(file))
    if findings:
        raise InvalidInput("; ".join(str(finding) for finding in findings))
    if not isinstance(document, dict) or not isinstance(document.get("description"), str):
        message = f"{file}: write at least 'description: …', what the blueprint is for"
        raise InvalidInput(message)
    wrong = next((key for key, value in document.items() if not isinstance(value, str)), None)
    if wrong is not None:
        message = f"{file}: {wrong} is a text"
        raise InvalidInput(message)
    unknown = sorted(set(document) - KEYS)
    if unknown:
        close = nearest(unknown[0], KEYS)
        message = f"{file}: there is no key '{unknown[0]}'" + (f": did you mean '{close}'?" if close else "")
        raise InvalidInput(message)
    if document.get("reads", "anything") not in READS:
        message = f"{file}: reads is one of {', '.join(READS)}, not {document['reads']!r}"
        raise InvalidInput(message)
    if not is_name(file.parent.name.replace("-", "_")):
        message = f"{file.parent}: a blueprint's folder is its name: use a-z, 0-9, _ and -"
        raise InvalidInput(message)
    return Blueprint(name=file.parent.name, folder=file.parent, **document)


def rendered(chosen: Blueprint, context: Mapping[str, Any], tables: Sequence[object]) -> dict[str, str]:
    """The files of a product made from the blueprint, by path within its folder; *tables* are those that it reads.

    Raises InvalidInput, with file and line, for a template that fails.
    """
    found: dict[str, str] = {}
    for path, text in chosen.files():
        is_for_each = "{{" in path and "table" in path
        for values in [{**context, "table": table} for table in tables] if is_for_each else [dict(context)]:
            where = f"{chosen.folder / path}"
            target = render(path.removesuffix(TEMPLATE), values, where)
            if target.startswith("/") or ".." in target.split("/"):
                message = f"{where}: a blueprint writes below the product's folder only, not to {target}"
                raise InvalidInput(message)
            found[target] = render(text, values, where) if path.endswith(TEMPLATE) else text
    return found


def render(template: str, context: Mapping[str, Any], where: str) -> str:
    """*template* with the values of *context*. Raises InvalidInput naming *where* and the line."""
    from jinja2 import TemplateError

    try:
        return _environment().from_string(template).render(context)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        message = f"{where}{f':{line}' if line else ''}: the template cannot be rendered: {error}"
        raise InvalidInput(message) from error
    except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError) as error:
        message = f"{where}: the template cannot be rendered: {type(error).__name__}: {error}"
        raise InvalidInput(message) from error


def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    # What is written is SQL, YAML and Markdown: escaping for HTML would damage it.
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["yaml"] = dump
    return environment
