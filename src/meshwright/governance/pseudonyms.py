"""The key that pseudonyms are made with: one per mesh, kept in its registry and nowhere else.

Meshes of before kept it in a file beside the registry, each machine its own. That key is taken into a registry which has
none, so that pseudonyms stay as they are.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.storage import MeshKeys

LOG = logging.getLogger(__name__)
NAME: Final = "pseudonyms"
BYTES: Final = 32
FORMER_FILE: Final = "pseudonym.key"


def pseudonym_key(keys: MeshKeys, folder: Path) -> bytes:
    """The mesh's key among *keys*, made when there is none; *folder* may hold one of before. Raises Unavailable."""
    former = folder / FORMER_FILE
    found = keys.find(NAME)
    if found is None:
        found = keys.keep(NAME, _former_key(former) or secrets.token_bytes(BYTES))
    if len(found) != BYTES:
        raise Unavailable(f"the registry's key for {NAME} is damaged: restore the registry from a backup")
    if former.exists():
        _retire(former, found)
    return found


def _former_key(path: Path) -> bytes | None:
    """The key in the file *path*; None when there is none."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"the key for pseudonyms {path} cannot be read: {error.strerror}") from error
    if len(key) != BYTES:
        raise Unavailable(
            f"the key for pseudonyms {path} is damaged: restore it, or remove it and all pseudonyms change"
        )
    return key


def _retire(path: Path, key: bytes) -> None:
    """Remove the file *path* if it holds the *key* that the registry has; say that it counts for nothing if it does not."""
    try:
        if path.read_bytes() == key:
            path.unlink(missing_ok=True)
            return
    except FileNotFoundError:
        return
    except OSError as error:
        LOG.warning("%s is not used any more and cannot be removed: %s", path, error.strerror)
        return
    LOG.warning("%s is not used: the registry holds another key for pseudonyms, which counts; remove the file", path)
