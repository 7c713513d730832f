"""YAML text ⇄ documents, with every trap closed, and the line of any value in a document."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

# Descriptors are written by people; whoever is beyond this has put data into one.
BYTES_MAX: Final = 10 * 1024 * 1024
# Anchors may repeat a block, not multiply it: a few lines of aliases can stand for billions of values.
ALIAS_EVENTS_MAX: Final = 100_000

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
PLACE = re.compile(r"line (\d+), column (\d+)")
# The parser's stack ends where a line opens this many lists at once; brackets it counts itself.
NESTED = re.compile(r"^ *(?:[-?][ \t]+){500}", re.MULTILINE)
SEPARATOR = re.compile(rb"^(---|\.\.\.)(?=\s|$)", re.MULTILINE)


def parse(content: bytes, path: str) -> tuple[Any, list[Finding]]:
    """The one document in *content*, or None and what is wrong with it (with line and column).

    A byte order mark is dropped. Refused: more than `BYTES_MAX` bytes, text that is not UTF-8, an empty file, several
    documents, duplicate keys, tabs as indentation, alias bombs, keys that are not text, numbers that JSON has not.
    Dates stay text, as both open standards write them.
    """
    if len(content) > BYTES_MAX:
        return None, [too_large(path, len(content), BYTES_MAX)]
    content = content.removeprefix(BYTE_ORDER_MARK)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, [not_utf8(path, content, error)]
    document, findings = _load(text, path)
    if findings:
        return None, findings
    second = _second_document(content)
    if second:
        return None, [
            Finding(
                code="several-documents",
                message="The file holds more than one YAML document",
                path=path,
                line=second,
                column=1,
                hint="keep one document in a file: remove the line '---' and what follows, or split the file",
            )
        ]
    if document is None:
        return None, [empty_file(path)]
    return document, []


def dump(document: Any) -> str:  # noqa: ANN401 - any document of JSON values
    """*document* as readable block YAML, keys in their order; `parse` gives the same values again.

    Raises ValueError for a value that is not text, number, boolean, null, list or mapping.
    """
    # Most runs only read.
    from meshwright.formats import yaml_writing

    return yaml_writing.dump(document)


def too_large(path: str, size: int, limit: int) -> Finding:
    """The finding for a file of *size* bytes where *limit* are allowed."""
    return Finding(
        code="too-large",
        message=f"The file is larger than {limit // (1024 * 1024)} MB and was not read",
        path=path,
        value=f"{size:,} bytes",
        hint="keep data out of descriptors: put it into a data file and name it with mesh.path",
    )


def not_utf8(path: str, content: bytes, error: UnicodeDecodeError) -> Finding:
    """The finding for text that is not UTF-8, at the first byte that is not."""
    before = content[: error.start]
    return Finding(
        code="not-utf8",
        message="The file is not UTF-8 text",
        path=path,
        line=before.count(b"\n") + 1,
        column=error.start - (before.rfind(b"\n") + 1) + 1,
        value=f"byte 0x{content[error.start]:02x}",
        hint="save the file as UTF-8",
    )


def empty_file(path: str) -> Finding:
    """The finding for a file that holds nothing, or comments only."""
    return Finding(code="empty-file", message="The file is empty", path=path, hint="write its content or delete it")


def _load(text: str, path: str) -> tuple[Any, list[Finding]]:
    import yaml_rs

    nested = NESTED.search(text)
    if nested:
        return None, [_too_deep(text.count("\n", 0, nested.start()) + 1, path)]
    limits = yaml_rs.AliasLimits(max_total_replayed_events=ALIAS_EVENTS_MAX)
    try:
        return yaml_rs.loads(text, parse_datetime=False, alias_limits=limits), []
    except yaml_rs.YAMLDecodeError as error:
        return None, [_syntax_finding(str(error), text, path)]


def _too_deep(line: int, path: str) -> Finding:
    return Finding(
        code="bad-yaml",
        message="The file is not valid YAML: lists are nested too deeply",
        path=path,
        line=line,
        column=1,
        hint="write one '-' on a line",
    )


def _syntax_finding(message: str, text: str, path: str) -> Finding:
    if "duplicate mapping key" in message:
        return _duplicate_key(message, text, path)
    if "replay" in message or "alias expansion" in message:
        return Finding(
            code="alias-bomb",
            message="Anchors and aliases in the file stand for too many values",
            path=path,
            value=message.splitlines()[-1],
            hint="write the values out instead of nesting aliases",
        )
    place = PLACE.search(message)
    line, column = (int(place[1]), int(place[2])) if place else (0, 0)
    what = message.splitlines()[-1].strip()
    is_tab = "tab" in what
    return Finding(
        code="bad-yaml",
        message="The file is not valid YAML: " + what,
        path=path,
        line=line,
        column=column,
        hint="indent with spaces" if is_tab else "check the indentation, brackets and quotes at and above this line",
    )


def _duplicate_key(message: str, text: str, path: str) -> Finding:
    line, column = _place_of_duplicate(text)
    key = message.rsplit(":", 1)[-1].strip().strip("'\"")
    return Finding(
        code="duplicate-key",
        message="A key is written twice in one mapping",
        path=path,
        line=line,
        column=column,
        value=key,
        hint="keep one of the two",
    )


def _place_of_duplicate(text: str) -> tuple[int, int]:
    import yaml

    waiting = [_compose(text)]
    found: list[tuple[int, int]] = []
    # Aliases lead to the same node from many places: each is looked at once.
    visited: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: set[tuple[str, str]] = set()
            for key, value in node.value:
                identity = (str(key.tag), str(key.value))
                if identity in seen:
                    found.append((key.start_mark.line + 1, key.start_mark.column + 1))
                seen.add(identity)
                waiting.append(value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
    return min(found, default=(0, 0))


def _second_document(content: bytes) -> int:
    """The line on which a second document starts; 0 when there is only one."""
    for match in SEPARATOR.finditer(content):
        before = content[: match.start()]
        is_first = match[1] == b"---" and _says_nothing(before)
        is_end = match[1] == b"..." and _says_nothing(content[match.end() :])
        if not is_first and not is_end:
            return before.count(b"\n") + 1
    return 0


def _says_nothing(content: bytes) -> bool:
    """Whether there are only comments, directives and blank lines."""
    return all(line.lstrip()[:1] in {b"", b"#", b"%"} for line in content.splitlines())


def _compose(text: str) -> Any:  # noqa: ANN401 - a node of PyYAML, which is imported where it is used
    import yaml

    try:
        # The C loader builds nodes only; it constructs no object, so no tag can run code.
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None


class Places:
    """Finds values of one document; the text is composed once, when the first place is asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._node: Any = None
        self._composed = False

    def find(self, pointer: str) -> tuple[int, int]:
        """The 1-based line and column of *pointer*: of a plain value itself, of a block its key.

        Falls back to the nearest parent that exists, (1, 1) when nothing of it does.
        """
        import yaml

        if not self._composed:
            text = self._content.removeprefix(BYTE_ORDER_MARK).decode("utf-8", errors="replace")
            self._node = _compose(text)
            self._composed = True
        node = self._node
        if node is None:
            return 1, 1
        mark = node.start_mark
        for part in _parts(pointer):
            key, child = _child(node, part)
            if child is None:
                break
            is_plain = isinstance(child, yaml.ScalarNode) and key is not None
            # An aliased value is written elsewhere: the key says where it is used.
            same_line = key is None or child.start_mark.line == key.start_mark.line
            mark = child.start_mark if key is None or (is_plain and same_line) else key.start_mark
            node = child
        return mark.line + 1, mark.column + 1


def locate(content: bytes, pointer: str) -> tuple[int, int]:
    """The 1-based line and column of an RFC 6901 *pointer* in *content*, or of its nearest parent that exists."""
    return Places(content).find(pointer)


def placed(findings: Iterable[Finding], content: bytes) -> list[Finding]:
    """*findings* of one document with line and column filled in where they only have a pointer."""
    places = Places(content)
    found = []
    for finding in findings:
        if finding.line:
            found.append(finding)
        else:
            line, column = places.find(finding.pointer)
            found.append(replace(finding, line=line, column=column))
    return found


def pointer(*parts: str | int) -> str:
    """The RFC 6901 pointer to *parts*."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _parts(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _child(node: Any, part: str) -> tuple[Any, Any]:  # noqa: ANN401 - nodes of PyYAML
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key, value
    elif isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        return None, node.value[int(part)]
    return None, None
