"""What compiling one contract needs at hand: names given so far, what rules inherit, and where references lead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.quality.checks import About, Names, QuarantineLimit
from meshwright.quality.comparison import NO_ROWS, Comparison, Uncheckable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshwright.model.contract import Column, Contract, QualityRule, Table
    from meshwright.model.datatype import DataType
    from meshwright.quality import Dataset

ON_FAILURE = "mesh.onFailure"
QUARANTINE_MAX = "mesh.quarantineMax"
QUARANTINE_PERCENT_DEFAULT = 10.0

# What a rule of each kind is about, in ODCS's words for dimensions; options not named here are about conformity.
DIMENSIONS: Final = {
    "required": "completeness",
    "primaryKey": "uniqueness",
    "unique": "uniqueness",
    "nullValues": "completeness",
    "missingValues": "completeness",
    "duplicateValues": "uniqueness",
    "rowCount": "completeness",
    "relationship": "consistency",
    "freshness": "timeliness",
    "latency": "timeliness",
    "retention": "timeliness",
}


@dataclass(slots=True)
class Drafting:
    """The contract and table being compiled, the data they are compiled for, and the rules' names."""

    contract: Contract
    table: Table
    data: Dataset
    references: Callable[[str], Dataset | None]
    names: Names = field(default_factory=Names)
    held: dict[str, tuple[str, DataType]] = field(init=False)

    def __post_init__(self) -> None:
        """Index the data's columns by name in lower case: a table may have thousands."""
        self.held = {column[0].lower(): column for column in self.data.columns}

    def about(
        self,
        kind: str,
        column: Column | None,
        path: str | None,
        *,
        asked: Any = None,  # noqa: ANN401 - an option's value
        custom: Mapping[str, Any] | None = None,
    ) -> About:
        """What a column's or (None) the table's own promise of *kind* is."""
        owner = column if column is not None else self.table
        return About(
            rule=self.names.name(path, kind),
            kind=kind,
            column=path,
            dimension=DIMENSIONS.get(kind, "conformity"),
            description="" if asked is None else f"{kind} {asked}",
            pointer=owner.pointer,
            quarantine=self.limit(custom or {}, owner.custom),
        )

    def about_rule(self, rule: QualityRule, kind: str, column: Column | None, path: str | None) -> About:
        """What a quality rule is; its comparison is read apart, as it may be unusable."""
        customs = (rule.custom, column.custom) if column is not None else (rule.custom,)
        return About(
            rule=self.names.name(path, kind),
            kind=kind,
            column=path,
            severity="error" if rule.severity.lower() == "error" else "warning",
            dimension=rule.dimension or DIMENSIONS.get(kind, "conformity"),
            description=rule.description,
            name=rule.name,
            pointer=rule.pointer,
            quarantine=self.limit(*customs),
        )

    def limit(self, *customs: Mapping[str, Any]) -> QuarantineLimit | None:
        """How many rows may be quarantined; the nearest custom property of ours wins, None where none asks for it."""
        layers = [*customs, self.table.custom, self.contract.custom]
        chosen = next((layer[ON_FAILURE] for layer in layers if ON_FAILURE in layer), None)
        if chosen != "quarantine":
            return None
        most = next((layer[QUARANTINE_MAX] for layer in layers if QUARANTINE_MAX in layer), None)
        return quarantine_limit(most)


def quarantine_limit(written: Any) -> QuarantineLimit:  # noqa: ANN401 - a number, or text such as "5%"
    """The limit that `mesh.quarantineMax` writes; 10 % of the rows when it writes nothing usable."""
    text = str(written).strip() if written is not None else ""
    percent = text.endswith("%")
    try:
        return QuarantineLimit(float(text.removesuffix("%")), percent)
    except ValueError:
        return QuarantineLimit(QUARANTINE_PERCENT_DEFAULT, percent=True)


def comparison(rule: QualityRule) -> Comparison:
    """What *rule* asks of its number: no rows, if it does not say. Raises Uncheckable."""
    found = Comparison.read(rule.comparisons, rule.unit)
    return found if found.operators else Comparison(NO_ROWS.operators, found.percent)


def asked_for(rule: QualityRule) -> Comparison:
    """What *rule* asks of its number. Raises Uncheckable, also when it asks nothing."""
    found = Comparison.read(rule.comparisons, rule.unit)
    if not found.operators:
        message = "the rule compares with nothing: write mustBe, mustBeGreaterThan, mustBeBetween …"
        raise Uncheckable(message)
    return found
