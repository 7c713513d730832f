"""What callers of the SDK give, as it is meant, or refused with the name of the argument."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from meshwright.model.errors import InvalidInput

# What fits into the engine's number of rows.
LIMIT_MAX: Final = 2**63 - 1


def text(name: str, value: Any) -> str:  # noqa: ANN401 - whatever was given
    """*value* when it is text. Raises InvalidInput, which calls it *name*."""
    if isinstance(value, str):
        return value
    raise InvalidInput(f"{name} is text, not {value!r}")


def moment(name: str, value: Any) -> str:  # noqa: ANN401 - whatever was given
    """A publication's number or a time, as text. Raises InvalidInput, which calls it *name*."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise InvalidInput(f"{name} is a publication's number or a time (ISO 8601, UTC), not {value!r}")


def names(name: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever was given
    """*value* when it holds texts, and is none itself. Raises InvalidInput, which calls it *name*."""
    if isinstance(value, str):
        raise InvalidInput(f"{name} is a list of names: write {name}=[{value!r}]")
    found = tuple(value) if isinstance(value, Iterable) else None
    if found is None or not all(isinstance(one, str) for one in found):
        raise InvalidInput(f"{name} is a list of names, not {value!r}")
    return found


def count(name: str, value: Any) -> int | None:  # noqa: ANN401 - whatever was given
    """*value* when it is a number of rows, or None. Raises InvalidInput, which calls it *name*."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LIMIT_MAX):
        return value
    raise InvalidInput(f"{name} is a number of rows, 0 or more, not {value!r}")
