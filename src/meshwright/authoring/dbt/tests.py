"""dbt's data tests → rules of a contract. What a contract cannot say is refused with the reason, never dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from meshwright.authoring.dbt.macros import NotRendered
from meshwright.authoring.dbt.test_names import ALIASES, IMPLIED
from meshwright.model.contract import QualityRule, Relationship, ServiceLevel

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.authoring.dbt.project import DataTest
    from meshwright.authoring.promises import Promises

TABLE: Final = "${table}"
COLUMN: Final = re.compile(r"(\w*|\"[^\"]+\"|`[^`]+`)\Z")
THRESHOLD: Final = re.compile(r"\s*(<>|!=|>=|<=|=|>|<)\s*(-?\d+(?:\.\d+)?)\s*\Z")
# `error_if: ">10"` fails when it is so: the rule says what must be instead.
OPPOSITE: Final = {
    "!=": "mustBe", "<>": "mustBe", "=": "mustNotBe", ">": "mustBeLessOrEqualTo", ">=": "mustBeLessThan",
    "<": "mustBeGreaterOrEqualTo", "<=": "mustBeGreaterThan",
}  # fmt: skip
UNITS: Final = {"day": "d", "hour": "h", "minute": "m", "month": "mo", "year": "y"}


class Surroundings(Protocol):
    """What a test may ask of the project around it."""

    def table(self, text: str) -> Target:
        """The table that `ref('x')` names, as a rule may read it. Raises NotRendered when no rule can."""

    def rendered(self, test: DataTest) -> Target:
        """The SQL of a singular or custom test in DuckDB's dialect, yielding the failing rows. Raises NotRendered."""

    def sql(self, text: str) -> str:
        """An expression in DuckDB's dialect, its templating rendered. Raises NotRendered."""


