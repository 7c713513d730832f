"""The registry's JSON documents ⇄ the model's dataclasses."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

Model = TypeVar("Model")
_MAKING = threading.Lock()


def encode(value: Any) -> str:  # noqa: ANN401 - any dataclass of the model, or a list of texts
    """*value* as JSON; what JSON has no word for becomes text (NaN and infinity become null)."""
    import msgspec

    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:
        # File names that are not UTF-8 reach messages as lone surrogates.
        return msgspec.json.encode(_printable(msgspec.to_builtins(value, enc_hook=str))).decode()


def without_defaults(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass of the model
    """The fields of *value* that are not as they are by default: decoding puts the others back."""
    from dataclasses import MISSING, fields

    found = {}
    for one in fields(value):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if (held := getattr(value, one.name)) != default:
            found[one.name] = held
    return found


def decode(text: str, kind: type[Model], *, what: str) -> Model:
    """The *kind* that *text* holds. Raises Unavailable, naming *what* it is, when the text is damaged."""
    import msgspec

    try:
        found: Model = _decoder(cast("Hashable", kind)).decode(text)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unavailable(
            f"the registry's record of {what} is damaged ({error}); restore the registry from a backup"
        ) from error
    return found


@contextmanager
def decoding_many() -> Iterator[None]:
    """Keep the garbage collector from walking thousands of fresh documents again and again: that takes most of the time.

    Documents are trees, so nothing is left for it to find.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _printable(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case list() | tuple():
            return [_printable(item) for item in value]
        case dict():
            return {_printable(key): _printable(item) for key, item in value.items()}
        case _:
            return value


def _decoder(kind: Hashable) -> Any:  # noqa: ANN401 - msgspec's decoders are generic
    # Where two threads look into one dataclass for the first time at once, msgspec 0.22.0 takes the process down.
    with _MAKING:
        return _made(kind)


@cache
def _made(kind: Hashable) -> Any:  # noqa: ANN401
    import msgspec

    return msgspec.json.Decoder(kind)
