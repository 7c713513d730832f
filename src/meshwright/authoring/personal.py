"""Columns that are likely about a person, for somebody to judge: by what they are called, and by what they hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALIKE_MIN: Final = 0.9

# What a column's name says, in the languages that are most often met; the words are those of whole parts of a name.
NAMED: Final = (
    ("an e-mail address", r"e_?mail(_?(address|adresse))?|mail_?address|courriel|correo"),
    ("a telephone number", r"phone(_?(number|no))?|mobile(_?phone)?|telephone|tel|telefon(nummer)?|handy|fax|cell"),
    ("a person's name", r"(first|last|middle|full|given|family|maiden|nick|user|customer|contact|patient|employee|person|guest|passenger)_?name|surname|vorname|nachname|prenom|nombre|apellido|cognome"),
    ("a date of birth", r"(date_of_)?birth(_?(date|day))?|dob|birthday|geburts(datum|tag)|date_(de_)?naissance"),
    ("an age or a gender", r"gender|sex|geschlecht|age|alter|marital_status|nationality|religion|ethnicity"),
    ("an address", r"(street|home|postal|billing|shipping|delivery)_?(address|name)?|address(_?line)?_?\d?|strasse|hausnummer|adresse|rue"),
    ("an identity document", r"ssn|social_security(_?(number|no))?|passport(_?(number|no))?|national_id|tax_id|steuer_?id|driver_?s?_?licen[cs]e|id_?card|svnr|nino"),
    ("an account or card", r"iban|bic|account_?(number|no)|konto(nummer)?|credit_?card(_?(number|no))?|card_?(number|no)"),
    ("an IP or device address", r"ip(_?address|v4|v6)?|mac_?address|device_id|cookie_?id|imei"),
    ("pay or health", r"salary|wage|gehalt|income|diagnosis|blood_type|medication"),
)  # fmt: skip
# What values say, whatever the column is called. Names cannot be told from other words.
HELD: Final = (
    ("e-mail addresses", re.compile(r"[^\s@]+@[^\s@]+\.[A-Za-z]{2,}")),
    ("IBANs", re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?")),
    ("telephone numbers", re.compile(r"(\+|00)\d[\d ()/-]{7,17}")),
    ("IP addresses", re.compile(r"(\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){3,7}")),
    ("social security numbers", re.compile(r"\d{3}-\d{2}-\d{4}")),
)
# Of a person only beside something else that is.
BESIDE: Final = (
    (
        "a place",
        re.compile(r"(?:^|_)(?:lat(itude)?|lon|lng|longitude|geo_?location|city|zip(_?code)?|postal_?code|plz)$"),
    ),
    ("a name", re.compile(r"^(?:name|full_?name|display_?name)$")),
)
PARTS: Final = tuple((what, re.compile(rf"(?:^|_)(?:{pattern})(?:_|$)")) for what, pattern in NAMED)
# Alone, these name things more often than persons.
THINGS: Final = re.compile(r"(?:^|_)(?:product|company|station|airport|server|file|item|shop|store|city)(?:_|$)")


def personal_columns(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Why each of a table's *columns*, with some of its texts, is likely personal; "" for those that nothing says so of."""
    found = {name: personal(name, some) for name, some in columns.items()}
    if any(found.values()):
        for name in columns:
            for what, pattern in BESIDE:
                if not found[name] and pattern.search(name):
                    found[name] = f"its name says {what}, beside columns about a person"
    return found


def personal(name: str, some: Sequence[str]) -> str:
    """Why a column called *name*, with *some* of its texts, is likely personal; "" when nothing says so."""
    for what, pattern in HELD:
        if some and sum(pattern.fullmatch(value.strip()) is not None for value in some) >= ALIKE_MIN * len(some):
            return f"its values look like {what}"
    if THINGS.search(name):
        return ""
    for what, named in PARTS:
        if named.search(name):
            return f"its name says {what}"
    return ""
