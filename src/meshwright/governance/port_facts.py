"""What policies can know of a port: its place in the mesh, its tags, and of each column name, tags and classifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshwright.model.contract import Column
    from meshwright.model.datatype import DataType
    from meshwright.model.publication import Field, Publication, PublishedPort


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One stored column, by field id; tags and classifications are those of everything nested in it, too."""

    id: int
    name: str
    type: DataType
    tags: tuple[str, ...] = ()
    classifications: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """A port as policies see it."""

    product: str
    port: str
    major: int
    status: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    product_tags: tuple[str, ...] = ()
    domain_tags: tuple[str, ...] = ()
    columns: tuple[ColumnFacts, ...] = ()

    @property
    def domain(self) -> str:
        """The domain that owns it."""
        return self.product.partition(".")[0]

    @property
    def address(self) -> str:
        """`domain.product.port`."""
        return f"{self.product}.{self.port}"


def facts_of(
    publication: Publication,
    served: PublishedPort,
    now: PublishedPort | None = None,
    *,
    domain_tags: tuple[str, ...] = (),
) -> PortFacts:
    """What is known of *served*, a port of *publication*, served now or long ago.

    An old column keeps the tags that it had, and has those that a column of its field id has *now*, whatever its name.
    """
    present = _by_id(now) if now is not None else {}
    columns = []
    for field, described in _described(served):
        tags, classes = _said(described)
        if field.id in present:
            tags_now, classes_now = _said(present[field.id])
            tags, classes = tags | tags_now, classes_now | classes
        columns.append(ColumnFacts(field.id, field.name, field.type, tuple(sorted(tags)), tuple(sorted(classes))))
    descriptor = publication.descriptor
    contract = served.contract
    return PortFacts(
        product=publication.product,
        port=served.name,
        major=served.major,
        status=contract.status if contract.written else "draft",
        owner=str(descriptor.get("owner", "")),
        tags=tuple(contract.tags),
        product_tags=tuple(descriptor.get("tags", ())),
        domain_tags=domain_tags,
        columns=tuple(columns),
    )


def _described(served: PublishedPort) -> list[tuple[Field, Column | None]]:
    columns = (
        {column.name.lower(): column for column in served.contract.table.columns} if served.contract.tables else {}
    )
    return [(field, columns.get(field.name.lower())) for field in served.schema]


def _by_id(served: PublishedPort) -> dict[int, Column | None]:
    return {field.id: column for field, column in _described(served)}


def _said(column: Column | None) -> tuple[set[str], set[str]]:
    """Tags and classifications of a column and of everything nested in it."""
    if column is None:
        return set(), set()
    tags, classes = set(column.tags), {column.classification} - {""}
    for inner in (*column.properties, *((column.items,) if column.items is not None else ())):
        more_tags, more_classes = _said(inner)
        tags, classes = tags | more_tags, classes | more_classes
    return tags, classes
