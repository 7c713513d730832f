"""Artifacts: the files of a port of kind files, copied to where somebody wants them."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from typing import TYPE_CHECKING

from meshwright.model.errors import Unavailable
from meshwright.storage.durable import reported, unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.publication import Artifact


def copy_artifact(artifact: Artifact, source: Path, folder: Path) -> Path:
    """Copy *artifact*, which is the file *source*, below *folder*; the file made.

    It appears there whole and with the published checksum; a former file stands until then. Raises Unavailable.
    """
    target = folder / artifact.path
    draft = target.with_name(f".{secrets.token_hex(8)}")
    with reported(target.parent, "make"):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, draft)
        with draft.open("rb") as copied:
            found = hashlib.file_digest(copied, "sha256").hexdigest()
        if found != artifact.sha256:
            raise Unavailable(
                f"{source} is damaged: its checksum is not the published one. Rebuild the product with --full"
            )
        draft.replace(target)
    except OSError as error:
        raise unavailable(error, source if error.filename == str(source) else target, "copy") from error
    finally:
        draft.unlink(missing_ok=True)
    return target
