"""The `registry` and `warehouse` of a mesh in a test: beside it, or in PostgreSQL and an S3-compatible store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.node import Node

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder
    from postgres_server import PostgresDatabase
    from s3_server import Bucket


def in_postgresql(database: PostgresDatabase, folder: Path, *, schema: str = "mesh") -> str:
    """Lines of mesh.yaml for a registry in *database*; its password is referred to, in a file in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "password"
    secret.write_text(database.server.password)
    user, _, address = database.url.partition("://")[2].rpartition("@")
    url = f"postgresql://{user.partition(':')[0]}@{address}?schema={schema}"
    return f"registry: {{url: '{url}', password: {{file: '{secret}'}}}}\n"


def in_s3(bucket: Bucket, folder: Path) -> str:
    """Lines of mesh.yaml for a warehouse in *bucket*; the key is referred to, in a file in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "key"
    secret.write_text(bucket.server.password)
    server = bucket.server
    return (
        f"warehouse: {{url: '{bucket.url}/lake', endpoint: '{server.endpoint}', access_key_id: {server.user}, "
        f"secret_access_key: {{file: '{secret}'}}}}\n"
    )


def database_of(mesh: MeshFolder) -> tuple[str, str] | None:
    """The URL of the server that the registry is in, and its database; None when it is beside the mesh."""
    url = Node(mesh.root)._registry_url
    if not url.startswith("postgresql:"):
        return None
    address, _, parameters = url.partition("?")
    server, _, name = address.rpartition("/")
    return f"{server}/postgres?{parameters.partition('&')[2]}", name
