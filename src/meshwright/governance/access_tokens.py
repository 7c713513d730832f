"""The text of access tokens: `mesh_`, 30 random characters, and a checksum of six that tells a typing error from a forgery."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import Final

PREFIX: Final = "mesh_"
ALPHABET: Final = string.digits + string.ascii_letters
RANDOM: Final = 30
CHECKSUM: Final = 6
SHAPE: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}")


def new_token() -> str:
    """A new token: 178 bits of randomness."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return f"{PREFIX}{random}{_checksum(random)}"


def digest(text: str) -> str:
    """What is kept of the token *text*: its SHA-256. Raises ValueError for what was never handed out."""
    # A checksum is no secret: it spares a look into the registry, and tells people that they copied half.
    if not SHAPE.fullmatch(text) or _checksum(text[len(PREFIX) : -CHECKSUM]) != text[-CHECKSUM:]:
        raise ValueError("it is no token of a mesh: copy it whole, from mesh_ on")
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(random: str) -> str:
    rest = zlib.crc32(random.encode())
    found = ""
    for _ in range(CHECKSUM):
        rest, digit = divmod(rest, len(ALPHABET))
        found = ALPHABET[digit] + found
    return found
