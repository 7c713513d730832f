"""Which output port an input port reads: in the checkout first, else as the registry knows it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from meshwright.model.datatype import Unstorable, stored
from meshwright.model.findings import Finding
from meshwright.model.names import PortAddress, nearest
from meshwright.model.versions import Version, VersionRange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshwright.model.datatype import DataType
    from meshwright.model.product import InputPort, OutputPort, Product
    from meshwright.model.publication import Publication

Columns = tuple[tuple[str, "DataType"], ...]
# A port and the columns that its transformation gives, () where only a contract or a run can tell.
Offer = tuple["OutputPort", Columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortColumns:
    """An output port (or a file source, product "") as its readers see it: version, stored columns and their digest."""

    product: str
    port: str
    major: int
    version: str
    columns: Columns
    digest: str

    @property
    def key(self) -> tuple[str, str, int]:
        """What identifies it: product, port, major version."""
        return self.product, self.port, self.major


def digest_of(columns: Columns) -> str:
    """A digest that is equal exactly when *columns* are."""
    return hashlib.sha256(repr(columns).encode()).hexdigest()


class InputResolution:
    """Resolves input ports against the *products* of the checkout and what is *published* by others."""

    def __init__(self, products: Mapping[str, Product], published: Mapping[str, Publication]) -> None:
        self.products = products
        self.published = published
        self.ports: dict[str, list[PortColumns]] = {}
        # What a product serves is looked at when somebody first reads it: most ports of a large mesh nobody does.
        self.offered: dict[str, Callable[[], list[Offer]]] = {}

    @cached_property
    def by_contract(self) -> dict[str, PortAddress]:
        """The address of the port whose contract has an id: asked when an input names a contract and no address."""
        return {
            port.contract.id: PortAddress(product.domain, product.name, port.name, port.major)
            for product in self.products.values()
            for port in product.output_ports
            if port.contract is not None
        }

    def address_of(self, port: InputPort) -> PortAddress | None:
        """The address that *port* reads: its own, else that of the contract it names."""
        return port.address or self.by_contract.get(port.contract_id)

    def product_of(self, port: InputPort) -> str | None:
        """The id of the product that *port* reads."""
        address = self.address_of(port)
        return address.product_id if address is not None else None

    def provide(self, product: Product, offers: Callable[[], list[Offer]]) -> None:
        """Make what *product* of the checkout *offers* known to the products built after it."""
        self.offered[product.id] = offers

    def _served(self, product: str) -> list[PortColumns]:
        if product in self.offered:
            offers = self.offered.pop(product)()
            self.ports[product] = [
                _port_columns(product, port, columns) for port, columns in offers if port.kind != "files"
            ]
        return self.ports.get(product) or self._published(product)

    def resolve(
        self, product: Product, port: InputPort, place: Callable[[str, str], tuple[int, int]]
    ) -> tuple[PortColumns | None, Finding | None]:
        """The port that *port* reads, or the finding that says why there is none."""

        def find(code: str, message: str, hint: str) -> tuple[None, Finding]:
            line, column = place(product.path, port.pointer) if port.pointer else (0, 0)
            value = str(port.address or port.contract_id or port.name)
            return None, Finding(
                code=code,
                message=message,
                path=product.path,
                line=line,
                column=column,
                value=value,
                hint=hint,
                pointer=port.pointer,
            )

        address = self.address_of(port)
        if address is None:
            return find(
                "unknown-input",
                f"input port {port.name} names no source",
                "set mesh.port to domain.product, or mesh.path to a file",
            )
        if address.product_id == product.id:
            return find(
                "self-input", "the product reads itself", "a product cannot be its own input; see `<input>__changes`"
            )
        served = self._served(address.product_id)
        if not served:
            known = {*self.products, *self.published}
            if address.product_id in self.products:
                return find("unknown-input", "this product has no columns to read yet", "correct its findings first")
            guess = nearest(address.product_id, known)
            return find(
                "unknown-input", "there is no such product", f"did you mean {guess}?" if guess else "see `mesh list`"
            )
        named = [one for one in served if one.port == address.port]
        if not named:
            guess = nearest(address.port, {one.port for one in served})
            listed = ", ".join(sorted({one.port for one in served}))
            return find(
                "unknown-input",
                f"{address.product_id} has no such port",
                f"did you mean {guess}?" if guess else f"it has {listed}",
            )
        fitting = [one for one in named if address.major in {None, one.major} and _in_range(one.version, port.version)]
        if not fitting:
            versions = ", ".join(one.version for one in named)
            return find(
                "version-not-served",
                f"version {port.version or address.major} of {address} is not served",
                f"it is served as {versions}",
            )
        return max(fitting, key=lambda one: one.major), None

    def _published(self, product: str) -> list[PortColumns]:
        head = self.published.get(product)
        if head is None or product in self.products:
            return []
        found = []
        for port in head.ports:
            columns = tuple((one.name, one.type) for one in port.schema)
            found.append(
                PortColumns(
                    product=product,
                    port=port.name,
                    major=port.major,
                    version=port.version,
                    columns=columns,
                    digest=digest_of(columns),
                )
            )
        self.ports[product] = found
        return found


def _port_columns(product: str, port: OutputPort, columns: Columns) -> PortColumns:
    contract = port.contract
    if contract is not None and contract.table.columns:
        columns = tuple((column.name, column.type) for column in contract.table.columns)
    kept = _stored(columns)
    version = contract.version if contract is not None else port.version
    return PortColumns(
        product=product, port=port.name, major=port.major, version=version, columns=kept, digest=digest_of(kept)
    )


def _stored(columns: Columns) -> Columns:
    kept = []
    for name, kind in columns:
        try:
            kept.append((name, stored(kind)))
        except Unstorable:
            kept.append((name, kind))
    return tuple(kept)


def _in_range(version: str, wanted: str) -> bool:
    if not wanted:
        return True
    try:
        return Version.parse(version) in VersionRange.parse(wanted)
    except ValueError:
        return False
