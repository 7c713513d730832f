"""What dbt says of a model – documentation, constraints, enforced types, tests – as the contract of its port."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt.dialects import data_type
from meshwright.authoring.dbt.macros import NotRendered
from meshwright.authoring.dbt.tests import carry, is_column
from meshwright.authoring.promises import Promises, written_column
from meshwright.model.casting import is_castable
from meshwright.model.contract import Contract, QualityRule, Relationship, ServiceLevel, Table
from meshwright.model.datatype import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.authoring.adoption import Adoption
    from meshwright.authoring.dbt.products import Home
    from meshwright.authoring.dbt.project import DataTest, DbtColumn, Relation
    from meshwright.authoring.dbt.surroundings import PortSurroundings
    from meshwright.model.datatype import DataType

    Columns = Sequence[tuple[str, DataType]]


NO_COLUMN: Final = "the model's query yields no such column"


def promises_of(
    model: Relation, singular: Sequence[DataTest], around: PortSurroundings, adoption: Adoption, columns: Columns
) -> Promises:
    """Everything promised of the port that *model* becomes and that has *columns*; the rest goes on the list."""
    to = around.home.address(around.all.arrangement.domain)
    known = {name.lower() for name, _ in columns}
    promises = Promises()
    for column in model.columns:
        _document(column, promises)
        for constraint in column.constraints:
            _constrain(constraint, [column.name], model, promises, around, adoption)
    for constraint in model.constraints:
        _constrain(
            constraint, [str(name) for name in constraint.get("columns") or ()], model, promises, around, adoption
        )
    tests = [*model.tests, *(test for column in model.columns for test in column.tests), *singular]
    for test in tests:
        name = test.column.strip('"`').lower()
        if name and is_column(test.column) and name not in known:
            adoption.left("test", f"{test.model}: {described(test)}", test.place, note=NO_COLUMN)
        else:
            _carry(test, promises, around, adoption, to=to)
    if model.deprecated_from:
        level = ServiceLevel(property="endOfLife", value=model.deprecated_from[:10])
        promises.service_levels.append(level)
    return promises


def _document(column: DbtColumn, promises: Promises) -> None:
    promise = promises.column(column.name)
    promise.description = column.description
    promise.tags = column.tags
    meta = dict(column.meta)
    promise.classification = str(meta.pop("classification", "") or "")
    promise.custom = {key: value for key, value in meta.items() if not key.startswith("mesh.")}


def _constrain(
    constraint: dict[str, Any],
    columns: list[str],
    model: Relation,
    promises: Promises,
    around: PortSurroundings,
    adoption: Adoption,
) -> None:
    kind = str(constraint.get("type", ""))
    if kind == "not_null":
        for name in columns:
            promises.column(name).required = True
    elif kind == "primary_key":
        for at, name in enumerate(columns, start=1):
            promises.column(name).primary_key = at
    elif kind == "unique" and len(columns) == 1:
        promises.column(columns[0]).unique = True
    elif kind == "unique":
        arguments = {"properties": columns}
        rule = QualityRule(kind="library", metric="duplicateValues", arguments=arguments, comparisons={"mustBe": 0})
        promises.quality.append(rule)
    elif kind == "check":
        query = f"SELECT count(*) FROM ${{table}} WHERE NOT ({around.sql(str(constraint.get('expression', '')))})"
        name = str(constraint.get("name") or f"check_{'_'.join(columns) or model.name}")
        promises.quality.append(QualityRule(kind="sql", name=name, query=query, comparisons={"mustBe": 0}))
    elif kind == "foreign_key" and constraint.get("to") and constraint.get("to_columns"):
        _foreign_key(constraint, columns, model, promises, around, adoption)
    else:
        what = str(constraint.get("expression") or constraint)
        adoption.left("constraint", kind or "?", model.place, note=f"of {model.name}: {what}")


def _foreign_key(
    constraint: dict[str, Any],
    columns: list[str],
    model: Relation,
    promises: Promises,
    around: PortSurroundings,
    adoption: Adoption,
) -> None:
    try:
        target = around.table(str(constraint["to"]))
    except NotRendered as error:
        adoption.left("constraint", "foreign_key", model.place, note=str(error))
        return
    to = tuple(f"{target.name}.{name}".replace('"', "") for name in constraint["to_columns"])
    relationship = Relationship(columns=tuple(columns), to=to)
    if len(columns) == 1:
        promises.column(columns[0]).relationships.append(relationship)
    else:
        promises.relationships.append(relationship)


def _carry(test: DataTest, promises: Promises, around: PortSurroundings, adoption: Adoption, *, to: str) -> None:
    name = f"{test.model}: {described(test)}" if test.model else described(test)
    if str(test.config.get("enabled", True)).lower() == "false":
        adoption.left("test", name, test.place, note="it is disabled in dbt")
        return
    try:
        note = carry(test, promises, around)
    except NotRendered as error:
        adoption.left("test", name, test.place, note=str(error), action="write it as a quality rule of the contract")
        return
    if note:
        adoption.changed("test", name, test.place, to=to, note=note)
    else:
        adoption.carried("test", name, test.place, to)


def described(test: DataTest) -> str:
    """What a test is called in the list."""
    return f"{test.name}({test.column})" if test.column else test.name


def write_contract(model: Relation, home: Home, domain: str, promises: Promises, columns: Columns) -> Contract:
    """The contract of the port at *home*, which has *columns*: an active one where dbt enforces its own."""
    address = f"{domain}.{home.product}.{home.name}"
    version = promised_version(model)
    status = "draft" if version.startswith("0.") else "deprecated" if model.deprecated_from else "active"
    written = tuple(written_column(name, kind, promises.columns.get(name.lower())) for name, kind in columns)
    table = Table(
        name=home.name,
        columns=tuple(column for column, _ in written),
        quality=(*promises.quality, *(rule for _, rules in written for rule in rules)),
        relationships=tuple(promises.relationships),
        tags=tuple(str(tag) for tag in model.config.get("tags") or ()),
        custom={key: value for key, value in (model.config.get("meta") or {}).items() if not key.startswith("mesh.")},
    )
    levels = [
        replace(level, element=f"{home.name}.{level.element}" if level.element else "")
        for level in promises.service_levels
    ]
    return Contract(
        id=address if home.stem == home.name else f"{address}.v{model.version}",
        name=home.name.replace("_", " ").capitalize(),
        version=version,
        status=status,
        domain=domain,
        data_product=home.product,
        description=model.description,
        tables=(table,),
        service_levels=tuple(levels),
    )


def promised_version(model: Relation) -> str:
    """The version of a model's port: its own major one, 1.0.0 where dbt enforces its contract, else below 1."""
    if model.version.isdecimal():
        return f"{model.version}.0.0"
    return "1.0.0" if model.is_contracted or model.version else "0.1.0"


def contracted_columns(model: Relation, dialect: str) -> list[tuple[str, DataType]]:
    """The columns of an enforced contract with their types; empty unless every one has a type that is known here."""
    found = [(column.name, data_type(column.data_type, dialect)) for column in model.columns if column.data_type]
    known = [(name, kind) for name, kind in found if kind is not None]
    return known if known and len(known) == len(model.columns) else []


def cast_to(text: str, found: Columns, wanted: Columns) -> str:
    """The query *text*, which yields *found*, with the casts that the types *wanted* need and SQL would not do by itself."""
    asked = {name.lower(): kind for name, kind in wanted}
    casts = [
        f"CAST({quote(name)} AS {asked[name.lower()]}) AS {quote(name)}"
        for name, kind in found
        if name.lower() in asked and not is_castable(kind, asked[name.lower()])
    ]
    if not casts:
        return text
    head, _, query = text.partition("\n") if text.startswith("--") else ("", "", text)
    listed = ",\n    ".join(casts)
    body = f"SELECT * REPLACE (\n    {listed}\n)\nFROM (\n{query.rstrip().rstrip(';')}\n)\n"
    return f"{head}\n{body}" if head else body
