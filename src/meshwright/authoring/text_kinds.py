"""What a text is: the kinds that a column of texts may be of, each with the SQL that says so and that converts it.

A kind is only a guess from some values; `understanding` holds every row against its condition. Nothing here may convert
what it does not understand: each conversion is an error, not a NULL, for a text of another kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meshwright.authoring.date_formats import DateFormats, date_formats
from meshwright.engines.casts import fits_sql
from meshwright.model.datatype import VARCHAR, DataType, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOOLEAN, BIGINT, DOUBLE = DataType("BOOLEAN"), DataType("BIGINT"), DataType("DOUBLE")
DATE, TIMESTAMP, TIME = DataType("DATE"), DataType("TIMESTAMP"), DataType("TIME")
ZONED = DataType("TIMESTAMP WITH TIME ZONE")
MONEY = DataType("DECIMAL", 18, 2)
DECIMALS_MAX: Final = 9

# Texts for "nothing here" that mean nothing else, and those that may be somebody's value in a column of words.
NOTHING: Final = ("NULL", "null", "N/A", "n/a", "#N/A", "\\N", "<NA>", "<null>", "(null)", "NaN", "nan")
PERHAPS_NOTHING: Final = ("NA", "None", "none", "nil", "-", "--", "?", ".", "Null", "unknown", "k.A.")
# Words for true and false that the engine does not read by itself.
TRUTHS: Final = (
    ("yes", "no"), ("true", "false"), ("y", "n"), ("t", "f"), ("ja", "nein"), ("oui", "non"),
    ("si", "no"), ("sí", "no"), ("sim", "não"), ("wahr", "falsch"), ("vrai", "faux"), ("ja", "nej"), ("tak", "nie"),
)  # fmt: skip
NATIVE_TRUTHS: Final = {"yes", "no", "true", "false", "y", "n", "t", "f"}
# Digits in columns called so are codes: their leading zeros count, and nobody adds them up.
CODES: Final = re.compile(
    r"(?i)(\b|_)(zip|zip_?code|postal|postcode|post_?code|postal_?code|plz|phone|mobile|tel|telephone|fax|iban|bic|swift|"
    r"isbn|ean|gtin|upc|sku|ssn|vat|passport|account_?(no|nr|number)|konto(nummer)?|card_?(no|nr|number)|siret|siren|imei)(\b|_)"
)
SIGNS: Final = re.compile(r"[€$£¥]|\b(?:EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|AUD|CAD)\b")
CURRENCIES: Final = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
BACKSLASH: Final = "\\"
# Below the column in a SELECT list.
BREAK: Final = "\n        "
IN_PERCENT: Final = "in percent"
SPACES: Final = "\u00a0\u202f\u2009 "
WHOLE: Final = re.compile(r"\s*-?\d{1,18}\s*\Z")
LEADING_ZERO: Final = re.compile(r"\s*[-+]?0\d")
NUMBER: Final = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*\Z")
TIME_OF_DAY: Final = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?\Z")
ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d\Z")
ISO_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?\Z")
ISO_ZONED: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?\s*(Z|[-+]\d\d:?\d\d)\Z")


# What a text of these types looks like, of which a cast drops nothing.
WHOLE_TEXTS: Final = {
    "BIGINT": r" *-?\d+ *",
    "DECIMAL": r" *-?\d*(\.\d{1,2})? *",
    "DATE": r"\d{4}-\d\d-\d\d",
    "TIMESTAMP": r"\d{4}-\d\d-\d\d([T ][\d:.]+)?",
    "TIME": r"[\d:.]+",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of text. In `fits` (a condition on all texts) and `converted` `{c}` stands for the column.

    `type` is what the source reads the column as: the texts' own type where its reader converts them, else VARCHAR and
    `converted` says how the query does it ("" not at all). `note` says what a person should know of the conversion,
    `doubt` what they have to decide.
    """

    type: DataType
    fits: str = "true"
    converted: str = ""
    note: str = ""
    doubt: str = ""


