"""A dbt project read from its own files, as `dbt parse` would, without dbt: nothing of the project is run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt.configs import (
    columns,
    joined,
    listed,
    mapping,
    mappings,
    of_entry,
    of_folder,
    tests,
    with_test_defaults,
)
from meshwright.authoring.dbt.project import DataTest, DbtColumn, DbtMacro, DbtProject, Other, Place, Relation
from meshwright.authoring.dbt.properties import Entry, Properties, source_tables
from meshwright.formats.yaml_text import parse
from meshwright.model.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PROJECT_FILE: Final = "dbt_project.yml"
BLOCK: Final = re.compile(
    r"{%-?\s*(macro|test|data_test|snapshot|materialization)\s+(\w+).*?{%-?\s*end(?:macro|test|data_test|snapshot|materialization)\s*-?%}",
    re.DOTALL,
)
COMMENT: Final = re.compile(r"{#.*?#}", re.DOTALL)
HOOKS: Final = ("on-run-start", "on-run-end")
# Folders that dbt looks into, by the key that names them, with what it takes when there is none.
FOLDERS: Final = {
    "model-paths": ["models"],
    "seed-paths": ["seeds"],
    "test-paths": ["tests"],
    "macro-paths": ["macros"],
    "snapshot-paths": ["snapshots"],
    "analysis-paths": ["analyses"],
    "function-paths": ["functions"],
}
# The same keys in projects of dbt before 1.0.
FORMERLY: Final = {"model-paths": "source-paths", "seed-paths": "data-paths"}


def read_project(root: Path) -> DbtProject:
    """The project in the folder *root*, its installed packages included.

    Raises NotFound when there is none, InvalidInput when its dbt_project.yml cannot be read.
    """
    file = root / PROJECT_FILE
    if not file.is_file():
        message = f"{root} holds no {PROJECT_FILE}: name the folder of a dbt project"
        raise NotFound(message)
    settings = project_settings(root)
    project = DbtProject(name=str(settings.get("name") or root.resolve().name), root=root)
    project.variables = variables_of(settings)
    packages = root / str(settings.get("packages-install-path") or "dbt_packages")
    for folder in sorted(packages.iterdir()) if packages.is_dir() else ():
        if (folder / PROJECT_FILE).is_file():
            _Package(project, root, folder, settings).read()
    _Package(project, root, root, settings).read()
    project.packages |= set(_named_packages(root))
    for key in HOOKS:
        for _ in listed(settings.get(key)):
            project.others.append(Other(kind="hook", name=key, place=Place(PROJECT_FILE, _line_of(file, key))))
    return project


def variables_of(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables of a dbt_project.yml by package, those for all under ""."""
    found = mapping(settings.get("vars"))
    packages = {key: value for key, value in found.items() if isinstance(value, dict)}
    return {"": {key: value for key, value in found.items() if key not in packages}, **packages}


def project_settings(folder: Path) -> dict[str, Any]:
    """What dbt_project.yml in *folder* says. Raises InvalidInput when it cannot be read."""
    document, findings = parse((folder / PROJECT_FILE).read_bytes(), str(folder / PROJECT_FILE))
    if not isinstance(document, dict):
        message = "\n".join(str(finding) for finding in findings) or f"{folder / PROJECT_FILE} is no mapping"
        raise InvalidInput(message)
    return document


def project_folders(folder: Path) -> list[str]:
    """The folders below *folder* that hold the project's own files."""
    return [path for paths in _places(project_settings(folder)).values() for path in paths]


def _places(own: dict[str, Any]) -> dict[str, list[str]]:
    """The folders that a dbt_project.yml names, by the key that names them."""
    return {
        key: _paths(own, key) if key in own or FORMERLY.get(key) in own else default for key, default in FOLDERS.items()
    }


def _named_packages(root: Path) -> Iterator[str]:
    """The names of the packages that the project asks for, installed or not."""
    for name in ("packages.yml", "dependencies.yml"):
        if (root / name).is_file():
            document, _ = parse((root / name).read_bytes(), name)
            for _, entry in mappings((document or {}).get("packages") if isinstance(document, dict) else None):
                asked = str(entry.get("package") or entry.get("git") or entry.get("local") or "")
                yield asked.removesuffix(".git").rstrip("/").rpartition("/")[2].replace("-", "_")


def _line_of(file: Path, text: str) -> int:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((at for at, line in enumerate(lines, start=1) if line.strip().startswith(text)), 0)


