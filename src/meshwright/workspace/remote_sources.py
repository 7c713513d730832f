"""Sources that are no files of the mesh, as they are written: URLs, `connection#table`, queries, sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.connection import secret_in_url, without_secrets
from meshwright.model.findings import Finding

if TYPE_CHECKING:
    from meshwright.model.connection import Address

SCHEMES = ("http", "https", "s3")


def check_address(address: Address, *, where: str, pointer: str = "") -> list[Finding]:
    """Findings on the file *where* for an address that nothing can read, or that has a secret in it."""
    if what := secret_in_url(address.path):
        return [
            Finding(
                code="literal-secret",
                message=f"The address has a literal secret in it ({what})",
                path=where,
                value=without_secrets(str(address)),
                hint="name a connection in mesh.yaml that has the secret by reference, and write CONNECTION#path; "
                "give out a new secret, this one is in the file's history",
                pointer=pointer,
            )
        ]
    scheme = address.path.partition("://")[0].lower() if "://" in address.path else ""
    if not address.connection and scheme not in SCHEMES:
        return [
            Finding(
                code="wrong-value",
                message=f"Nothing here reads {scheme}://",
                path=where,
                value=without_secrets(str(address)),
                hint="write https://…, s3://…, a path, or CONNECTION#table for a connection of mesh.yaml",
                pointer=pointer,
            )
        ]
    if address.connection and not address.path:
        return [
            Finding(
                code="wrong-value",
                message="Nothing says what to read through the connection",
                path=where,
                value=str(address),
                hint=f"write {address.connection}#schema.table, or mesh.connection with mesh.query",
                pointer=pointer,
            )
        ]
    return []
