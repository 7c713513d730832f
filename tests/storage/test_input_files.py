from __future__ import annotations

import sqlite3
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Unavailable
from meshwright.model.publication import InputRead
from meshwright.storage import input_files, schema
from meshwright.storage.documents import encode
from meshwright.storage.migrations.versions import __path__ as versions
from meshwright.storage.sql_registry import SqlRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.publication import Publication
    from storage.conftest import Publications

REGISTRY = "sqlite:///r.db"


def reading(publications: Publications, sequence: int, *lists: dict[str, str]) -> Publication:
    """Publication *sequence*, built upon the one before, of as many inputs as there are lists of files."""
    inputs = tuple(InputRead(name=f"i{number}", files=files) for number, files in enumerate(lists))
    return publications.publication(sequence, inputs=inputs, parent=sequence - 1 or None)


def publish(root: Path, publication: Publication) -> None:
    """As another process does: by a registry that remembers nothing."""
    registry = SqlRegistry(REGISTRY, root)
    registry.publish(publication, snapshots=[], head=publication.parent)
    registry.close()


@pytest.mark.parametrize("seed", range(10))
def test_a_publication_is_read_with_every_file_that_it_was_recorded_with(
    tmp_path: Path, publications: Publications, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)
    monkeypatch.setattr(input_files, "INLINE_MAX", random.choice([0, 3, 8]))
    monkeypatch.setattr(input_files, "DISTANCE_MIN", random.randint(1, 6))
    monkeypatch.setattr(input_files, "DECODED_MAX", random.randint(1, 200))
    files: dict[str, str] = {}
    published = []
    registry = SqlRegistry(REGISTRY, tmp_path)
    for sequence in range(1, 40):
        share = random.choice([0, 0, 0, 0.2, 1])
        files = {path: digest for path, digest in files.items() if random.random() >= share}
        files |= {f"{random.randint(0, 99)}.csv": f"sha {random.randint(0, 2)}" for _ in range(random.randint(0, 4))}
        published.append(reading(publications, sequence, dict(sorted(files.items())), {"fixed.csv": "sha"}))
        registry.publish(published[-1], snapshots=[], head=published[-1].parent)
        assert registry.head("prod", published[-1].product) == published[-1]
    registry.close()
    fresh = SqlRegistry(REGISTRY, tmp_path)
    assert fresh.publications("prod", published[0].product) == published[::-1]
    fresh.close()


def test_a_registry_grows_by_what_landed_not_by_all_that_ever_landed(
    tmp_path: Path, publications: Publications
) -> None:
    files = {f"landing/{number:06d}.csv": "0" * 64 for number in range(1000)}
    for sequence in range(1, 41):
        files[f"landing/{1000 + sequence:06d}.csv"] = f"{sequence:064d}"
        publish(tmp_path, reading(publications, sequence, dict(files)))
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection:
        shortest, longest = connection.execute(
            "SELECT min(length(document)), max(length(document)) FROM publications"
        ).fetchone()
        whole, lists = connection.execute("SELECT count(checkpoint), count(*) FROM input_files").fetchone()
        differences = connection.execute("SELECT max(length(added)) FROM input_files").fetchone()[0]
    assert (whole, lists) == (1, 40)
    # A publication's own document says nothing of the files.
    assert longest - shortest < 20
    assert differences < 200


def test_the_same_files_read_again_are_kept_once(tmp_path: Path, publications: Publications) -> None:
    files = {f"{number}.csv": "sha" for number in range(100)}
    for sequence in range(1, 4):
        publish(tmp_path, reading(publications, sequence, files))
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection:
        assert connection.execute("SELECT count(*) FROM input_files").fetchall() == [(1,)]


def test_a_lost_list_names_the_publication_that_read_it(tmp_path: Path, publications: Publications) -> None:
    files = {f"{number}.csv": "sha" for number in range(100)}
    publish(tmp_path, reading(publications, 1, files))
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection, connection:
        connection.execute("DELETE FROM input_files")
    registry = SqlRegistry(REGISTRY, tmp_path)
    with pytest.raises(Unavailable, match=r"files that publication 1 of .* read is lost; restore the registry"):
        registry.heads("prod")
    registry.close()


def test_publications_of_a_registry_from_before_lists_are_read_and_built_upon(
    tmp_path: Path, publications: Publications
) -> None:
    files = {f"{number:03d}.csv": "sha" for number in range(100)}
    old = reading(publications, 1, files)
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection, connection:
        first = _statements("0001_registry.py")
        for statement in (schema.STATEMENTS[0], *first, "INSERT INTO alembic_version VALUES ('0001')"):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO products (environment, product, head, sequence, moves, moved_at) VALUES ('prod', ?, 1, 1, 1, '2026-01-01')",
            [old.product],
        )
        connection.execute(
            "INSERT INTO publications VALUES ('prod', ?, 1, ?, ?, ?)",
            [old.product, old.run, old.published_at, encode(old)],
        )
    new = reading(publications, 2, files | {"100.csv": "sha"})
    publish(tmp_path, new)
    registry = SqlRegistry(REGISTRY, tmp_path)
    assert registry.publications("prod", old.product) == [new, old]
    registry.close()


def _statements(migration: str) -> tuple[str, ...]:
    from runpy import run_path

    found: tuple[str, ...] = run_path(f"{next(iter(versions))}/{migration}")["STATEMENTS"]
    return found
