"""Impact: the products, ports and columns downstream that a breaking change reaches, across domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.plan import Affected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshwright.build.bound import BoundProduct
    from meshwright.build.effective import EffectiveMesh
    from meshwright.build.lineage import Lineage
    from meshwright.model.mesh import Mesh
    from meshwright.model.plan import Change
    from meshwright.model.publication import Publication

# The columns reached of each (product, port, its major version or None for any); None for all of them.
Reached = dict[tuple[str, str, int | None], frozenset[str] | None]


class Impact:
    """Follows breaks downstream: by column lineage for products in the checkout, by what was read for the others."""

    def __init__(self, mesh: EffectiveMesh, published: Mapping[str, Publication], lineage: Lineage) -> None:
        self.mesh = mesh
        self.published = published
        self.lineage = lineage
        self.readers: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
        for (product, name), read in mesh.reads.items():
            self.readers.setdefault((read.product, read.port), []).append((product, name, read.major))
        for product, head in published.items():
            if product not in mesh.products:
                for one in head.inputs:
                    if one.product:
                        self.readers.setdefault((one.product, one.port), []).append((product, one.name, one.major))

    def affected(self, product: str, changes: Iterable[Change]) -> tuple[Affected, ...]:
        """Every port downstream of *product* that its breaking *changes* reach, with the columns, by id."""
        reached = self._start(product, changes)
        reads = self._reads(reached)
        queue = list(reached)
        while queue:
            source = queue.pop(0)
            for reader, name, major in self.readers.get(source[:2], ()):
                if source[2] not in {None, major}:
                    continue
                for port, columns in self._through(reader, name, reached[source]).items():
                    target = (reader, port, None)
                    merged = _union(reached.get(target, frozenset()), columns)
                    if target not in reached or merged != reached[target]:
                        reached[target] = merged
                        queue.append(target)
        return tuple(
            Affected(
                id=reader,
                port=port,
                columns=self._named(reader, port, columns),
                reads=reads.get(reader, ()),
                owner=owner_of(reader, self.mesh.workspace.mesh, self.published),
            )
            for (reader, port, _), columns in sorted(reached.items(), key=lambda entry: entry[0][:2])
            if reader != product
        )

    def _reads(self, changed: Reached) -> dict[str, tuple[str, ...]]:
        """The columns among the *changed* that each product reads itself, sorted."""
        found: dict[str, set[str]] = {}
        for (product, port, major), columns in changed.items():
            for reader, name, wanted in self.readers.get((product, port), ()):
                used = self._used(reader, name)
                touched = used if columns is None else used & columns
                if touched and major in {None, wanted}:
                    found.setdefault(reader, set()).update(touched)
        return {reader: tuple(sorted(columns)) for reader, columns in found.items()}

    def _used(self, reader: str, name: str) -> frozenset[str]:
        """The columns that *reader* reads of its input *name*, as written, else as it last did."""
        bound = self.mesh.products.get(reader)
        if bound is not None and name in bound.used and bound.columns:
            return frozenset(bound.used[name])
        head = self.published.get(reader)
        read = next((one for one in head.inputs if one.name == name), None) if head is not None else None
        return frozenset(column for column in read.columns if column) if read is not None else frozenset()

    def _start(self, product: str, changes: Iterable[Change]) -> Reached:
        reached: Reached = {}
        for change in changes:
            if change.breaking:
                columns = frozenset({change.column}) if change.column else None
                source = (product, change.port, change.major)
                reached[source] = _union(reached.get(source, frozenset()), columns)
        return reached

    def _through(self, reader: str, name: str, columns: frozenset[str] | None) -> dict[str, frozenset[str] | None]:
        bound = self.mesh.products.get(reader)
        if bound is not None and name in bound.used and bound.columns:
            return self._bound(bound, name, columns)
        return self._recorded(reader, name, columns)

    def _bound(
        self, bound: BoundProduct, name: str, columns: frozenset[str] | None
    ) -> dict[str, frozenset[str] | None]:
        if columns is not None:
            columns = columns & frozenset(bound.used.get(name, ()))
            if not columns:
                return {}
        by_stem = self.lineage.reached(bound, {name: columns})
        return {stem.partition("@")[0]: reached for stem, reached in by_stem.items()}

    def _recorded(self, reader: str, name: str, columns: frozenset[str] | None) -> dict[str, frozenset[str] | None]:
        """What a published product is known to have read; a product that was never published reads everything."""
        head = self.published.get(reader)
        if head is None:
            bound = self.mesh.products.get(reader)
            return {port.name: None for port in bound.product.output_ports} if bound is not None else {}
        read = next((one for one in head.inputs if one.name == name), None)
        if columns is not None and read is not None and not columns & set(read.columns):
            return {}
        return {port.name: None for port in head.ports}

    def _named(self, reader: str, port: str, columns: frozenset[str] | None) -> tuple[str, ...]:
        if columns is not None:
            return tuple(sorted(columns))
        head = self.published.get(reader)
        served = head.port(port) if head is not None else None
        if served is not None:
            return tuple(field.name for field in served.schema)
        bound = self.mesh.products.get(reader)
        return tuple(name for name, _ in bound.columns.get(port, ())) if bound is not None else ()


def owner_of(product: str, mesh: Mesh, published: Mapping[str, Publication]) -> str:
    """Who answers for *product*: its own team, else its domain's; of one in another repository as it was published."""
    written = mesh.products.get(product)
    domain = mesh.domains.get(product.partition(".")[0])
    owner = (written.owner if written is not None else "") or (domain.team if domain is not None else "")
    head = published.get(product)
    return owner or (str(head.descriptor.get("owner", "")) if head is not None else "")


def _union(one: frozenset[str] | None, two: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or two is None else one | two
