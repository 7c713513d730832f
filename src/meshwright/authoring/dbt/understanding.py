"""A dbt project with its models' own configuration and references known: what has to be decided can be decided."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meshwright.authoring.dbt.catalog import read_catalog
from meshwright.authoring.dbt.configs import joined
from meshwright.authoring.dbt.dialects import DIALECTS, DUCKDB
from meshwright.authoring.dbt.files import read_project
from meshwright.authoring.dbt.manifest import fresh_manifest, read_manifest
from meshwright.authoring.dbt.references import reference
from meshwright.authoring.dbt.rendering import Renderer
from meshwright.formats.yaml_text import parse
from meshwright.model.errors import InvalidInput
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.authoring.adoption import Adoption
    from meshwright.authoring.dbt.project import DbtProject, Relation, SourceTable

PROFILES: Final = "profiles.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtImport:
    """What to adopt, and how: `folder` holds the project; "" leaves a choice to what is found there.

    `by` is group or folder, `domain` the domain that the products go to, `connection` what the mesh calls the database
    that sources are in; without steps every model becomes an output port.
    """

    folder: Path
    domain: str = ""
    team: str = ""
    by: str = ""
    connection: str = ""
    dialect: str = ""
    target: str = ""
    with_steps: bool = True


@dataclass(slots=True)
class Understood:
    """A project, the models of it that are built, and what each reads.

    `keys` maps a name and version ("" the one that an unpinned `ref` means) to a relation's key, `reads` a model's key to
    those of the models it reads; `exposed` are the keys that others than models read.
    """

    project: DbtProject
    renderer: Renderer
    dialect: str
    models: list[Relation] = field(default_factory=list)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    others: dict[str, Relation] = field(default_factory=dict)
    sources: dict[str, SourceTable] = field(default_factory=dict)
    reads: dict[str, list[str]] = field(default_factory=dict)
    exposed: set[str] = field(default_factory=set)


def understand(asked: DbtImport, adoption: Adoption) -> Understood:
    """The project that is to be adopted, as far as it goes without deciding anything.

    Raises NotFound and InvalidInput as `read_project` does, InvalidInput for a dialect that nobody knows.
    """
    folder = asked.folder
    manifest = fresh_manifest(folder)
    project = (read_manifest(folder, manifest) if manifest is not None else None) or read_project(folder)
    read_catalog(project, folder / "target")
    adapter, named = _profile(folder)
    spoken = _dialect(asked.dialect or project.adapter or adapter, adoption)
    renderer = Renderer(project, dialect=spoken, target=asked.target or named or "prod")
    found = Understood(project, renderer, spoken)
    found.sources = {source.key: _rendered(source, renderer) for source in project.sources}
    for problem in project.problems:
        adoption.left(problem.kind, problem.name, problem.place, note="the file cannot be read")
    for relation in project.relations:
        _sort(relation, found, adoption)
    for relation in project.relations:
        latest = relation.version and relation.version == relation.latest_version
        if not relation.version or latest:
            found.keys[relation.name, ""] = relation.key
        if relation.version:
            found.keys[relation.name, relation.version] = relation.key
    by_key = {model.key: model for model in found.models}
    for model in found.models:
        found.reads[model.key] = _reads(model, found, by_key)
    for other in project.others:
        read = (reference(text) for text in other.reads)
        found.exposed |= {found.keys.get((one.name, one.more), "") for one in read if one and one.kind == "ref"}
    return found


def _profile(folder: Path) -> tuple[str, str]:
    """The adapter and the target that a profiles.yml beside the project names; one in a home folder is not read."""
    if not (folder / PROFILES).is_file():
        return "", ""
    document, _ = parse((folder / PROFILES).read_bytes(), PROFILES)
    for profile in document.values() if isinstance(document, dict) else ():
        outputs = profile.get("outputs") if isinstance(profile, dict) else None
        if isinstance(outputs, dict) and outputs:
            target = "prod" if "prod" in outputs else str(profile.get("target") or next(iter(outputs)))
            output = outputs.get(target) or next(iter(outputs.values()))
            return str(output.get("type", "")) if isinstance(output, dict) else "", target
    return "", ""


def _dialect(adapter: str, adoption: Adoption) -> str:
    if not adapter:
        adoption.changed(
            "project",
            "dialect",
            "dbt_project.yml",
            note="nothing says which database the SQL is for; it was taken for DuckDB's",
            action="name it with --dialect, such as --dialect snowflake",
        )
        return DUCKDB
    if adapter not in DIALECTS:
        close = nearest(adapter, DIALECTS)
        message = f"there is no dialect '{adapter}'" + (f": did you mean {close}?" if close else "")
        raise InvalidInput(f"{message} Known: {', '.join(DIALECTS)}")
    return DIALECTS[adapter]


def _rendered(source: SourceTable, renderer: Renderer) -> SourceTable:
    """*source* with what templates say of where it is: packages take schemas from variables."""

    def plain(text: str, otherwise: str) -> str:
        return (renderer.render(text).sql or otherwise) if "{{" in text else text

    return replace(
        source,
        schema=plain(source.schema, source.source),
        database=plain(source.database, ""),
        identifier=plain(source.identifier, source.name),
        location=plain(source.location, ""),
    )


def _sort(relation: Relation, found: Understood, adoption: Adoption) -> None:
    """Keep *relation* as a model to carry over, as something that models read, or put it on the list."""
    if relation.kind == "seed":
        # Also one that is disabled: some projects load their seeds in one environment only, and the data is there.
        found.others[relation.key] = relation
        return
    if relation.kind == "snapshot":
        found.others[relation.key] = relation
        adoption.left(
            "snapshot",
            relation.name,
            relation.place,
            note="a mesh keeps history by publications, not by rows with dates of validity",
            action="go on making it with dbt and read its table, or read earlier publications with as_of",
        )
        return
    if relation.language == "python":
        found.others[relation.key] = relation
        adoption.left(
            "python model",
            relation.name,
            relation.place,
            note="dbt's session is not there",
            action=f"write it as `def {relation.name}(inputs)` that returns Arrow, pandas or polars",
        )
        return
    first = found.renderer.render(relation.text, package=relation.package, relation=relation)
    model = replace(relation, config=joined(relation.config, first.config))
    if not found.renderer.truth(model.config.get("enabled", True)):
        adoption.left("model", model.name, model.place, note="it is disabled in dbt")
        return
    found.models.append(model)


def _reads(model: Relation, found: Understood, by_key: dict[str, Relation]) -> list[str]:
    rendered = found.renderer.render(model.text, package=model.package, relation=model)
    keys = [found.keys.get((name, version), "") for _, name, version in rendered.refs]
    return [key for key in dict.fromkeys(keys) if key in by_key]
