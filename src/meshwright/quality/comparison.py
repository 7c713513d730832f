"""What a rule asks of the number it measures: ODCS `mustBe…` operators."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Spellings of ODCS 3.0 and of tools that write it, in those of ODCS 3.2.
SPELLINGS: Final = {
    "mustbe": "mustBe",
    "mustbeequalto": "mustBe",
    "mustnotbe": "mustNotBe",
    "mustnotbeequalto": "mustNotBe",
    "mustbegreaterthan": "mustBeGreaterThan",
    "mustbegreaterorequalto": "mustBeGreaterOrEqualTo",
    "mustbegreaterthanorequalto": "mustBeGreaterOrEqualTo",
    "mustbegreaterorequalthan": "mustBeGreaterOrEqualTo",
    "mustbelessthan": "mustBeLessThan",
    "mustbelessorequalto": "mustBeLessOrEqualTo",
    "mustbelessthanorequalto": "mustBeLessOrEqualTo",
    "mustbelessorequalthan": "mustBeLessOrEqualTo",
    "mustbebetween": "mustBeBetween",
    "mustnotbebetween": "mustNotBeBetween",
}
RANGES: Final = {"mustBeBetween", "mustNotBeBetween"}

OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "mustBe": lambda found, asked: bool(found == asked),
    "mustNotBe": lambda found, asked: bool(found != asked),
    "mustBeGreaterThan": lambda found, asked: bool(found > asked),
    "mustBeGreaterOrEqualTo": lambda found, asked: bool(found >= asked),
    "mustBeLessThan": lambda found, asked: bool(found < asked),
    "mustBeLessOrEqualTo": lambda found, asked: bool(found <= asked),
    "mustBeBetween": lambda found, asked: bool(asked[0] <= found <= asked[1]),
    "mustNotBeBetween": lambda found, asked: not asked[0] <= found <= asked[1],
}


class Uncheckable(ValueError):
    """A rule that cannot be evaluated as it is written; the message says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Operators and their operands, all of which must hold; `percent` measures in percent of the rows."""

    operators: tuple[tuple[str, Any], ...]
    percent: bool = False

    @classmethod
    def read(cls, comparisons: Mapping[str, Any], unit: str = "") -> Comparison:
        """The comparison that a rule writes. Raises Uncheckable for an unknown operator or an unusable operand."""
        operators = tuple(_operator(name, operand) for name, operand in comparisons.items() if operand is not None)
        return cls(operators, unit.lower() in {"percent", "%", "percentage"})

    def holds(self, found: Any) -> bool:  # noqa: ANN401 - the value of a query is of any type
        """Whether *found* is what was asked. Raises Uncheckable when the two cannot be compared."""
        return all(_holds(name, found, operand) for name, operand in self.operators)

    def measure(self, failing: int, rows: int) -> Decimal:
        """*failing* of *rows* in this comparison's unit; no rows are 0 percent."""
        if not self.percent:
            return Decimal(failing)
        return Decimal(failing) * 100 / Decimal(rows) if rows else Decimal(0)

    def show(self, measured: Decimal) -> str:
        """A measured number as text."""
        if not self.percent:
            return str(measured)
        rounded = round(measured, 4).normalize()
        return f"{rounded:f} %"

    def __str__(self) -> str:
        unit = " %" if self.percent else ""
        return ", ".join(f"{name} {_show(operand)}{unit}" for name, operand in self.operators)


NO_ROWS: Final = Comparison((("mustBe", 0),))


def _operator(name: str, operand: Any) -> tuple[str, Any]:  # noqa: ANN401
    known = SPELLINGS.get(name.lower())
    if known is None:
        message = f"'{name}' is no comparison: write one of {', '.join(OPERATORS)}"
        raise Uncheckable(message)
    if known in RANGES and (not isinstance(operand, (list, tuple)) or len(operand) != 2):  # noqa: PLR2004 - low, high
        message = f"{known} needs two numbers, such as [1, 10], not {operand!r}"
        raise Uncheckable(message)
    return known, tuple(operand) if known in RANGES else operand


def _holds(name: str, found: Any, asked: Any) -> bool:  # noqa: ANN401
    if found is None:
        # NULL is a value only to an equality with NULL's opposite: nothing can be said of its size.
        return name == "mustNotBe"
    try:
        wanted = tuple(_like(found, value) for value in asked) if name in RANGES else _like(found, asked)
        return OPERATORS[name](_number(found), wanted)
    except TypeError as error:
        message = f"the measured value {found!r} cannot be compared with {asked!r}: {error}"
        raise Uncheckable(message) from error


def _number(value: Any) -> Any:  # noqa: ANN401
    """Numbers as Decimal, so that 0.1 is 0.1 whichever way it came; text of anything that is no number."""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float, Decimal)):
        return Decimal(str(value))
    return str(value)


def _like(found: Any, asked: Any) -> Any:  # noqa: ANN401
    """*asked* in a form that compares with *found*: YAML may quote a number, or write a date as one."""
    if isinstance(found, (int, float, Decimal)) and not isinstance(found, bool) and isinstance(asked, str):
        try:
            return Decimal(asked)
        except InvalidOperation:
            return asked
    if isinstance(found, bool):
        return {"true": True, "false": False}.get(asked.lower(), asked) if isinstance(asked, str) else bool(asked)
    if isinstance(found, (int, float, Decimal)):
        return _number(asked)
    return str(asked)


def _show(operand: Any) -> str:  # noqa: ANN401
    return f"{operand[0]} and {operand[1]}" if isinstance(operand, tuple) else str(operand)