@dataclass(slots=True)
class _Package:
    """Reads one folder with a dbt_project.yml, the project itself or a package, into *project*."""

    project: DbtProject
    root: Path
    folder: Path
    above: dict[str, Any]

    def read(self) -> None:
        own = project_settings(self.folder)
        name = str(own.get("name") or self.folder.name)
        is_root = self.folder == self.root
        if not is_root:
            defaults = variables_of(own)
            mine = {**defaults[""], **defaults.get(name, {})}
            self.project.variables[name] = {**mine, **self.project.variables.get(name, {})}
        self.project.packages.add(name)
        places = _places(own)
        properties = self._properties(places)
        for key, section in (("model-paths", "models"), ("seed-paths", "seeds"), ("snapshot-paths", "snapshots")):
            for path in places[key]:
                self._relations(name, section, path, own, properties)
        self.project.relations += _described_snapshots(name, properties, self.project.relations)
        defaults = of_folder(own.get("data_tests") or own.get("tests"), (name,))
        self.project.relations = (
            [with_test_defaults(one, defaults) for one in self.project.relations]
            if defaults
            else self.project.relations
        )
        for path in (*places["macro-paths"], *places["test-paths"]):
            self._code(name, path, is_test=path in places["test-paths"], is_root=is_root)
        for entry in properties.sources:
            self.project.sources += source_tables(entry, properties)
        self.project.groups |= properties.groups
        self.project.problems += properties.problems
        if is_root:
            self.project.unit_tests += properties.unit_tests
            self.project.others += properties.others
            self.project.others += self._analyses(places["analysis-paths"])

    def _analyses(self, paths: list[str]) -> Iterator[Other]:
        for path in paths:
            for file in _below(self.folder, path):
                if file.endswith(".sql"):
                    yield Other(kind="analysis", name=_stem(file), place=Place(file, 1))

    def _properties(self, places: dict[str, list[str]]) -> Properties:
        properties = Properties()
        files = sorted({file for paths in places.values() for path in paths for file in _below(self.folder, path)})
        for file in files:
            if file.endswith(".md"):
                properties.add_docs(self._text(file))
        for file in files:
            if file.endswith((".yml", ".yaml")):
                properties.read(self.root, self._path(file))
        return properties

    def _path(self, file: str) -> str:
        """*file* of this folder, relative to the project's."""
        return os.path.relpath(self.folder / file, self.root).replace(os.sep, "/")

    def _text(self, file: str) -> str:
        return (self.folder / file).read_text(encoding="utf-8-sig", errors="replace")

    def _relations(self, package: str, section: str, path: str, own: dict[str, Any], properties: Properties) -> None:
        endings = {"models": (".sql", ".py"), "seeds": (".csv",), "snapshots": (".sql",)}[section]
        for file in _below(self.folder, path):
            if not file.endswith(endings):
                continue
            text = "" if section == "seeds" else self._text(file)
            folders = tuple(file.removeprefix(f"{path.strip('/')}/").split("/")[:-1])
            for name, body in self._named(section, file, text):
                names = (package, *folders, name)
                config = joined(
                    of_folder(own.get(section), names),
                    of_folder(self.above.get(section), names) if self.folder != self.root else {},
                )
                relation = Relation(
                    name=name,
                    kind={"models": "model", "seeds": "seed", "snapshots": "snapshot"}[section],
                    package=package,
                    path=self._path(file),
                    folders=folders,
                    place=Place(self._path(file), 1),
                    text=body,
                    config=config,
                )
                self.project.relations.append(_documented(relation, section, properties))

    def _named(self, section: str, file: str, text: str) -> list[tuple[str, str]]:
        if section != "snapshots":
            return [(_stem(file), text)]
        return [(match.group(2), match.group(0)) for match in BLOCK.finditer(text) if match.group(1) == "snapshot"]

    def _code(self, package: str, path: str, *, is_test: bool, is_root: bool) -> None:
        """Macros and generic tests wherever they are, and singular tests in the test folders."""
        for file in _below(self.folder, path):
            if not file.endswith(".sql"):
                continue
            # Without comments, in which old macros are kept, but with their lines.
            text = COMMENT.sub(lambda match: "\n" * match[0].count("\n"), self._text(file))
            blocks = list(BLOCK.finditer(text))
            for match in blocks:
                kind, name = match.group(1), match.group(2)
                place = Place(self._path(file), text.count("\n", 0, match.start()) + 1)
                if kind == "macro":
                    self.project.macros.append(DbtMacro(package=package, name=name, text=match.group(0), place=place))
                elif kind in {"test", "data_test"}:
                    body = re.sub(r"({%-?\s*)(data_)?test\s+", r"\1macro test_", match.group(0), count=1)
                    body = re.sub(r"({%-?\s*)end(data_)?test", r"\1endmacro", body)
                    macro = DbtMacro(package=package, name=f"test_{name}", text=body, place=place)
                    self.project.macros.append(macro)
            if is_test and is_root and not blocks and text.strip():
                test = DataTest(name=_stem(file), place=Place(self._path(file), 1), sql=text, config=_own_config(text))
                self.project.singular_tests.append(test)


