"""Which files a publication's inputs read: short lists in its own document, long ones apart, kept as differences.

A landing folder keeps what has landed, so each publication reads all files of the one before it and a few more. A long
list is named by its content, kept once, and says what came and went since the list of the publication before; whole
lists come in between, seldom enough that what a publication writes stays the same, amortised.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Unavailable
from meshwright.storage.documents import decode, encode

if TYPE_CHECKING:
    from meshwright.model.publication import InputRead, Publication
    from meshwright.storage.database import Transaction
    from meshwright.storage.file_lists import Rows

# Files of a list that stays in the publication's document: a mesh of a thousand small products is read in one query.
INLINE_MAX: Final = 50
DISTANCE_MIN: Final = 50
# A whole list is written again after one difference for so many of its files.
FILES_PER_DIFFERENCE: Final = 16
# Files of the lists that a registry keeps decoded, or one longer list; a file takes about 200 bytes.
DECODED_MAX: Final = 100_000

NO_LISTS: Final = "{}"
DISTANCE = "SELECT distance FROM input_files WHERE list_id = :list"
LISTS = """
    SELECT file_lists FROM publications
    WHERE environment = :environment AND product = :product AND sequence = :sequence
"""
HISTORY = """
    WITH RECURSIVE walk (parent_id, distance, added, removed, checkpoint) AS (
        SELECT parent_id, distance, added, removed, checkpoint FROM input_files WHERE list_id = :list
        UNION ALL
        SELECT f.parent_id, f.distance, f.added, f.removed, f.checkpoint
        FROM walk JOIN input_files f ON f.list_id = walk.parent_id
        WHERE walk.checkpoint IS NULL
    )
    SELECT added, removed, checkpoint FROM walk ORDER BY distance
"""
INSERT = """
    INSERT INTO input_files (list_id, parent_id, distance, added, removed, checkpoint)
    VALUES (:list, :parent, :distance, :added, :removed, :checkpoint)
"""


class InputFiles:
    """The lists of one registry. Those used last stay decoded: what an id stands for never changes."""

    def __init__(self) -> None:
        self._decoded: dict[str, dict[str, str]] = {}

    def record(self, transaction: Transaction, publication: Publication) -> tuple[Publication, str]:
        """*publication* without its long lists, which are kept apart, and as JSON their ids by input."""
        long = [read for read in publication.inputs if len(read.files) > INLINE_MAX]
        if not long:
            return publication, NO_LISTS
        parents = self._parents(transaction, publication)
        lists = {read.name: self._record(transaction, read.files, parents.get(read.name)) for read in long}
        inputs = tuple(replace(read, files={}) if read.name in lists else read for read in publication.inputs)
        return replace(publication, inputs=inputs), encode(lists)

    def restored(self, database: Rows, publication: Publication, lists: str | None) -> Publication:
        """*publication* with the files that *lists*, as `record` returned it, stands for. Raises Unavailable."""
        if not lists or lists == NO_LISTS:
            return publication
        what = f"the files that publication {publication.sequence} of {publication.product} read"
        ids = decode(lists, dict[str, str], what=what)

        def restore(read: InputRead) -> InputRead:
            return replace(read, files=dict(self._read(database, ids[read.name], what))) if read.name in ids else read

        return replace(publication, inputs=tuple(map(restore, publication.inputs)))

    @staticmethod
    def _parents(transaction: Transaction, publication: Publication) -> dict[str, str]:
        """The long lists of the publication that this one was built upon, by input."""
        rows = transaction.rows(
            LISTS,
            environment=publication.environment,
            product=publication.product,
            sequence=publication.parent,
        )
        what = f"the files that publication {publication.parent} of {publication.product} read"
        return decode(rows[0][0], dict[str, str], what=what) if rows else {}

    def _record(self, transaction: Transaction, files: dict[str, str], parent: str | None) -> str:
        """The id of the list of *files*, which is written unless it is kept already."""
        whole = encode(dict(sorted(files.items())))
        name = hashlib.sha256(whole.encode()).hexdigest()
        known = transaction.rows(DISTANCE, list=name)
        if known:
            return name
        distance, added, removed = self._difference(transaction, files, parent)
        transaction.execute(
            INSERT,
            list=name,
            parent=parent if distance else None,
            distance=distance,
            added=encode(added if distance else {}),
            removed=encode(removed if distance else []),
            checkpoint=None if distance else whole,
        )
        return name

    def _difference(
        self, transaction: Transaction, files: dict[str, str], parent: str | None
    ) -> tuple[int, dict[str, str], list[str]]:
        """How far *files* will be from a whole list, what came since *parent* and what went; 0 when it is kept whole."""
        if parent is None:
            return 0, {}, []
        distance = int(transaction.rows(DISTANCE, list=parent)[0][0]) + 1
        before = self._read(transaction, parent, f"the files of list {parent}")
        added = {path: digest for path, digest in files.items() if before.get(path) != digest}
        removed = [path for path in before if path not in files]
        is_near = distance < max(DISTANCE_MIN, len(files) // FILES_PER_DIFFERENCE)
        is_small = len(added) + len(removed) < len(files) // 2
        return (distance, added, removed) if is_near and is_small else (0, {}, [])

    def _read(self, database: Rows, name: str, what: str) -> dict[str, str]:
        """The files of the list *name*, by path, in its order."""
        known = self._decoded.get(name)
        if known is not None:
            return known
        history = database.rows(HISTORY, list=name)
        if not history or history[0][2] is None:
            raise Unavailable(f"the registry's record of {what} is lost; restore the registry from a backup")
        files = decode(history[0][2], dict[str, str], what=what)
        for added, removed, _ in history[1:]:
            for path in decode(removed, list[str], what=what):
                files.pop(path, None)
            files |= decode(added, dict[str, str], what=what)
        if len(files) + sum(map(len, self._decoded.values())) > DECODED_MAX:
            self._decoded.clear()
        self._decoded[name] = files = dict(sorted(files.items()))
        return files