TEXT: Final = Kind(type=VARCHAR)
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
# No letter but the T between day and time, no sign after the day: nothing that could be a zone.
ISO_WITHOUT_ZONE: Final = (
    "{c} LIKE '____-__-__%' AND length({c}) <= 26 AND right({c}, 1) BETWEEN '0' AND '9' AND NOT contains({c}, '+') "
    "AND {c} NOT LIKE '__________%-%' AND TRY_CAST({c} AS TIMESTAMP) IS NOT NULL"
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


def kinds(name: str, values: Sequence[str], *, decimal_comma: bool = False) -> Iterator[Kind]:
    """The kinds that a column called *name* with the *values* (without those for nothing) may be of, likeliest first.

    *decimal_comma* says how the file writes numbers elsewhere, for those that could be read either way. The last kind is
    always text.
    """
    stripped = [value.strip() for value in values]
    if stripped:
        yield from _truths(stripped)
        if not CODES.search(name):
            yield from _numbers(name, stripped, decimal_comma=decimal_comma)
        yield from _times(stripped)
        dates = date_formats(stripped)
        if dates.formats:
            yield _dates(dates)
        if dates.doubt:
            yield Kind(type=VARCHAR, doubt=dates.doubt)
    yield TEXT


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


def _truths(values: Sequence[str]) -> Iterator[Kind]:
    words = {value.lower() for value in values}
    for truth, lie in TRUTHS:
        both = {truth, lie}
        if words <= both and (words == both or (both <= NATIVE_TRUTHS and min(map(len, words)) > 1)):
            listed = f"lower(trim({{c}})) IN ({literal(truth)}, {literal(lie)})"
            if both <= NATIVE_TRUTHS:
                yield Kind(type=BOOLEAN, fits=f"{listed} AND TRY_CAST({{c}} AS BOOLEAN) IS NOT NULL")
                return
            # A text that is neither is an error of the cast.
            cases = f"WHEN {literal(truth)} THEN true WHEN {literal(lie)} THEN false ELSE CAST({{c}} AS BOOLEAN)"
            yield Kind(type=VARCHAR, fits=listed, converted=f"CASE lower(trim({{c}})) {cases} END")
            return


def _numbers(name: str, values: Sequence[str], *, decimal_comma: bool) -> Iterator[Kind]:
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


def _is_grouped(values: Sequence[str], mark: str) -> bool:
    """Whether every *mark* in *values* stands before exactly three digits."""
    pattern = re.compile(rf"[-+]?\d{{1,3}}({re.escape(mark)}\d{{3}})*\Z")
    return any(mark in value for value in values) and all(pattern.match(value) for value in values)


def _decimals(value: str) -> int:
    return len(value.partition(".")[2]) if "e" not in value.lower() else 99


def is_money(name: str) -> bool:
    """Whether a column called *name* most likely holds amounts of money."""
    return (
        re.search(
            r"(?i)(\b|_)(amount|price|cost|total|revenue|fee|salary|betrag|preis|umsatz|montant|prix)(\b|_)", name
        )
        is not None
    )


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


def strict(text: str, kind: DataType, condition: str) -> str:
    """The SQL *text* as *kind* where the *condition* on {c} holds; an error that names the text elsewhere, not a guess."""
    lines = (f"CASE WHEN {condition}", f"THEN {text}", "ELSE 'not as the others: ' || {c} END")
    return f"CAST({BREAK.join(lines)} AS {kind})"


def as_kind(text: str, kind: DataType) -> str:
    """The SQL *text* as *kind*, nothing of it rounded or dropped: a plain cast reads 1.5 as 2, and a moment as its day."""
    pattern = WHOLE_TEXTS.get(kind.name)
    if pattern is None:
        return f"CAST({text} AS {kind})"
    return strict(text, kind, f"regexp_full_match({text}, {literal(pattern)})").replace("{c}", text)


def _re2(pattern: str) -> str:
    """*pattern* with spaces that `re.escape` wrote with a backslash as RE2 reads them."""
    return re.sub(r"\\([^\w.+?*()\[\]{}|^$\\])", r"\1", pattern)


def _times(values: Sequence[str]) -> Iterator[Kind]:
    # What the engine takes for a time beside these, such as `epoch` and 1.1.0044 BC, is none here.
    if all(ISO_DATE.match(value) for value in values):
        yield Kind(type=DATE, fits="{c} LIKE '____-__-__' AND TRY_CAST({c} AS DATE) IS NOT NULL")
    if all(ISO_MOMENT.match(value) for value in values):
        yield Kind(type=TIMESTAMP, fits=ISO_WITHOUT_ZONE)
    if all(TIME_OF_DAY.match(value) for value in values):
        yield Kind(type=TIME, fits=f"strpos({{c}}, ':') BETWEEN 2 AND 3 AND {fits_sql('{c}', VARCHAR, TIME)}")
    if all(ISO_ZONED.match(value) for value in values):
        own = ISO_ZONED.pattern.removesuffix(r"\Z").replace(r"\d", "[0-9]")
        yield Kind(
            type=ZONED,
            fits=f"regexp_full_match(trim({{c}}), {literal(own)}) AND TRY_CAST({{c}} AS {ZONED}) IS NOT NULL",
        )


def _dates(dates: DateFormats) -> Kind:
    formats = [literal(one) for one in dates.formats]
    listed = formats[0] if len(formats) == 1 else f"[{', '.join(formats)}]"
    moment = f"strptime(trim({{c}}), {listed})"
    # A year of two digits passes for one of four: the year 26 is nobody's.
    fits = f"coalesce(try_{moment} >= TIMESTAMP '1000-01-01', false)"
    has_time = any("%H" in one or "%I" in one for one in dates.formats)
    return Kind(type=VARCHAR, fits=fits, converted=moment if has_time else f"CAST({moment} AS DATE)")
