"""What a contract says to a reader who does not see everything: promises of what is hidden are no promises to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meshwright.reading.restricted_scan import visible_fields

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshwright.model.contract import Column, Contract, QualityRule, Table
    from meshwright.model.publication import PublishedPort
    from meshwright.model.restriction import Restriction

# Rules in words or for another tool: what they speak of cannot be told.
OPAQUE: Final = frozenset({"text", "custom"})


def seen_contract(port: PublishedPort, restriction: Restriction) -> Contract:
    """The contract of *port* as far as it speaks of what *restriction* leaves.

    A column that is absent is not there. A masked one keeps its name, type, place in the key and documentation; nothing is
    said of its values. Rules and relationships that may speak of a column that is not clear are left out.
    """
    contract = port.contract
    if restriction.is_all:
        return contract
    seen = {field.name.lower(): field.id in restriction.actions for field in visible_fields(port.schema, restriction)}
    clear = {name for name, is_masked in seen.items() if not is_masked}
    return replace(contract, tables=tuple(_seen_table(table, seen, clear) for table in contract.tables))


def _seen_table(table: Table, seen: Collection[str], clear: Collection[str]) -> Table:
    hidden = [column.name.lower() for column in table.columns if column.name.lower() not in clear]
    if not hidden:
        return table
    columns = [column for column in table.columns if column.name.lower() in seen]
    return replace(
        table,
        columns=tuple(
            _with_rules(column, hidden) if column.name.lower() in clear else _masked(column) for column in columns
        ),
        quality=_told(table.quality, hidden),
        relationships=tuple(one for one in table.relationships if not _names(repr(one), hidden)),
        custom={},
    )


def _with_rules(column: Column, hidden: Collection[str]) -> Column:
    return replace(column, quality=_told(column.quality, hidden))


def _masked(column: Column) -> Column:
    """*column* without what says anything of its values."""
    return replace(
        column,
        required=False,
        unique=False,
        options={},
        relationships=(),
        quality=(),
        properties=(),
        items=None,
        custom={},
    )


def _told(rules: tuple[QualityRule, ...], hidden: Collection[str]) -> tuple[QualityRule, ...]:
    return tuple(rule for rule in rules if rule.kind not in OPAQUE and not _names(_words(rule), hidden))


def _words(rule: QualityRule) -> str:
    return " ".join(
        str(part)
        for part in (rule.name, rule.description, rule.query, rule.arguments, rule.implementation, rule.custom)
    )


def _names(text: str, hidden: Collection[str]) -> bool:
    """Whether *text* has the name of any *hidden* column in it, be it as a part of another word: rather too often."""
    lowered = text.lower()
    return any(name in lowered for name in hidden)
