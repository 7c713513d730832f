"""`target/manifest.json`: the project as dbt itself parsed it, used as long as no file of the project is newer."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt.configs import described_test, joined, listed
from meshwright.authoring.dbt.files import PROJECT_FILE, project_folders, project_settings, variables_of
from meshwright.authoring.dbt.project import (
    DataTest,
    DbtColumn,
    DbtMacro,
    DbtProject,
    DbtUnitTest,
    Other,
    Place,
    Relation,
    SourceTable,
)
from meshwright.authoring.dbt.properties import OTHERS, external_location

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST: Final = "target/manifest.json"
WATCHED: Final = (".sql", ".yml", ".yaml", ".py", ".csv", ".md")
# dbt's own macros ask the database or dbt itself; the ones that need neither are built in.
OWN_PACKAGES: Final = re.compile(
    r"dbt(_(duckdb|postgres|snowflake|bigquery|redshift|databricks|spark|trino|athena))?\Z"
)


def fresh_manifest(folder: Path) -> Path | None:
    """The manifest of the project in *folder*; None when there is none, or a file of the project is newer."""
    file = folder / MANIFEST
    if not file.is_file() or not (folder / PROJECT_FILE).is_file():
        return None
    written = file.stat().st_mtime
    newest = (folder / PROJECT_FILE).stat().st_mtime
    for path in project_folders(folder):
        for where, _, names in os.walk(folder / path):
            times = [os.stat(os.path.join(where, name)).st_mtime for name in names if name.endswith(WATCHED)]  # noqa: PTH116, PTH118 - called for every file of a project
            newest = max([newest, *times])
    return file if written >= newest else None


def read_manifest(folder: Path, manifest: Path) -> DbtProject | None:
    """The project in *folder* as *manifest* has it; None when the manifest is damaged or of another project."""
    settings = project_settings(folder)
    try:
        document = json.loads(manifest.read_text(encoding="utf-8"))
        metadata = document["metadata"]
        name = str(settings.get("name"))
        if metadata.get("project_name", name) != name:
            return None
        project = DbtProject(
            name=name, root=folder, adapter=str(metadata.get("adapter_type") or ""), from_manifest=True
        )
        project.variables = variables_of(settings)
        _Manifest(document, project).read()
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
    return project


@dataclass(slots=True)
class _Manifest:
    """Turns a manifest into a project."""

    document: dict[str, Any]
    project: DbtProject
    texts: dict[str, list[str]] = field(default_factory=dict)
    tests: dict[str, list[DataTest]] = field(default_factory=dict)

    def read(self) -> None:
        nodes = self.document["nodes"].values()
        for node in nodes:
            if node["resource_type"] == "test":
                self._test(node)
        for node in nodes:
            if node["resource_type"] in {"model", "seed", "snapshot"}:
                self.project.relations.append(self._relation(node))
            elif node["resource_type"] == "analysis" and node["package_name"] == self.project.name:
                place = Place(node["original_file_path"], 1)
                self.project.others.append(Other(kind="analysis", name=node["name"], place=place))
            elif node["resource_type"] == "operation" and node["package_name"] == self.project.name:
                self.project.others.append(Other(kind="hook", name=node["name"], place=Place(PROJECT_FILE)))
        self.project.sources += [self._source(node) for node in self.document["sources"].values()]
        for macro in self.document["macros"].values():
            package = macro["package_name"]
            self.project.packages.add(package)
            if not OWN_PACKAGES.match(package):
                text, name = macro["macro_sql"], macro["name"]
                if name.startswith("test_"):
                    text = re.sub(r"({%-?\s*)(?:data_)?test\s+", r"\1macro test_", text, count=1)
                    text = re.sub(r"({%-?\s*)end(?:data_)?test", r"\1endmacro", text)
                place = Place(macro["original_file_path"])
                self.project.macros.append(DbtMacro(package=package, name=name, text=text, place=place))
        self.project.groups = {group["name"]: group for group in self.document.get("groups", {}).values()}
        self._unit_tests()
        self._others()

    def _place(self, node: dict[str, Any], name: str = "") -> Place:
        """Where a node is described, with the line of its name; its own file when it is described nowhere."""
        patch = str(node.get("patch_path") or "").partition("://")[2]
        path = patch or str(node["original_file_path"])
        return Place(path, self._line(path, name or str(node["name"])))

    def _line(self, path: str, *names: str) -> int:
        """The line of `name: …` for each of *names* in turn, the next one below the one before; of the last that is found."""
        lines, found = self._lines(path), 0
        for name in names:
            pattern = re.compile(rf"\s*(-\s*)?({{\s*)?(name:\s*)?['\"]?{re.escape(name)}['\"]?\s*(:|,|#.*|\Z)")
            found = next((at for at, line in enumerate(lines, start=1) if at > found and pattern.match(line)), found)
        return found or (1 if path.endswith((".sql", ".py", ".csv")) else 0)

    def _lines(self, path: str) -> list[str]:
        if path not in self.texts:
            file = self.project.root / path
            text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
            self.texts[path] = text.splitlines()
        return self.texts[path]

    def _test(self, node: dict[str, Any]) -> None:
        config = {key: value for key, value in node["config"].items() if value not in (None, [], {})}
        if str(config.get("error_if", "!= 0")) == "!= 0":
            config.pop("error_if", None)
        if str(config.get("warn_if", "!= 0")) == "!= 0":
            config.pop("warn_if", None)
        metadata = node.get("test_metadata")
        if not metadata:
            if node["package_name"] == self.project.name:
                place = Place(node["original_file_path"], 1)
                test = DataTest(name=node["name"], place=place, sql=node["raw_code"], config=config)
                self.project.singular_tests.append(test)
            return
        attached = node.get("attached_node") or next(iter(node["depends_on"]["nodes"]), "")
        owner = ".".join(attached.split(".")[2:])
        name = ".".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
        body = {**metadata["kwargs"], "config": config, "description": node.get("description")}
        path = str(node["original_file_path"])
        is_source, column = attached.startswith("source"), str(node.get("column_name") or "")
        described_as = owner.rpartition(".")[2] if is_source else owner.partition(".v")[0]
        line = self._line(path, described_as, *([column] if column else []), name)
        test = described_test(name, body, model=owner, column=column, place=Place(path, line))
        self.tests.setdefault(attached, []).append(test)

    def _columns(self, node: dict[str, Any]) -> tuple[DbtColumn, ...]:
        of_node = self.tests.get(node["unique_id"], [])
        return tuple(
            DbtColumn(
                name=column["name"],
                description=str(column.get("description") or "").strip(),
                data_type=str(column.get("data_type") or ""),
                constraints=tuple(column.get("constraints") or ()),
                tests=tuple(test for test in of_node if test.column == column["name"]),
                tags=tuple(column.get("tags") or ()),
                meta=dict(column.get("meta") or {}),
            )
            for column in node.get("columns", {}).values()
        )

    def _other_tests(self, node: dict[str, Any]) -> tuple[DataTest, ...]:
        names = set(node.get("columns", {}))
        return tuple(test for test in self.tests.get(node["unique_id"], ()) if test.column not in names)

    def _relation(self, node: dict[str, Any]) -> Relation:
        own = {key: node[key] for key in ("group", "access", "tags", "meta") if node.get(key)}
        version = node.get("version")
        config = {key: value for key, value in node["config"].items() if value is not None}
        # fqn is package, folders, name (and version).
        folders = node["fqn"][1 : -2 if version is not None else -1]
        return Relation(
            name=node["name"],
            kind=node["resource_type"],
            package=node["package_name"],
            path=self._file(node),
            folders=tuple(folders),
            place=self._place(node),
            text=node.get("raw_code") or "",
            compiled=node.get("compiled_code") or "",
            config={**config, **own, "tags": listed(node.get("tags"))},
            description=str(node.get("description") or "").strip(),
            columns=self._columns(node),
            tests=self._other_tests(node),
            constraints=tuple(node.get("constraints") or ()),
            version="" if version is None else str(version),
            latest_version="" if node.get("latest_version") is None else str(node["latest_version"]),
            deprecated_from=str(node.get("deprecation_date") or ""),
        )

    def _file(self, node: dict[str, Any]) -> str:
        if node["package_name"] == self.project.name:
            return str(node["original_file_path"])
        return f"dbt_packages/{node['package_name']}/{node['original_file_path']}"

    def _source(self, node: dict[str, Any]) -> SourceTable:
        name, identifier = str(node["name"]), str(node.get("identifier") or node["name"])
        meta = joined(
            node.get("source_meta") or {}, node.get("meta") or {}, (node.get("config") or {}).get("meta") or {}
        )
        schema = str(node.get("schema") or "")
        return SourceTable(
            source=node["source_name"],
            name=name,
            place=self._place(node),
            identifier=identifier,
            schema=schema,
            database=str(node.get("database") or ""),
            location=external_location(meta, name=name, identifier=identifier, schema=schema),
            description=str(node.get("description") or node.get("source_description") or "").strip(),
            columns=self._columns(node),
            tests=self._other_tests(node),
            has_freshness=any(
                (node.get("freshness") or {}).get(key, {}).get("count") for key in ("warn_after", "error_after")
            ),
        )

    def _unit_tests(self) -> None:
        for node in self.document.get("unit_tests", {}).values():
            if node["package_name"] == self.project.name:
                self.project.unit_tests.append(
                    DbtUnitTest(
                        name=node["name"],
                        model=node["model"],
                        place=self._place(node),
                        given=tuple(node["given"]),
                        expect=node["expect"],
                        overrides={key: value for key, value in (node.get("overrides") or {}).items() if value},
                        version="" if node.get("version") is None else str(node["version"]),
                    )
                )

    def _others(self) -> None:
        for section, kind in {"exposures": "exposure", **OTHERS}.items():
            for node in self.document.get(section, {}).values():
                if node.get("package_name") == self.project.name:
                    owner = node.get("owner") or {}
                    refs = [f"ref('{ref['name']}')" for ref in node.get("refs") or () if isinstance(ref, dict)]
                    self.project.others.append(
                        Other(
                            kind=kind,
                            name=str(node.get("label") or node["name"]) if kind == "exposure" else str(node["name"]),
                            place=self._place(node),
                            reads=tuple(refs) if kind == "exposure" else (),
                            owner=str(owner.get("name") or owner.get("email") or ""),
                        )
                    )
