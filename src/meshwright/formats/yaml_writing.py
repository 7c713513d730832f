"""Documents → YAML text for people: block style, keys in their order, text that looks like something else quoted."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

# YAML 1.2 reads these as numbers, YAML 1.1 as times or numbers, and people as either: quoted, they are text for all.
LOOKS_LIKE_OTHER = re.compile(
    r"""[-+]?(\.?\d[\d_,.:eExXoOaAbBcCdDfF+-]*)\Z      # numbers, versions, dates and times
    |[-+]?\.(inf|Inf|INF|nan|NaN|NAN)\Z
    |(?i:y|n|yes|no|on|off|true|false|null|~|=|<<)\Z
    """,
    re.VERBOSE,
)
# A version such as 1.10.0 has two dots: no YAML reads it as a number, and quotes would only be noise.
VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+.][0-9A-Za-z.+-]*)?\Z")
UNUSUAL = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")
WIDTH: Final = 100_000


def dump(document: Any) -> str:  # noqa: ANN401 - any document of JSON values
    """*document* as YAML text; reading it gives the same values again.

    Raises ValueError for a value that is not text, number, boolean, null, list or mapping.
    """
    import yaml

    try:
        text: str = yaml.dump(
            document, Dumper=_dumper(), sort_keys=False, allow_unicode=True, default_flow_style=False, width=WIDTH
        )
    except yaml.representer.RepresenterError as error:
        message = f"a value of this kind cannot be written as YAML: {error.args[-1]!r}"
        raise ValueError(message) from error
    return text.removesuffix("...\n")


@cache
def _dumper() -> Any:  # noqa: ANN401 - a class made once PyYAML is needed
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes no anchors, and lists indented below their key."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - PyYAML's signature
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
            super().increase_indent(flow, False)

    def text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))

    Dumper.add_representer(str, text_node)
    return Dumper


def _style(text: str) -> str | None:
    if UNUSUAL.search(text) or "\t" in text:
        return '"'
    if "\n" in text:
        lines = text.split("\n")
        # Block text cannot start with a blank, and trailing blanks are lost on people's editors.
        is_block = not text[0].isspace() and not any(line != line.rstrip() for line in lines) and bool(lines[0])
        return "|" if is_block else '"'
    if VERSION.match(text):
        return None
    return '"' if LOOKS_LIKE_OTHER.match(text) else None
