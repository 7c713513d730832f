"""Published policies in the registry's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Conflict
from meshwright.model.policy_version import PolicyVersion
from meshwright.storage.database import open_database
from meshwright.storage.documents import decode, encode

if TYPE_CHECKING:
    from pathlib import Path

NEWEST: Final = "SELECT scope, MAX(version) FROM policy_versions GROUP BY scope"
BINDING: Final = """
    SELECT p.document FROM policy_versions p
    JOIN (SELECT scope, MAX(version) AS newest FROM policy_versions GROUP BY scope) n
        ON n.scope = p.scope AND n.newest = p.version
"""
HISTORY: Final = "SELECT document FROM policy_versions WHERE scope = :scope ORDER BY version DESC"
INSERT: Final = """
    INSERT INTO policy_versions (scope, version, published_at, published_by, document)
    VALUES (:scope, :version, :published_at, :published_by, :document)
"""


class SqlPolicies:
    """The policies that bind, in the database at *url*, paths relative to *root*; opens nothing before it is used."""

    def __init__(self, url: str, root: Path) -> None:
        self._database = open_database(url, root)

    def newest(self) -> dict[str, int]:
        """The number of the version that binds, by scope: cheap, to be asked before each decision."""
        return {scope: version for scope, version in self._database.rows(NEWEST)}  # noqa: C416

    def binding(self) -> list[PolicyVersion]:
        """The version of each scope that binds now."""
        rows = self._database.rows(BINDING)
        found = [decode(document, PolicyVersion, what="a policy version") for (document,) in rows]
        # Databases differ in the order of texts.
        return sorted(found, key=lambda version: version.scope)

    def history(self, scope: str) -> list[PolicyVersion]:
        """Every version of *scope*, newest first."""
        rows = self._database.rows(HISTORY, scope=scope)
        return [decode(document, PolicyVersion, what="a policy version") for (document,) in rows]

    def publish(self, version: PolicyVersion) -> None:
        """Let *version* bind from now on. Raises Conflict when its scope has that number, or a higher one, already."""
        with self._database.writing() as transaction:
            newest = {scope: int(number) for scope, number in transaction.rows(NEWEST)}.get(version.scope, 0)
            if version.version <= newest:
                raise Conflict(
                    f"version {newest} of these policies was published meanwhile: look at it, then publish again"
                )
            transaction.execute(
                INSERT,
                scope=version.scope,
                version=version.version,
                published_at=version.published_at,
                published_by=version.published_by,
                document=encode(version),
            )

    def close(self) -> None:
        """Give back connections."""
        self._database.close()
