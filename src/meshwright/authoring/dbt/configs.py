"""dbt's configuration: what `dbt_project.yml` says of a folder, a property file of a model, joined as dbt joins them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt.project import DataTest, DbtColumn, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from meshwright.authoring.dbt.project import Relation

# Mappings that are one configuration's value; any other mapping below `models:` is a folder.
MAPPINGS: Final = frozenset({"meta", "column_types", "contract", "grants", "persist_docs", "docs", "vars", "quoting"})
# What a test's entry says about how it is run, beside its own arguments.
TEST_CONFIG: Final = frozenset(
    {"severity", "where", "error_if", "warn_if", "limit", "fail_calc", "enabled", "tags", "meta", "store_failures"}
)


def joined(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """*parts* as one configuration: later ones win, tags add up, meta is merged."""
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if key == "tags":
                found["tags"] = [*found.get("tags", []), *listed(value)]
            elif key == "meta":
                found["meta"] = {**found.get("meta", {}), **mapping(value)}
            else:
                found[key] = value
    return found


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - a value of a document
    """*value* as a list: itself, alone, or nothing."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401 - a value of a document
    """*value* when it is a mapping, else an empty one: whatever else stands there says nothing to dbt either."""
    return value if isinstance(value, dict) else {}


def of_folder(section: Any, names: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401 - a section of dbt_project.yml
    """What a *section* (`models:` …) says of the file whose package, folders and stem are *names*."""
    levels: list[dict[str, Any]] = []
    for name in ("", *names):
        section = section if not name else section.get(name)
        if not isinstance(section, dict):
            break
        level = {}
        for key, value in section.items():
            if str(key).startswith("+"):
                level[str(key)[1:]] = value
            elif not isinstance(value, dict) or (key in MAPPINGS and key not in names):
                level[str(key)] = value
        levels.append(level)
    return joined(*levels)


def of_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration in a property file's *entry*: its `config`, and the keys that may stand beside it."""
    beside = {key: entry[key] for key in ("tags", "meta", "group", "access") if key in entry}
    return joined(beside, mapping(entry.get("config")))


def mappings(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ANN401 - a value of a document
    """The mappings of a list, with their index; none when it is no list."""
    if isinstance(value, list):
        for index, entry in enumerate(value):
            if isinstance(entry, dict):
                yield index, entry


def columns(
    entry: Mapping[str, Any], pointer: str, *, model: str, path: str, line: Callable[[str], int]
) -> tuple[DbtColumn, ...]:
    """The columns of a model's, seed's or source's *entry*; *line* finds a JSON pointer in the file at *path*."""
    return tuple(
        DbtColumn(
            name=str(column["name"]),
            description=str(column.get("description") or ""),
            data_type=str(column.get("data_type") or ""),
            constraints=tuple(constraint for _, constraint in mappings(column.get("constraints"))),
            tests=tests(
                column, f"{pointer}/columns/{at}", model=model, column=str(column["name"]), path=path, line=line
            ),
            tags=tuple(str(tag) for tag in listed(of_entry(column).get("tags"))),
            meta=dict(of_entry(column).get("meta") or {}),
        )
        for at, column in mappings(entry.get("columns"))
        if "name" in column
    )


def tests(
    entry: Mapping[str, Any], pointer: str, *, model: str, column: str, path: str, line: Callable[[str], int]
) -> tuple[DataTest, ...]:
    """The data tests of an *entry*, whichever of dbt's spellings they have."""
    found = []
    for key in ("tests", "data_tests"):
        for at, test in enumerate(listed(entry.get(key))):
            read = _test(test, model=model, column=column, place=Place(path, line(f"{pointer}/{key}/{at}")))
            if read is not None:
                found.append(read)
    return tuple(found)


def _test(test: Any, *, model: str, column: str, place: Place) -> DataTest | None:  # noqa: ANN401 - a value of a document
    if isinstance(test, str):
        return DataTest(name=test, model=model, column=column, place=place)
    if not isinstance(test, dict) or not test:
        return None
    if "test_name" in test:
        name, body = str(test["test_name"]), {key: value for key, value in test.items() if key != "test_name"}
    else:
        name, inner = next(iter(test.items()))
        # Arguments may stand below the test's name, its config beside it.
        body = {**(inner if isinstance(inner, dict) else {}), **dict(list(test.items())[1:])}
    return described_test(str(name), body, model=model, column=column, place=place)


def described_test(name: str, body: Mapping[str, Any], *, model: str, column: str, place: Place) -> DataTest:
    """The test called *name* whose arguments and configuration *body* holds, mixed or apart."""
    config = {key: value for key, value in body.items() if key in TEST_CONFIG}
    inner = body.get("config")
    arguments = {
        key: value
        for key, value in body.items()
        if key not in TEST_CONFIG and key not in {"config", "name", "description", "arguments", "column_name", "model"}
    }
    given = body.get("arguments")
    return DataTest(
        name=name,
        model=model,
        column=column or str(body.get("column_name") or ""),
        place=place,
        arguments={**arguments, **(given if isinstance(given, dict) else {})},
        config={**config, **(inner if isinstance(inner, dict) else {})},
        description=str(body.get("description") or ""),
    )


def with_test_defaults(relation: Relation, defaults: Mapping[str, Any]) -> Relation:
    """*relation* with tests that are configured as *defaults* say, where they say nothing themselves."""

    def configured(found: tuple[DataTest, ...]) -> tuple[DataTest, ...]:
        return tuple(replace(test, config={**defaults, **test.config}) for test in found)

    described = tuple(replace(column, tests=configured(column.tests)) for column in relation.columns)
    return replace(relation, tests=configured(relation.tests), columns=described)
