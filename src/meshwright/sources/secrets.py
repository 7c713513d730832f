"""Secrets: looked up when a connection is opened, held no longer than that, and taken out of every error."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus, unquote

from meshwright.model.connection import is_reference, without_secrets
from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.model.connection import Connection

EXEC_SECONDS_MAX: Final = 30
HIDDEN: Final = "***"
# Shorter than this a secret would turn every message into stars, and is none.
LENGTH_MIN: Final = 3
PASSWORD: Final = re.compile(r"://[^/?#@]*?:([^/?#]*)@")


@dataclass(slots=True)
class Opened:
    """A connection's settings with its secrets looked up. `scrub` whatever may repeat one."""

    connection: Connection
    settings: dict[str, Any] = field(repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)

    def scrub(self, text: str) -> str:
        """*text* without any of the secrets, plain or as a URL spells them."""
        for secret in sorted(self.hidden, key=len, reverse=True):
            for spelling in {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}:
                text = text.replace(spelling, HIDDEN)
        return without_secrets(text)


def look_up(connection: Connection, root: Path) -> Opened:
    """The settings of *connection* with what its references refer to; files are relative to *root*.

    Raises Unavailable, naming the connection and the reference, when one leads to nothing.
    """
    hidden: list[str] = []

    def resolved(name: str, value: Any) -> Any:  # noqa: ANN401 - a setting
        if is_reference(value):
            secret = _secret(value, root, f"{connection.path}: connection {connection.name}: {name}")
            # A URL is secret as a whole, and so is the password in it: libraries quote parts of what they cannot read.
            parts = PASSWORD.findall(secret)
            hidden.extend(one for one in (secret, *parts, *map(unquote, parts)) if len(one) >= LENGTH_MIN)
            return secret
        if isinstance(value, dict):
            return {key: resolved(f"{name}.{key}", inner) for key, inner in value.items()}
        return value

    settings = {name: resolved(name, value) for name, value in connection.settings.items()}
    return Opened(connection, settings, tuple(hidden))


def _secret(reference: Mapping[str, Any], root: Path, where: str) -> str:
    ((kind, target),) = reference.items()
    if kind == "env":
        found = os.environ.get(str(target))
        if not found:
            raise Unavailable(f"{where}: the environment variable {target} is not set; set it and run again")
        return found
    if kind == "file":
        path = root / Path(str(target)).expanduser()
        try:
            found = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Unavailable(f"{where}: the file {target} cannot be read: {reason}") from None
        if not found:
            raise Unavailable(f"{where}: the file {target} is empty; write the secret into it")
        return found
    return _printed(target, root, where)


def _printed(command: Any, root: Path, where: str) -> str:  # noqa: ANN401 - a list or one line
    """What *command* prints. What it writes on standard error may hold secrets, and is not repeated."""
    import shlex
    import subprocess

    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    if not words:
        raise InvalidInput(f"{where}: exec names no command; write e.g. {{exec: [pass, show, crm]}}")
    try:
        done = subprocess.run(  # noqa: S603 - the mesh's own file names the command, as it names the query
            words, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=EXEC_SECONDS_MAX, check=False
        )  # fmt: skip
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"{where}: {words[0]} cannot be run: {getattr(error, 'strerror', None) or 'no text'}"
        ) from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{where}: {words[0]} did not answer within {EXEC_SECONDS_MAX} seconds") from None
    found = done.stdout.rstrip("\r\n")
    if done.returncode or not found:
        what = f"failed with exit code {done.returncode}" if done.returncode else "printed nothing"
        raise Unavailable(f"{where}: {words[0]} {what}; run it by hand to see why")
    return found
