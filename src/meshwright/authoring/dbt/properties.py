"""dbt's property files (`schema.yml`, `_sources.yml` …): every entry by kind and name, with the line it stands on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meshwright.authoring.dbt.configs import columns, joined, listed, mapping, mappings, of_entry, tests
from meshwright.authoring.dbt.project import DbtUnitTest, Other, Place, SourceTable
from meshwright.formats.yaml_text import Places, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a mesh has no counterpart for, and how it is called in the list of what was left.
OTHERS = {
    "metrics": "metric",
    "semantic_models": "semantic model",
    "saved_queries": "saved query",
    "analyses": "analysis",
    "functions": "function",
}
DOCS_BLOCK = re.compile(r"{%-?\s*docs\s+(\w+)\s*-?%}(.*?){%-?\s*enddocs\s*-?%}", re.DOTALL)
DOC_CALL = re.compile(r"{{\s*doc\(\s*['\"]([\w.]+)['\"](?:\s*,\s*['\"](\w+)['\"])?\s*\)\s*}}")


@dataclass(slots=True)
class Entry:
    """One entry of a property file: its mapping, where it stands, and how to find what is in it."""

    data: dict[str, Any]
    pointer: str
    path: str
    places: Places

    def line(self, pointer: str) -> int:
        """The line of a JSON pointer of the file."""
        return self.places.find(pointer)[0]

    @property
    def place(self) -> Place:
        """Where the entry begins."""
        return Place(self.path, self.line(f"{self.pointer}/name"))


@dataclass(slots=True)
class Properties:
    """All property files of one package: `named` maps (section, name) to an entry; `problems` are unreadable files."""

    named: dict[tuple[str, str], Entry] = field(default_factory=dict)
    sources: list[Entry] = field(default_factory=list)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    unit_tests: list[DbtUnitTest] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)
    docs: dict[str, str] = field(default_factory=dict)
    problems: list[Other] = field(default_factory=list)

    def add_docs(self, text: str) -> None:
        """Remember the docs blocks of a Markdown file."""
        for name, body in DOCS_BLOCK.findall(text):
            self.docs[name] = body.strip()

    def described(self, text: Any) -> str:  # noqa: ANN401 - a value of a document
        """A description with its `doc()` calls filled in."""

        def block(match: re.Match[str]) -> str:
            name = match.group(2) or match.group(1).rpartition(".")[2]
            return self.docs.get(name, match.group(0))

        return DOC_CALL.sub(block, str(text or "")).strip()

    def read(self, root: Path, path: str) -> None:
        """Add the property file at *path* below *root*."""
        content = (root / path).read_bytes()
        document, findings = parse(content, path)
        for finding in findings:
            if finding.code != "empty-file":
                self.problems.append(Other(kind="property file", name=finding.message, place=Place(path, finding.line)))
        if not isinstance(document, dict):
            return
        places = Places(content)
        for section in ("models", "seeds", "snapshots"):
            for at, entry in mappings(document.get(section)):
                if "name" in entry:
                    self.named[section, str(entry["name"])] = Entry(entry, f"/{section}/{at}", path, places)
        for at, entry in mappings(document.get("sources")):
            self.sources.append(Entry(entry, f"/sources/{at}", path, places))
        for _, entry in mappings(document.get("groups")):
            self.groups[str(entry.get("name"))] = entry
        self.unit_tests += _unit_tests(document, path, places)
        self.others += _others(document, path, places)


def _unit_tests(document: dict[str, Any], path: str, places: Places) -> Iterator[DbtUnitTest]:
    for at, entry in mappings(document.get("unit_tests")):
        versions = listed(entry["versions"].get("include")) if isinstance(entry.get("versions"), dict) else []
        yield DbtUnitTest(
            name=str(entry.get("name", "")),
            model=str(entry.get("model", "")),
            place=Place(path, places.find(f"/unit_tests/{at}/name")[0]),
            given=tuple(given for _, given in mappings(entry.get("given"))),
            expect=entry["expect"] if isinstance(entry.get("expect"), dict) else {"rows": entry.get("expect")},
            overrides=entry.get("overrides") or {},
            version=str(versions[0]) if versions else "",
        )


def _others(document: dict[str, Any], path: str, places: Places) -> Iterator[Other]:
    for at, entry in mappings(document.get("exposures")):
        owner = entry.get("owner") or {}
        yield Other(
            kind="exposure",
            name=str(entry.get("label") or entry.get("name", "")),
            place=Place(path, places.find(f"/exposures/{at}/name")[0]),
            reads=tuple(str(read) for read in listed(entry.get("depends_on"))),
            owner=str(owner.get("name") or owner.get("email") or "") if isinstance(owner, dict) else "",
        )
    for section, kind in OTHERS.items():
        for at, entry in mappings(document.get(section)):
            place = Place(path, places.find(f"/{section}/{at}/name")[0])
            yield Other(kind=kind, name=str(entry.get("name", "")), place=place)


def source_tables(entry: Entry, properties: Properties) -> Iterator[SourceTable]:
    """The tables of one source's *entry* that are not disabled."""
    source = entry.data
    config = of_entry(source)
    for at, table in mappings(source.get("tables")):
        pointer = f"{entry.pointer}/tables/{at}"
        settings = joined(config, of_entry(table))
        if "name" not in table or settings.get("enabled", True) in {False, "false"}:
            continue
        key = f"{source.get('name')}.{table['name']}"
        meta = {**mapping(settings.get("meta")), **settings}
        name, identifier = str(table["name"]), str(table.get("identifier") or table["name"])
        yield SourceTable(
            source=str(source.get("name")),
            name=name,
            place=Place(entry.path, entry.line(f"{pointer}/name")),
            identifier=identifier,
            schema=str(source.get("schema") or source.get("name") or ""),
            database=str(source.get("database") or ""),
            location=external_location(meta, name=name, identifier=identifier, schema=str(source.get("schema") or "")),
            description=properties.described(table.get("description") or source.get("description")),
            columns=columns(table, pointer, model=key, path=entry.path, line=entry.line),
            tests=tests(table, pointer, model=key, column="", path=entry.path, line=entry.line),
            has_freshness=bool(table.get("freshness") or source.get("freshness") or settings.get("freshness")),
        )


def external_location(meta: dict[str, Any], **names: str) -> str:
    """dbt-duckdb's external_location with its placeholders filled in; "" when there is none."""
    text = str(meta.get("external_location") or "")
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text
