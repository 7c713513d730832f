"""Fingerprints of what a build rests on: contracts, port settings, transformations."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshwright.model.contract import without_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meshwright.build.bound import BoundProduct
    from meshwright.model.contract import Column, Contract, QualityRule
    from meshwright.model.product import OutputPort, Product


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def contract_fingerprint(contract: Contract) -> str:
    """Equal exactly when two contracts say the same, wherever their files are."""
    return _digest(without_places(contract))


def promises_fingerprint(contract: Contract) -> str:
    """Equal when two contracts hold data to the same: names, types, keys, rules; words and versions left out."""
    contract = without_places(contract)
    table = contract.table
    rules = [_rule(rule) for rule in table.quality]
    columns = [_column(column) for column in table.columns]
    return _digest((columns, rules, table.relationships, contract.service_levels, ours(contract)))


def ours(contract: Contract) -> list[object]:
    """What the contract's custom properties ask of Meshwright itself, each with where it stands."""
    table = contract.table
    layers: list[tuple[str, Mapping[str, Any]]] = [("", contract.custom), (table.name, table.custom)]
    for path, column in _columns("", table.columns):
        layers.append((path, column.custom))
        layers += [(f"{path} {number}", rule.custom) for number, rule in enumerate(column.quality)]
    layers += [(f" {number}", rule.custom) for number, rule in enumerate(table.quality)]
    return [(path, key, custom[key]) for path, custom in layers for key in sorted(custom) if key.startswith("mesh.")]


def _columns(path: str, columns: Sequence[Column]) -> Iterator[tuple[str, Column]]:
    for column in columns:
        name = f"{path}/{column.name}"
        yield name, column
        yield from _columns(name, (*column.properties, *([column.items] if column.items is not None else [])))


def _column(column: Column) -> tuple[object, ...]:
    inner = [_column(child) for child in column.properties]
    items = _column(column.items) if column.items is not None else None
    flags = (column.required, column.unique, column.primary_key, column.primary_key_position)
    rules = [_rule(rule) for rule in column.quality]
    return (
        column.name,
        column.type,
        column.logical_type,
        flags,
        sorted(column.options.items(), key=str),
        column.relationships,
        rules,
        inner,
        items,
    )


def _rule(rule: QualityRule) -> QualityRule:
    return replace(rule, description="", dimension="")


def settings_of(port: OutputPort) -> dict[str, Any]:
    """What a port's descriptor says about how it is built."""
    return {
        "kind": port.kind,
        "materialization": port.materialization,
        "key": list(key_of(port)),
        "event time": event_time_of(port),
    }


def settings_fingerprint(product: Product) -> str:
    """Equal when every port of two descriptors is built in the same way."""
    return _digest(
        [(port.name, port.major, sorted(settings_of(port).items(), key=str)) for port in product.output_ports]
    )


def code_fingerprint(bound: BoundProduct) -> str:
    """Equal when all transformations of two versions of a product compute the same; comments are free."""
    return _digest(sorted((one.name, one.fingerprint) for one in bound.transformations))


def key_of(port: OutputPort) -> tuple[str, ...]:
    """The columns that identify a row of *port*: its own setting, else its contract's primary key."""
    if port.key:
        return port.key
    return port.contract.table.primary_key if port.contract is not None and port.contract.tables else ()


def event_time_of(port: OutputPort) -> str:
    """The column that says when a row of *port* happened, "" when none is named."""
    contract = port.contract
    named = contract.custom.get("mesh.eventTime") if contract is not None else None
    if contract is not None and not named and contract.tables:
        named = contract.table.custom.get("mesh.eventTime")
    return port.event_time or str(named or "")
