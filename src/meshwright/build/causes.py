"""What stopped a build, said without a value of any row: the kind of error, and the place in the product's files."""

from __future__ import annotations

import builtins
import re
import traceback
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Conflict, Denied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TRACEBACK: Final = "Traceback (most recent call last):\n"
RAISED: Final = re.compile(r"^(\w+)(?::|$)", re.MULTILINE)
LINE: Final = r'File "[^"\n]*{name}", line (\d+)'


def cause(error: BaseException, paths: Iterable[str]) -> str:
    """Why a product was not built whose transformations are at *paths*, as `ConversionException in …/transform/a.sql`.

    What policies say, and that somebody else was first, is told in full: it is of no row. Everything else may be.
    """
    if isinstance(error, Denied | Conflict):
        return str(error)
    text = str(error)
    kind = _engines(error) or _pythons(text) or type(error).__name__
    # Errors begin with the file of a Python transformation, and with the name of one in SQL.
    begun = text.partition(":")[0]
    path = next((path for path in paths if begun in {_file(path), _file(path).rpartition(".")[0]}), "")
    return f"{kind} in {path}{_line(text, path)}" if path else kind


def trace(error: BaseException) -> str:
    """Where *error*, and what it came of, was raised, without what it says."""
    return "\n".join(
        f"{type(one).__name__}\n{''.join(traceback.format_tb(one.__traceback__))}" for one in _chain(error)
    ).rstrip()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """*error*, and what it came of."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _engines(error: BaseException) -> str:
    """What the engine calls what *error* came of; "" when it came of something else."""
    import duckdb

    return next((type(one).__name__ for one in _chain(error) if isinstance(one, duckdb.Error)), "")


def _pythons(text: str) -> str:
    """What Python calls the exception that a traceback in *text* ends with; "" for another: a made up name can say anything."""
    named = [match.group(1) for match in RAISED.finditer(text.partition(TRACEBACK)[2])]
    return next((name for name in named if _is_exception(name)), "")


def _is_exception(name: str) -> bool:
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def _line(text: str, path: str) -> str:
    """The line of *path* where a traceback in *text* begins, as `:12`; "" where there is none."""
    found = re.search(LINE.format(name=re.escape(_file(path))), text.partition(TRACEBACK)[2])
    return f":{found.group(1)}" if found else ""


def _file(path: str) -> str:
    return path.rpartition("/")[2]
