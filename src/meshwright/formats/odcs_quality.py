"""Quality rules and relationships of ODCS → model, the spellings of older versions included."""

from __future__ import annotations

from typing import Any, Final

from meshwright.formats.custom_properties import values
from meshwright.model.contract import QualityRule, Relationship

OPERATORS: Final = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
SEVERITIES: Final = frozenset({"error", "warning", "info"})


def read_quality(entries: list[dict[str, Any]] | None, pointer: str) -> tuple[QualityRule, ...]:
    """The rules of one `quality` list.

    A rule without `type` is of the kind that its other keys give away: a metric or legacy `rule` means library, a query
    sql, an engine custom, and nothing of these text.
    """
    if not entries:
        return ()
    return tuple(_rule(entry, f"{pointer}/{index}") for index, entry in enumerate(entries))


def _rule(entry: dict[str, Any], pointer: str) -> QualityRule:
    severity = entry.get("severity", "error").lower()
    return QualityRule(
        kind=_kind(entry),
        name=entry.get("name", ""),
        metric=entry.get("metric") or entry.get("rule", ""),
        arguments=entry.get("arguments", {}),
        comparisons={operator: entry[operator] for operator in OPERATORS if operator in entry},
        unit=entry.get("unit", ""),
        query=entry.get("query", ""),
        engine=entry.get("engine", ""),
        implementation=entry.get("implementation"),
        severity=severity if severity in SEVERITIES else "error",
        dimension=entry.get("dimension", ""),
        description=entry.get("description", ""),
        custom=values(entry.get("customProperties")),
        pointer=pointer,
    )


def _kind(entry: dict[str, Any]) -> str:
    if "type" in entry:
        return str(entry["type"])
    if "metric" in entry or "rule" in entry:
        return "library"
    if "query" in entry:
        return "sql"
    return "custom" if "engine" in entry or "implementation" in entry else "text"


def read_relationships(
    entries: list[dict[str, Any]] | None, pointer: str, columns: tuple[str, ...]
) -> tuple[Relationship, ...]:
    """The relationships of a table, or of one of its columns (*columns* then names it, as ODCS leaves `from` out)."""
    if not entries:
        return ()
    return tuple(
        Relationship(
            columns=columns or tuple(reference.rsplit(".", 1)[-1] for reference in _listed(entry["from"])),
            to=_listed(entry["to"]),
            kind=entry.get("type", "foreignKey"),
            custom=values(entry.get("customProperties")),
            pointer=f"{pointer}/{index}",
        )
        for index, entry in enumerate(entries)
    )


def _listed(references: str | list[str]) -> tuple[str, ...]:
    return (references,) if isinstance(references, str) else tuple(references)
