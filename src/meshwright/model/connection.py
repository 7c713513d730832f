"""Connections: named ways to systems outside the mesh, and the addresses that go through them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

# `crm#public.orders`: a connection's name, and what it leads to.
THROUGH: Final = re.compile(r"([a-z][a-z0-9_]{0,62})#(.*)", re.DOTALL)
# `https://…`, `s3://…`
URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# `book.xlsx#Sheet1`: the one other use of `#`.
SHEET: Final = re.compile(r"(.*\.(?:xlsx|xlsm|xlsb|xls|ods))#(.+)", re.IGNORECASE | re.DOTALL)
# Names of settings, headers and URL parameters whose values are secrets. Compiled when one is first looked at.
TELLING_NAME: Final = (
    r"pass(word|wd|phrase)?$|^pwd$|secret|token|credential|signature|^sig$|api[-_]?key|access[-_]?key|account[-_]?key|"
    r"private[-_]?key|^key$|^auth|authorization|cookie|^dsn$"
)
# What names an account and proves nothing.
NO_SECRETS: Final = frozenset({"access_key_id"})
# Types of connections that lead to tables, and answer queries.
DATABASES: Final = frozenset({"postgresql", "sqlite"})
# The ways in which a secret may be referred to.
REFERENCES: Final = ("env", "file", "exec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A way to a system outside: `settings` for every environment, those of single ones in `environments`.

    A secret stands in the settings as a reference: {"env": NAME}, {"file": PATH} or {"exec": COMMAND}. `path` is the file
    that declares it.
    """

    name: str
    type: str
    settings: dict[str, Any] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    path: str = ""

    def within(self, environment: str) -> Connection:
        """The connection with the settings that hold in *environment*: its own over those for every one."""
        own = self.environments.get(environment, {})
        settings = {**self.settings, **own}
        if "host" in own and "url" not in own:
            # A URL for all environments says the host, too.
            settings.pop("url", None)
        return replace(self, settings=settings, environments={})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a source outside the mesh is: `path` through a `connection`, or a URL by itself (connection "")."""

    connection: str
    path: str

    def __str__(self) -> str:
        return f"{self.connection}#{self.path}" if self.connection else self.path


def remote_address(text: str) -> Address | None:
    """The address that *text* is (`https://…`, `s3://…`, `crm#public.orders`), None when it names local files."""
    if URL.match(text):
        return Address("", text)
    through = THROUGH.fullmatch(text)
    return Address(through[1], through[2]) if through else None


def sheet_of(text: str) -> tuple[str, str]:
    """The workbook and the sheet of `book.xlsx#Sheet1`; *text* and "" for anything else."""
    found = SHEET.fullmatch(text)
    return (found[1], found[2]) if found else (text, "")


def is_reference(value: object) -> bool:
    """Whether *value* refers to a secret instead of being one."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, target),) = value.items()
    return kind in REFERENCES and bool(target)


def is_secret(name: str) -> bool:
    """Whether the setting, header or URL parameter *name* holds a secret."""
    return name not in NO_SECRETS and re.search(TELLING_NAME, name, re.IGNORECASE) is not None


def secret_in_url(text: str) -> str:
    """What in a URL or DSN is a literal secret, in words that do not repeat it; "" when nothing is."""
    if "://" not in text:
        found = re.search(r"(?:^|[\s;])(password|pwd|passwd|secret|token)\s*=\s*\S", text, re.IGNORECASE)
        return f"its {found[1]}" if found else _secret_parameter(text.partition("?")[2])
    try:
        parts = urlsplit(text)
        has_password = parts.password is not None
    except ValueError:
        return "its password" if re.search(r"://[^/@]*:[^/@]*@", text) else ""
    if has_password or (parts.username and parts.scheme.startswith("http")):
        return "its password"
    return _secret_parameter(parts.query)


def _secret_parameter(query: str) -> str:
    named = [name for name, value in parse_qsl(query) if value and is_secret(name)]
    return f"its parameter {named[0]}" if named else ""


def without_secrets(text: str) -> str:
    """*text*, a URL or DSN, with everything in it that may be a secret as `***`."""
    text = re.sub(r"(://)[^/?#@\s]*@", r"\1***@", text)
    return re.sub(
        r"([?&;\s]|^)([A-Za-z0-9_.-]+)=([^&;\s'\"]+)",
        lambda found: f"{found[1]}{found[2]}=***" if is_secret(found[2].rpartition("-")[2] or found[2]) else found[0],
        text,
    )