@dataclass(frozen=True, slots=True)
class Target:
    """A table, or a query, that a rule reads.

    `is_late` says that it may be published only after the tested port, `is_downstream` that it surely is: its product
    reads the tested one.
    """

    name: str
    is_late: bool = False
    is_downstream: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """One test while it is carried over."""

    test: DataTest
    promises: Promises
    around: Surroundings

    @property
    def is_plain(self) -> bool:
        """Whether it holds for all rows, and one failing row is an error: what the words of ODCS mean."""
        is_everywhere = not {"where", "error_if", "warn_if"} & set(self.test.config)
        # Some tests are told an expression instead of a column: `order_id || '-' || line`.
        return self.test.severity == "error" and is_everywhere and is_column(self.test.column)

    @property
    def column(self) -> str:
        """The tested column. Raises NotRendered when there is none."""
        name = self.test.column or self.argument("column_name", "")
        if not name:
            raise NotRendered("it names no column")
        return str(name)

    def argument(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any argument
        return self.test.arguments.get(name, default)

    def where(self, condition: str) -> str:
        """*condition* among the rows that the test is about."""
        where = self.test.config.get("where")
        return f"({self.around.sql(str(where))}) AND {condition}" if where else condition

    def failing(self, condition: str) -> None:
        """Add the rule that no row of the table fulfils *condition*."""
        self.counting(f"SELECT count(*) FROM {TABLE} WHERE {self.where(condition)}")

    def counting(self, query: str, *, is_late: bool = False, **comparisons: Any) -> None:  # noqa: ANN401 - operands
        """Add the rule that *query*, a count of failures, yields what the test accepts: 0 unless it says otherwise."""
        severity = "warning" if is_late else self.test.severity
        limit = self.test.config.get("error_if" if self.test.severity == "error" else "warn_if")
        if limit and not comparisons:
            found = THRESHOLD.match(str(limit))
            if found is None:
                raise NotRendered(f"the threshold {limit!r} is no comparison with a number")
            comparisons = {OPPOSITE[found[1]]: float(found[2]) if "." in found[2] else int(found[2])}
        rule = QualityRule(
            kind="sql",
            name=self.name,
            query=query,
            comparisons=comparisons or {"mustBe": 0},
            severity=severity,
            description=self.test.description,
        )
        self.promises.quality.append(rule)

    @property
    def name(self) -> str:
        """What the rule is called."""
        return "_".join(part for part in (self.test.name.replace(".", "_"), self.test.column) if part)

    def library(self, metric: str, **rule: Any) -> QualityRule:  # noqa: ANN401 - a rule's fields
        return QualityRule(
            kind="library", metric=metric, severity=self.test.severity, description=self.test.description, **rule
        )


def is_column(text: str) -> bool:
    """Whether *text* names a column (or is none), and is no expression."""
    return COLUMN.match(text) is not None


def carry(test: DataTest, promises: Promises, around: Surroundings) -> str:
    """Add what *test* checks to *promises*; a note about what differs, "" when nothing does.

    Raises NotRendered when a contract cannot say it.
    """
    case = _Case(test, promises, around)
    made = CARRIERS.get(ALIASES.get(test.name, test.name))
    if made is not None:
        return made(case) or ""
    if test.name in IMPLIED:
        return "the contract's columns and types say it"
    target = around.rendered(test)
    case.counting(f"SELECT count(*) FROM (\n{target.name}\n) AS failing", is_late=target.is_late)
    return _late(target)


def _late(target: Target) -> str:
    return "it reads a product that is built later, so it warns instead of failing" if target.is_late else ""


def _not_null(case: _Case) -> None:
    if case.is_plain:
        case.promises.column(case.column).required = True
    else:
        case.failing(f"{case.column} IS NULL")


def _unique(case: _Case) -> None:
    if case.is_plain:
        case.promises.column(case.column).unique = True
        return
    column = case.column
    where = case.where(f"{column} IS NOT NULL")
    case.counting(
        f"SELECT count(*) FROM (SELECT {column} FROM {TABLE} WHERE {where} GROUP BY {column} HAVING count(*) > 1) AS repeated"
    )


def _accepted_values(case: _Case) -> None:
    values = case.argument("values", case.argument("value_set", []))
    if case.is_plain:
        case.promises.column(case.column).options["enum"] = list(values)
    else:
        case.failing(f"{case.column} NOT IN ({', '.join(_value(value) for value in values)})")


def _rejected_values(case: _Case) -> None:
    values = case.argument("values", case.argument("value_set", []))
    case.failing(f"{case.column} IN ({', '.join(_value(value) for value in values)})")


def _relationships(case: _Case) -> str:
    target = case.around.table(str(case.argument("to", "")))
    field = str(case.argument("field", "")).strip('"')
    if not field:
        raise NotRendered("it names no field")
    if case.is_plain and not target.is_downstream and not {"from_condition", "to_condition"} & set(case.test.arguments):
        relationship = Relationship(columns=(case.column,), to=(f"{target.name}.{field}".replace('"', ""),))
        case.promises.column(case.column).relationships.append(relationship)
        return ""
    here, there = f"{case.column} IS NOT NULL", f"{field} IS NOT NULL"
    if case.argument("from_condition"):
        here += f" AND ({case.around.sql(str(case.argument('from_condition')))})"
    if case.argument("to_condition"):
        there += f" AND ({case.around.sql(str(case.argument('to_condition')))})"
    known = f"SELECT {field} FROM {target.name} WHERE {there}"
    query = f"SELECT count(*) FROM {TABLE} WHERE {case.where(here)} AND {case.column} NOT IN ({known})"
    case.counting(query, is_late=target.is_late)
    return _late(target)


def _expression_is_true(case: _Case) -> None:
    expression = case.around.sql(str(case.argument("expression", "")))
    case.failing(f"NOT ({f'{case.test.column} ' if case.test.column else ''}{expression})")


def _unique_combination(case: _Case) -> None:
    columns = [str(name) for name in case.argument("combination_of_columns", case.argument("column_list", []))]
    if case.is_plain:
        rule = case.library("duplicateValues", arguments={"properties": columns}, comparisons={"mustBe": 0})
        case.promises.quality.append(rule)
        return
    listed = ", ".join(columns)
    case.counting(
        f"SELECT count(*) FROM (SELECT {listed} FROM {TABLE} WHERE {case.where('true')} GROUP BY {listed} HAVING count(*) > 1) AS repeated"
    )


def _range(case: _Case) -> None:
    low, high = case.argument("min_value"), case.argument("max_value")
    inclusive = case.argument("inclusive", not case.argument("strictly", False))
    numeric = all(
        bound is None or (isinstance(bound, int | float) and not isinstance(bound, bool)) for bound in (low, high)
    )
    if case.is_plain and numeric and "row_condition" not in case.test.arguments:
        options = case.promises.column(case.column).options
        names = ("minimum", "maximum") if inclusive else ("exclusiveMinimum", "exclusiveMaximum")
        options.update({name: bound for name, bound in zip(names, (low, high), strict=True) if bound is not None})
        return
    equal = "=" if inclusive else ""
    checks = [f"{case.column} >{equal} {case.around.sql(str(low))}"] if low is not None else []
    checks += [f"{case.column} <{equal} {case.around.sql(str(high))}"] if high is not None else []
    case.failing(f"NOT ({' AND '.join(checks) or 'true'})")


def _proportion(case: _Case) -> None:
    least, most = case.argument("at_least", 0), case.argument("at_most", 1)
    where = case.where("true")
    query = f"SELECT coalesce(count({case.column}) / nullif(count(*), 0), 1) FROM {TABLE} WHERE {where}"
    case.counting(query, mustBeBetween=[least, most])


def _regex(case: _Case) -> None:
    pattern = str(case.argument("regex", ""))
    if case.is_plain:
        case.promises.column(case.column).options["pattern"] = pattern
    else:
        case.failing(f"NOT regexp_matches({case.column}, {_value(pattern)})")


def _length(case: _Case) -> None:
    exact = case.argument("value")
    bounds = (case.argument("min_value", exact), case.argument("max_value", exact))
    options = case.promises.column(case.column).options
    if not case.is_plain:
        raise NotRendered("a length with a condition or another severity")
    options.update(
        {name: bound for name, bound in zip(("minLength", "maxLength"), bounds, strict=True) if bound is not None}
    )


def _row_count(case: _Case) -> None:
    low, high = case.argument("min_value"), case.argument("max_value")
    if low is not None and high is not None:
        comparisons: dict[str, Any] = {"mustBeBetween": [low, high]}
    elif low is not None:
        comparisons = {"mustBeGreaterOrEqualTo": low}
    else:
        comparisons = {"mustBeLessOrEqualTo": high}
    case.promises.quality.append(case.library("rowCount", comparisons=comparisons))


def _equal_row_count(case: _Case) -> str:
    target = case.around.table(str(case.argument("compare_model", "")))
    query = f"SELECT (SELECT count(*) FROM {TABLE}) - (SELECT count(*) FROM {target.name})"
    case.counting(query, is_late=target.is_late, mustBe=0)
    return _late(target)


def _recency(case: _Case) -> str:
    unit = UNITS.get(str(case.argument("datepart", "")))
    if unit is None:
        raise NotRendered(f"a freshness in {case.argument('datepart')}")
    field = str(case.argument("field", ""))
    level = ServiceLevel(property="freshness", value=case.argument("interval"), unit=unit, element=field)
    case.promises.service_levels.append(level)
    return "it is a service level now: judged at build and whenever `mesh status` asks"


def _value(value: Any) -> str:  # noqa: ANN401 - a value of a test
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    text = str(value).replace("'", "''")
    return f"'{text}'"


def _simple(template: str) -> Callable[[_Case], None]:
    def made(case: _Case) -> None:
        case.failing(template.format(column=case.column))

    return made


def _at_least_one(case: _Case) -> None:
    case.counting(f"SELECT count({case.column}) FROM {TABLE} WHERE {case.where('true')}", mustBeGreaterThan=0)


def _not_constant(case: _Case) -> None:
    case.counting(f"SELECT count(DISTINCT {case.column}) FROM {TABLE} WHERE {case.where('true')}", mustNotBe=1)


CARRIERS: Final[dict[str, Callable[[_Case], str | None]]] = {
    "not_null": _not_null,
    "unique": _unique,
    "accepted_values": _accepted_values,
    "rejected_values": _rejected_values,
    "relationships": _relationships,
    "expression_is_true": _expression_is_true,
    "unique_combination_of_columns": _unique_combination,
    "accepted_range": _range,
    "not_null_proportion": _proportion,
    "matches_regex": _regex,
    "length": _length,
    "row_count": _row_count,
    "equal_rowcount": _equal_row_count,
    "recency": _recency,
    "not_empty_string": _simple("trim({column}) = ''"),
    "at_least_one": _at_least_one,
    "not_constant": _not_constant,
}
