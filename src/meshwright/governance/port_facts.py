"""What policies can know of a port: its place in the mesh, its tags, and of each column name, tags and classifications."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meshwright.model.contract import Column
    from meshwright.model.datatype import DataType
    from meshwright.model.publication import Field, Publication, PublishedPort

DRAFT: Final = "draft"


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One stored column, by field id; tags and classifications are those of everything nested in it, too.

    `now` is what an old column is called today, "" as it was: policies mean that.
    """

    id: int
    name: str
    type: DataType
    tags: tuple[str, ...] = ()
    classifications: tuple[str, ...] = ()
    now: str = ""

    @property
    def asked(self) -> str:
        """The name by which policies know it."""
        return self.now or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """A port as policies see it.

    `lacking` are the columns that it has today and had not when this was published, under ids that no column has: what a row
    would have there is not known.
    """

    product: str
    port: str
    major: int
    status: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    product_tags: tuple[str, ...] = ()
    domain_tags: tuple[str, ...] = ()
    columns: tuple[ColumnFacts, ...] = ()
    lacking: tuple[ColumnFacts, ...] = ()

    @property
    def domain(self) -> str:
        """The domain that owns it."""
        return self.product.partition(".")[0]

    @property
    def address(self) -> str:
        """`domain.product.port`."""
        return f"{self.product}.{self.port}"

    @property
    def of_rows(self) -> dict[str, ColumnFacts]:
        """The columns by each name that row policies may call them: by today's, else by their own, else those that are lacking."""
        own = {column.name: column for column in (*self.lacking, *self.columns)}
        return own | {column.now: column for column in self.columns if column.now}

    def asked_of_rows(self, names: Iterable[str]) -> dict[str, ColumnFacts]:
        """Those of *names*, as row policies spell them, that are columns: names mean the same in any case, as in SQL."""
        exact = self.of_rows
        folded = {name.lower(): column for name, column in exact.items()}
        found = {name: exact.get(name) or folded.get(name.lower()) for name in names}
        return {name: column for name, column in found.items() if column is not None}


def facts_of(
    publication: Publication,
    served: PublishedPort,
    head: Publication | None = None,
    *,
    domain_tags: tuple[str, ...] = (),
) -> PortFacts:
    """What is known of *served*, a port of *publication*, served now or long ago; *head* is what its product serves now.

    What is old keeps the tags that it had, and has those of today. An old column's are today's of the same field id,
    whatever its name, and of the same name, in case it was dropped and made anew. *domain_tags* are those that the domain
    has in this checkout, where it may be missing or broken: those that were published bind beside them.
    """
    head = head or publication
    now = head.port(served.name, served.major) or _newest(head, served.name) or served
    # Field ids of a port that was created anew mean other columns.
    by_id = {field.id: (field.name, column) for field, column in _described(now)} if now.continues(served) else {}
    by_name = {field.name.lower(): (field.name, column) for field, column in _described(now)}
    said: dict[str, tuple[set[str], set[str]]] = {}
    columns = []
    for field, described in _described(served):
        asked, today = by_id.get(field.id) or by_name.get(field.name.lower()) or (field.name, None)
        tags, classes = said.setdefault(asked, (set(), set()))
        for column in (described, today):
            _add(column, tags, classes)
        columns.append(ColumnFacts(field.id, field.name, field.type, now=asked if asked != field.name else ""))
    known = {column.asked for column in columns}
    return PortFacts(
        product=publication.product,
        port=served.name,
        major=served.major,
        status=_status(served, now),
        owner=str(head.descriptor.get("owner", "")),
        tags=_both(*_tags(served), *_tags(now)),
        product_tags=_both(publication.tags, head.tags),
        domain_tags=_both(publication.domain_tags, head.domain_tags, domain_tags),
        columns=tuple(
            replace(one, tags=_both(said[one.asked][0]), classifications=_both(said[one.asked][1])) for one in columns
        ),
        lacking=tuple(ColumnFacts(-one.id, one.name, one.type) for one in now.schema if one.name not in known),
    )


def _newest(head: Publication, name: str) -> PublishedPort | None:
    """The port called *name* in the newest major version that is served, for one that is not served any more."""
    return max((port for port in head.ports if port.name == name), key=lambda port: port.major, default=None)


def _status(served: PublishedPort, now: PublishedPort) -> str:
    """Today's status; but what was a draft when it was published stays one."""
    is_draft = not served.contract.written or served.contract.status == DRAFT or not now.contract.written
    return DRAFT if is_draft else now.contract.status


def _tags(served: PublishedPort) -> Iterator[tuple[str, ...]]:
    """The tags of a port's contract and of the table in it."""
    yield served.contract.tags
    yield from (table.tags for table in served.contract.tables)


def _both(*texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({text for some in texts for text in some}))


def _described(served: PublishedPort) -> list[tuple[Field, Column | None]]:
    columns = (
        {column.name.lower(): column for column in served.contract.table.columns} if served.contract.tables else {}
    )
    return [(field, columns.get(field.name.lower())) for field in served.schema]


def _add(column: Column | None, tags: set[str], classes: set[str]) -> None:
    """Add the tags and classifications of a column and of everything nested in it."""
    if column is None:
        return
    tags |= set(column.tags)
    classes |= {column.classification} - {""}
    for inner in (*column.properties, *((column.items,) if column.items is not None else ())):
        _add(inner, tags, classes)
