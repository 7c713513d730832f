"""dbt's `ref('…')` and `source('…', '…')` as they are written, found without rendering what is around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALL: Final = re.compile(r"{{-?\s*(ref|source)\(([^{}]*?)\)\s*-?}}")
CONFIG: Final = re.compile(r"{{-?\s*config\s*\(.*?\)\s*-?}}\s*", re.DOTALL)
ARGUMENT: Final = re.compile(r"(?:(v|version)\s*=\s*)?(?:['\"]([^'\"]*)['\"]|(\d+))")


class Reference(NamedTuple):
    """A table that a template names: `kind` is ref or source, `more` the version ("" none said) or the source's table."""

    kind: str
    name: str
    more: str


def references_in(text: str) -> Iterator[Reference]:
    """The references in *text*, in their order; calls whose arguments are not plain text are left out."""
    for match in CALL.finditer(text):
        found = _read(match)
        if found is not None:
            yield found


def reference(expression: str) -> Reference | None:
    """What an *expression* such as `ref('orders', v=2)`, in braces or not, refers to; None when it is no reference."""
    bare = expression.strip().removeprefix("{{").removesuffix("}}").strip()
    return next(references_in("{{ " + bare + " }}"), None)


def named(text: str, namer: Callable[[str, str, str], str]) -> str:
    """*text* with its references named and its configuration removed; all other templating stays as it is."""

    def name(match: re.Match[str]) -> str:
        found = _read(match)
        return match.group(0) if found is None else namer(*found)

    return CALL.sub(name, CONFIG.sub("", text)).strip()


def _read(match: re.Match[str]) -> Reference | None:
    version, names = "", []
    for keyword, text, number in ARGUMENT.findall(match.group(2)):
        if keyword:
            version = text or number
        else:
            names.append(text)
    if match.group(1) == "source":
        return Reference("source", names[0], names[1]) if len(names) == 2 else None  # noqa: PLR2004 - source and table
    return Reference("ref", names[-1], version) if names else None
