"""Numbers as people write them: grouped, with a decimal comma, a currency or a percent sign, and as machines do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meshwright.authoring.kind import Kind, strict
from meshwright.model.datatype import VARCHAR, DataType, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BIGINT, DOUBLE = DataType("BIGINT"), DataType("DOUBLE")
MONEY = DataType("DECIMAL", 18, 2)
DECIMALS_MAX: Final = 9
SIGNS: Final = re.compile(r"[€$£¥]|\b(?:EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|AUD|CAD)\b")
CURRENCIES: Final = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
BACKSLASH: Final = "\\"
IN_PERCENT: Final = "in percent"
SPACES: Final = "\u00a0\u202f\u2009 "
WHOLE: Final = re.compile(r"\s*-?\d{1,18}\s*\Z")
LEADING_ZERO: Final = re.compile(r"\s*[-+]?0\d")
NUMBER: Final = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*\Z")
# Conditions that every row is held against compare and search: a regular expression takes ten times as long.
# Between '00' and '0:' lies what begins with a zero and a digit.
PLAIN_NUMBER: Final = (
    "NOT contains({c}, '_') AND NOT ({c} >= '00' AND {c} < '0:') AND NOT ({c} >= '-00' AND {c} < '-0:') "
    "AND NOT starts_with({c}, '+')"
)
TWO_DECIMALS: Final = (
    "NOT contains({c}, 'e') AND NOT contains({c}, 'E') "
    "AND (strpos({c}, '.') = 0 OR length({c}) - strpos({c}, '.') <= 2)"
)


@dataclass(frozen=True, slots=True)
class Grouping:
    """How numbers are written: what stands between thousands ("" nothing), and before decimals."""

    thousands: str
    decimal: str

    def pattern(self, decimals: int) -> str:
        """A regular expression for such numbers, with groups or without any, and at most so many *decimals*."""
        group = re.escape(self.thousands)
        whole = rf"(\d{{1,3}}({group}\d{{3}})+|\d+)" if self.thousands else r"\d+"
        return rf"-?{whole}" + (rf"({re.escape(self.decimal)}\d{{1,{decimals}}})?" if decimals else "")

    def plain(self, text: str, *, whole: bool) -> str:
        """The SQL *text*, which is such a number, as one that a cast reads."""
        if not self.thousands and self.decimal == ",":
            # Comma and point change places: a point, which nobody has seen yet, is an error of the cast.
            return f"translate({text}, ',.', '.,')"
        without = f"replace({text}, {literal(self.thousands)}, '')" if self.thousands else text
        return f"replace({without}, {literal(self.decimal)}, '.')" if self.decimal != "." and not whole else without


GROUPINGS: Final = (
    Grouping("", "."),
    Grouping("", ","),
    Grouping(",", "."),
    Grouping(".", ","),
    *(Grouping(mark, decimal) for mark in (*SPACES, "'", "\u2019") for decimal in ".,"),
)


def number_kinds(name: str, values: Sequence[str], *, decimal_comma: bool) -> Iterator[Kind]:
    """The kinds of number that a column called *name* with the stripped *values* may be of, likeliest first.

    *decimal_comma* says how the file writes numbers elsewhere.
    """
    if any(LEADING_ZERO.match(value) for value in values):
        return
    if all(WHOLE.match(value) for value in values):
        # A whole number that is written as it is read: no leading zero, no sign before it, nothing else.
        yield Kind(type=BIGINT, fits="CAST(TRY_CAST({c} AS BIGINT) AS VARCHAR) = trim({c})")
    if all(value.startswith("+") for value in values):
        return  # telephone numbers, or marks such as +1: nothing to add up
    if all(NUMBER.match(value) for value in values) and not (decimal_comma and _is_grouped(values, ".")):
        if is_money(name) and max(map(_decimals, values)) <= MONEY.scale:
            yield Kind(type=MONEY, fits=f"{PLAIN_NUMBER} AND {TWO_DECIMALS} AND TRY_CAST({{c}} AS {MONEY}) IS NOT NULL")
        yield Kind(type=DOUBLE, fits=f"{PLAIN_NUMBER} AND coalesce(isfinite(TRY_CAST({{c}} AS DOUBLE)), false)")
        return
    yield from _written_numbers(values, decimal_comma=decimal_comma, money=is_money(name))


def looks_like_numbers(values: Sequence[str]) -> bool:
    """Whether somebody who knows no better would read *values* as numbers."""
    return bool(values) and all(NUMBER.match(value) for value in values)


def uses_decimal_comma(values: Sequence[str]) -> bool:
    """Whether *values* are numbers with a comma before their decimals, and nothing else."""
    pattern = re.compile(Grouping(".", ",").pattern(DECIMALS_MAX) + r"\s*[%€]?\Z")
    other = re.compile(Grouping(",", ".").pattern(DECIMALS_MAX) + r"\s*[%€]?\Z")
    stripped = [value.strip() for value in values]
    return (
        any("," in one for one in stripped)
        and all(map(pattern.match, stripped))
        and not all(map(other.match, stripped))
    )


def is_money(name: str) -> bool:
    """Whether a column called *name* most likely holds amounts of money."""
    return (
        re.search(
            r"(?i)(\b|_)(amount|price|cost|total|revenue|fee|salary|betrag|preis|umsatz|montant|prix)(\b|_)", name
        )
        is not None
    )


def _is_grouped(values: Sequence[str], mark: str) -> bool:
    """Whether every *mark* in *values* stands before exactly three digits."""
    pattern = re.compile(rf"[-+]?\d{{1,3}}({re.escape(mark)}\d{{3}})*\Z")
    return any(mark in value for value in values) and all(pattern.match(value) for value in values)


def _decimals(value: str) -> int:
    return len(value.partition(".")[2]) if "e" not in value.lower() else 99


def _written_numbers(values: Sequence[str], *, decimal_comma: bool, money: bool) -> Iterator[Kind]:
    """Numbers as people write them: grouped, with a decimal comma, a currency or a percent sign."""
    percent = all(value.endswith("%") for value in values)
    signs = {found for value in values for found in SIGNS.findall(value)}
    if len({CURRENCIES.get(sign, sign) for sign in signs}) > 1:
        currencies = ", ".join(sorted(signs))
        yield Kind(type=VARCHAR, doubt=f"amounts in several currencies ({currencies}) were left as text")
        return
    sign = "%" if percent else next(iter(signs), "")
    bare = [_bare(value, sign) for value in values]
    for grouping in _groupings(bare, decimal_comma=decimal_comma):
        if all(re.fullmatch(grouping.pattern(DECIMALS_MAX), value) for value in bare):
            if (money or sign) and not percent:
                yield _written(grouping, sign, values=values, money=True)
            yield _written(grouping, sign, values=values, money=False)


def _groupings(values: Sequence[str], *, decimal_comma: bool) -> Sequence[Grouping]:
    if decimal_comma and (_is_grouped(values, ".") or _is_grouped(values, ",")):
        return [Grouping("", ","), Grouping(".", ",")] if not _is_grouped(values, ".") else [Grouping(".", ",")]
    if not decimal_comma and _is_grouped(values, ","):
        return [Grouping(",", ".")]
    return GROUPINGS


def _written(grouping: Grouping, sign: str, *, values: Sequence[str], money: bool) -> Kind:
    """The kind of numbers in this *grouping*, each with the *sign* before or behind it."""
    digits = max(len(_bare(value, sign).partition(grouping.decimal)[2]) for value in values)
    kind = BIGINT if not digits and not money else DOUBLE
    if money and digits <= DECIMALS_MAX:
        kind = DataType("DECIMAL", 18, max(MONEY.scale, digits))
    odd = [space for space in SPACES[:-1] if space != grouping.thousands and any(space in value for value in values)]
    text = "{c}"
    for dropped in (*([sign] if sign else []), *odd):
        text = f"replace({text}, {literal(dropped)}, '')"
    plain = grouping.plain(text, whole=kind == BIGINT)
    decimals = kind.scale if kind.name == "DECIMAL" else 0 if kind == BIGINT else DECIMALS_MAX
    pattern = _around(_re2(grouping.pattern(decimals)), sign, "".join(odd), values)
    condition = f"regexp_full_match({{c}}, {literal(pattern)})"
    is_loose = bool(grouping.thousands) or kind.name == "DECIMAL"
    note = IN_PERCENT if sign == "%" else f"in {CURRENCIES.get(sign, sign)}" if sign else ""
    return Kind(
        type=VARCHAR,
        fits=f"{condition} AND TRY_CAST({plain} AS {kind}) IS NOT NULL",
        converted=strict(plain, kind, condition) if is_loose else f"CAST({plain} AS {kind})",
        note=note,
    )


def _bare(value: str, sign: str) -> str:
    return value.replace(sign, "", 1).strip(SPACES) if sign else value


def _around(number: str, sign: str, odd: str, values: Sequence[str]) -> str:
    """A pattern of *number* with the *sign* where it was seen, and spaces, the *odd* ones too, between the two."""
    space = f"[ {''.join(f'{BACKSLASH}x{{{ord(one):x}}}' for one in odd)}]*" if odd else " *"
    mark = re.escape(sign)
    before = f"-?({mark}{space})?" if sign and any(value.lstrip("-").startswith(sign) for value in values) else ""
    behind = f"({space}{mark})?" if sign and any(value.endswith(sign) for value in values) else ""
    return f" *{before}{number}{behind} *" if not sign else f"{before}{number}{behind}"


def _re2(pattern: str) -> str:
    """*pattern* with spaces that `re.escape` wrote with a backslash as RE2 reads them."""
    return re.sub(r"\\([^\w.+?*()\[\]{}|^$\\])", r"\1", pattern)
