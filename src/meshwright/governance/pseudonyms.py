"""The key that pseudonyms are made with: one per mesh, kept beside its registry and nowhere else."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "pseudonym.key"
BYTES: Final = 32
OWNER_ONLY: Final = 0o600


def pseudonym_key(folder: Path) -> bytes:
    """The key in *folder*, readable by its owner only; made when there is none. Raises Unavailable."""
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        except FileExistsError:
            key = path.read_bytes()
        else:
            key = secrets.token_bytes(BYTES)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
    except OSError as error:
        raise Unavailable(f"the key for pseudonyms {path} cannot be read or made: {error.strerror}") from error
    if len(key) != BYTES:
        raise Unavailable(
            f"the key for pseudonyms {path} is damaged: restore it, or remove it and all pseudonyms change"
        )
    return key
