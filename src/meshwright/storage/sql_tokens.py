"""Access tokens in the registry's database; of each the digest, never the text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meshwright.model.access_token import AccessToken
from meshwright.model.errors import NotFound
from meshwright.storage.database import open_database
from meshwright.storage.documents import decode, encode

if TYPE_CHECKING:
    from pathlib import Path

WHAT: Final = "an access token"
INSERT: Final = "INSERT INTO access_tokens (id, digest, document) VALUES (:id, :digest, :document)"
FIND: Final = "SELECT document FROM access_tokens WHERE digest = :digest"
NAMED: Final = "SELECT document FROM access_tokens WHERE id = :id"
LIST: Final = "SELECT document FROM access_tokens ORDER BY id"
UPDATE: Final = "UPDATE access_tokens SET document = :document WHERE id = :id"


class SqlTokens:
    """The tokens in the database at *url*, paths relative to *root*; opens nothing before it is used."""

    def __init__(self, url: str, root: Path) -> None:
        self._database = open_database(url, root)

    def add(self, token: AccessToken) -> None:
        """Keep *token*, which is new."""
        with self._database.writing() as transaction:
            transaction.execute(INSERT, id=token.id, digest=token.digest, document=encode(token))

    def find(self, digest: str) -> AccessToken | None:
        """The token with this *digest*, whether it is still good or not."""
        rows = self._database.rows(FIND, digest=digest)
        return decode(rows[0][0], AccessToken, what=WHAT) if rows else None

    def tokens(self) -> list[AccessToken]:
        """Every token that was ever handed out, by creation."""
        found = [decode(document, AccessToken, what=WHAT) for (document,) in self._database.rows(LIST)]
        return sorted(found, key=lambda token: (token.created_at, token.id))

    def revoke(self, token_id: str, at: str) -> AccessToken:
        """The token called *token_id*, good for nothing from *at* on. Raises NotFound."""
        with self._database.writing() as transaction:
            rows = transaction.rows(NAMED, id=token_id)
            if not rows:
                raise NotFound(f"there is no token {token_id}: `mesh token list` names them")
            token = decode(rows[0][0], AccessToken, what=WHAT)
            if not token.revoked_at:
                token = replace(token, revoked_at=at)
                transaction.execute(UPDATE, id=token_id, document=encode(token))
        return token

    def close(self) -> None:
        """Give back connections."""
        self._database.close()