def _paths(own: dict[str, Any], key: str) -> list[str]:
    return [str(path) for path in listed(own.get(key) or own.get(FORMERLY.get(key, "")))]


def _stem(file: str) -> str:
    return file.rpartition("/")[2].rpartition(".")[0]


def _below(folder: Path, path: str) -> list[str]:
    """The files below *path* of *folder*, relative to it, sorted."""
    found = []
    for where, folders, names in os.walk(folder / path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.relpath(os.path.join(where, name), folder).replace(os.sep, "/") for name in names]  # noqa: PTH118 - called for every file of a project
    return sorted(found)


def _documented(relation: Relation, section: str, properties: Properties) -> Relation:
    """*relation* with what its property file says; of a versioned model what is said of its version."""
    entry = properties.named.get((section, relation.name))
    if entry is not None and not entry.data.get("versions"):
        return _with_entry(relation, entry, properties)
    for (kind, name), versioned in properties.named.items():
        if kind != section or not relation.name.startswith(name):
            continue
        for at, version in mappings(versioned.data.get("versions")):
            number = str(version.get("v", version.get("name")))
            if str(version.get("defined_in") or "") == relation.name or relation.name in {
                f"{name}_v{number}", f"{name}.v{number}", *([name] if "defined_in" not in version else []),
            }:  # fmt: skip
                found = _with_entry(replace(relation, name=name), versioned, properties)
                return _with_version(found, versioned, at, version, properties)
    return relation


def _with_entry(relation: Relation, entry: Entry, properties: Properties) -> Relation:
    data, place = entry.data, entry.place
    found = columns(data, entry.pointer, model=relation.name, path=entry.path, line=entry.line)
    return replace(
        relation,
        place=place,
        config=joined(relation.config, of_entry(data)),
        description=properties.described(data.get("description")),
        columns=tuple(replace(column, description=properties.described(column.description)) for column in found),
        tests=tests(data, entry.pointer, model=relation.name, column="", path=entry.path, line=entry.line),
        constraints=tuple(constraint for _, constraint in mappings(data.get("constraints"))),
        latest_version=str(data.get("latest_version") or ""),
        deprecated_from=str(data.get("deprecation_date") or ""),
    )


def _with_version(
    relation: Relation, entry: Entry, at: int, version: dict[str, Any], properties: Properties
) -> Relation:
    """*relation*, a versioned model, as its version number *at* says."""
    numbers = [str(one.get("v", one.get("name"))) for _, one in mappings(entry.data.get("versions"))]
    pointer = f"{entry.pointer}/versions/{at}"
    own = columns(version, pointer, model=relation.name, path=entry.path, line=entry.line)
    kept: tuple[DbtColumn, ...] = relation.columns
    for _, column in mappings(version.get("columns")):
        if "include" in column:
            out = {str(name) for name in listed(column.get("exclude"))}
            include = listed(column["include"])
            everything = include in (["all"], ["*"])
            kept = tuple(one for one in kept if one.name not in out and (everything or one.name in include))
    mine = {column.name for column in own}
    said = version.get("tests", version.get("data_tests"))
    return replace(
        relation,
        place=Place(entry.path, entry.line(f"{pointer}/v")),
        version=str(version.get("v", version.get("name"))),
        latest_version=relation.latest_version or max(numbers, key=_number),
        config=joined(relation.config, of_entry(version)),
        description=properties.described(version.get("description")) or relation.description,
        columns=(*(column for column in kept if column.name not in mine), *own),
        tests=relation.tests
        if said is None
        else tests(version, pointer, model=relation.name, column="", path=entry.path, line=entry.line),
        deprecated_from=str(version.get("deprecation_date") or relation.deprecated_from),
    )


def _number(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdecimal() else (0, text)


def _described_snapshots(package: str, properties: Properties, known: list[Relation]) -> list[Relation]:
    """Snapshots that stand in property files alone, as they may since dbt 1.9."""
    names = {relation.name for relation in known}
    return [
        Relation(
            name=name, kind="snapshot", package=package, path=entry.path, place=entry.place, config=of_entry(entry.data)
        )
        for (section, name), entry in properties.named.items()
        if section == "snapshots" and name not in names
    ]


def _own_config(text: str) -> dict[str, Any]:
    """What a singular test says of itself in `config(severity='warn', …)`, as far as it is plain text."""
    call = re.search(r"{{-?\s*config\s*\((.*?)\)\s*-?}}", text, re.DOTALL)
    return dict(re.findall(r"(\w+)\s*=\s*['\"]([^'\"]*)['\"]", call[1])) if call is not None else {}
