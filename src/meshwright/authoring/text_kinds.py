"""What a text is: the kinds that a column of texts may be of, each with the SQL that says so and that converts it.

A kind is only a guess from some values; `understanding` holds every row against its condition. Nothing here may convert
what it does not understand: each conversion is an error, not a NULL, for a text of another kind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meshwright.authoring.date_formats import DateFormats, date_formats
from meshwright.authoring.kind import TEXT, Kind
from meshwright.authoring.number_kinds import number_kinds
from meshwright.engines.casts import fits_sql
from meshwright.model.datatype import VARCHAR, DataType, literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOOLEAN = DataType("BOOLEAN")
DATE, TIMESTAMP, TIME = DataType("DATE"), DataType("TIMESTAMP"), DataType("TIME")
ZONED = DataType("TIMESTAMP WITH TIME ZONE")

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
TIME_OF_DAY: Final = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?\Z")
ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d\Z")
ISO_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?\Z")
ISO_ZONED: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?\s*(Z|[-+]\d\d:?\d\d)\Z")
# No letter but the T between day and time, no sign after the day: nothing that could be a zone.
ISO_WITHOUT_ZONE: Final = (
    "{c} LIKE '____-__-__%' AND length({c}) <= 26 AND right({c}, 1) BETWEEN '0' AND '9' AND NOT contains({c}, '+') "
    "AND {c} NOT LIKE '__________%-%' AND TRY_CAST({c} AS TIMESTAMP) IS NOT NULL"
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
            yield from number_kinds(name, stripped, decimal_comma=decimal_comma)
        yield from _times(stripped)
        dates = date_formats(stripped)
        if dates.formats:
            yield _dates(dates)
        if dates.doubt:
            yield Kind(type=VARCHAR, doubt=dates.doubt)
    yield TEXT


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
