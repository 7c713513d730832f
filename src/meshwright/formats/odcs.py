"""Data contracts: Bitol ODCS v3.2.0 (also 3.1.x and 3.0.x) ⇄ `model.contract`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from meshwright.formats.custom_properties import checked, mappings, values
from meshwright.formats.json_schema import Checker
from meshwright.formats.odcs_columns import read_column
from meshwright.formats.odcs_quality import SEVERITIES, read_quality, read_relationships
from meshwright.formats.odcs_writing import write as write  # noqa: PLC0414 - reading and writing are one interface
from meshwright.model.contract import Contract, ServiceLevel, Table
from meshwright.model.findings import Finding, Severity
from meshwright.model.names import nearest

KIND: Final = "DataContract"
API_VERSION: Final = "v3.2.0"
READABLE: Final = re.compile(r"v3\.(0|1|2)\.\d+\Z")
# Before 3.1 library rules were named by `rule`, and could do without a comparison.
BEFORE_METRICS: Final = re.compile(r"v3\.0\.")
# The minor versions before the present one, each with its own published schema.
EARLIER: Final = ("3.0", "3.1")
VERSIONS: Final = ("v3.2.0", "v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0")


def check(document: Any, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    """What in *document* is not valid by the ODCS version that it declares, each with a pointer."""
    version = document.get("apiVersion") if isinstance(document, dict) else None
    if isinstance(version, str) and not READABLE.match(version):
        return [unknown_version(version, VERSIONS, path, standard="ODCS")]
    if isinstance(version, str) and version[1:4] in EARLIER and _earlier_checker(version[1:4]).accepts(document):
        # Each version allows what the one before did.
        return _check_custom(document, path)
    before_metrics = isinstance(version, str) and BEFORE_METRICS.match(version) is not None
    findings = _checker(before_metrics=before_metrics).check(document, path)
    if not findings and isinstance(version, str):
        findings = _newer_than_declared(document, version, path)
    return findings + _check_custom(document, path)


def _newer_than_declared(document: Any, version: str, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    """Warnings for what ODCS has today but had not in the version that *document* declares: it is read all the same."""
    minor = version[1:4]
    if minor not in EARLIER:
        return []
    hint = f"declare apiVersion: {API_VERSION}, or keep to what {version} has"
    message = f"ODCS {minor} does not have this, later versions do"
    return [
        replace(one, code="newer-than-declared", message=message, hint=hint, severity=Severity.WARNING)
        for one in _earlier_checker(minor).check(document, path)
    ]


def unknown_version(version: str, known: tuple[str, ...], path: str, *, standard: str) -> Finding:
    """The finding for a document of a version that is not read here."""
    close = nearest(version, known) or nearest("v" + version, known) or known[0]
    return Finding(
        code="bad-version",
        message=f"This version of {standard} is not known",
        path=path,
        value=version,
        hint=f"did you mean '{close}'? Known: {', '.join(known)}",
        pointer="/apiVersion",
    )


def schema() -> dict[str, Any]:
    """The JSON schema of ODCS v3.2.0, for editors, with the corrections that `check` makes."""
    return _checker(before_metrics=False).schema


@cache
def _checker(*, before_metrics: bool) -> Checker:
    return Checker(lambda: _corrected(_published(), before_metrics=before_metrics))


@cache
def _earlier_checker(minor: str) -> Checker:
    return Checker(lambda: _earlier(minor))


def _earlier(minor: str) -> dict[str, Any]:
    file = Path(__file__).with_name("schemas") / f"odcs-{minor}.schema.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    _correct_conditions(loaded)
    return loaded


def _published() -> dict[str, Any]:
    # Importing the standard's package costs 0.1 s for its models; its schema is a file beside them.
    spec = find_spec("open_data_contract_standard")
    if spec is None or spec.origin is None:  # pragma: no cover - a declared dependency
        message = "the package open-data-contract-standard is not installed"
        raise ImportError(message)
    loaded: dict[str, Any] = json.loads(Path(spec.origin).with_name("schema.json").read_text(encoding="utf-8"))
    return loaded


def _corrected(schema: dict[str, Any], *, before_metrics: bool) -> dict[str, Any]:
    """The published schema without its traps; before 3.1, rules had other names."""
    _correct_conditions(schema)
    if before_metrics:
        _allow_rules(schema["$defs"])
    return schema


def _correct_conditions(schema: dict[str, Any]) -> None:
    """Take the traps out of a published *schema*.

    Its conditions on `logicalType` also hold when there is none, so that a property with only a physical type would need a
    `map`. Its list of versions stops at the patches it knew.
    """
    schema["properties"]["apiVersion"].pop("enum", None)
    base = schema["$defs"]["SchemaBaseProperty"]
    for branch in base["allOf"]:
        if "if" in branch:
            branch["if"]["required"] = ["logicalType"]
    base["allOf"].append(
        {
            "if": {"not": {"required": ["logicalType"]}},
            "then": {
                "properties": {
                    "properties": {"type": "array", "items": {"$ref": "#/$defs/SchemaProperty"}},
                    "items": {"$ref": "#/$defs/SchemaItemProperty"},
                }
            },
        }
    )


def _allow_rules(definitions: dict[str, Any]) -> None:
    library = definitions["DataQualityLibrary"]
    library["anyOf"] = [{"required": ["metric"]}, {"required": ["rule"]}]
    del library["required"], library["allOf"]
    for operator in definitions["DataQualityOperators"]["oneOf"]:
        library["properties"].update(operator["properties"])
    condition = definitions["DataQuality"]["allOf"][0]["if"]
    condition["anyOf"].append({"required": ["rule"]})


def read(document: dict[str, Any], *, path: str) -> tuple[Contract, list[Finding]]:
    """The contract that a *document* accepted by `check` describes, and what cannot be understood in it.

    All schema objects are read; what a port may have is for the caller to decide.
    """
    findings: list[Finding] = []
    objects = document.get("schema") or []
    tables = tuple(_table(entry, f"/schema/{index}", path, findings) for index, entry in enumerate(objects))
    contract = Contract(
        id=document["id"],
        version=document["version"],
        status=document.get("status", "draft"),
        tables=tables,
        name=document.get("name", ""),
        api_version=document["apiVersion"],
        domain=document.get("domain", ""),
        data_product=document.get("dataProduct", ""),
        description=described(document.get("description")),
        service_levels=_service_levels(document),
        tags=tuple(document.get("tags", ())),
        custom=values(document.get("customProperties")),
        path=path,
    )
    return contract, findings


def described(description: Any) -> str:  # noqa: ANN401 - a mapping or nothing
    """One text of a standard's `description` mapping: purpose, then usage and limitations."""
    if not isinstance(description, dict):
        return str(description or "")
    parts = [str(description.get("purpose") or "")]
    for key, label in (("usage", "Usage"), ("limitations", "Limitations")):
        if description.get(key):
            parts.append(f"{label}: {description[key]}")
    return "\n\n".join(filter(None, parts))


def _table(entry: dict[str, Any], pointer: str, path: str, findings: list[Finding]) -> Table:
    columns = tuple(
        read_column(column, f"{pointer}/properties/{index}", path, findings)
        for index, column in enumerate(entry.get("properties", ()))
        # A measure is computed when it is asked for; the table has no column for it.
        if column.get("semanticType") != "measure"
    )
    findings += _repeated(entry.get("properties", ()), pointer, path)
    return Table(
        name=entry["name"],
        columns=columns,
        description=entry.get("description", ""),
        physical_name=entry.get("physicalName", ""),
        quality=read_quality(entry.get("quality"), f"{pointer}/quality"),
        relationships=read_relationships(entry.get("relationships"), f"{pointer}/relationships", ()),
        tags=tuple(entry.get("tags", ())),
        custom=values(entry.get("customProperties")),
        pointer=pointer,
    )


def _repeated(columns: list[dict[str, Any]], pointer: str, path: str) -> list[Finding]:
    if len({column["name"].lower() for column in columns}) == len(columns):
        return []
    seen: dict[str, str] = {}
    findings = []
    for index, column in enumerate(columns):
        first = seen.setdefault(column["name"].lower(), column["name"])
        if seen[column["name"].lower()] is not column["name"] or columns.index(column) != index:
            findings.append(
                Finding(
                    code="duplicate-name",
                    message=f"The column is already there as '{first}': SQL does not tell letter case apart",
                    path=path,
                    value=column["name"],
                    hint="rename or remove one of the two",
                    pointer=f"{pointer}/properties/{index}/name",
                )
            )
    return findings


def _service_levels(document: dict[str, Any]) -> tuple[ServiceLevel, ...]:
    element = document.get("slaDefaultElement", "")
    return tuple(
        ServiceLevel(
            property=entry["property"],
            value=entry["value"],
            value_ext=entry.get("valueExt"),
            unit=entry.get("unit", ""),
            element=entry.get("element", element),
            driver=entry.get("driver", ""),
            pointer=f"/slaProperties/{index}",
        )
        for index, entry in enumerate(document.get("slaProperties", ()))
    )


def _check_custom(document: Any, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    """What is wrong with our own keys and with severities, also in a document that is not valid otherwise."""
    if not isinstance(document, dict):
        return []
    findings = checked(document.get("customProperties"), "contract", "/customProperties", path)
    for index, table in mappings(document.get("schema")):
        place = f"/schema/{index}"
        findings += checked(table.get("customProperties"), "schemaObject", f"{place}/customProperties", path)
        findings += _check_rules(table, place, path)
        for number, column in mappings(table.get("properties")):
            here = f"{place}/properties/{number}"
            findings += _check_rules(column, here, path)
            findings += checked(column.get("customProperties"), "property", f"{here}/customProperties", path)
    return findings


def _check_rules(owner: dict[str, Any], place: str, path: str) -> list[Finding]:
    findings: list[Finding] = []
    for index, rule in mappings(owner.get("quality")):
        here = f"{place}/quality/{index}"
        findings += checked(rule.get("customProperties"), "quality", f"{here}/customProperties", path)
        severity = rule.get("severity")
        if isinstance(severity, str) and severity.lower() not in SEVERITIES:
            close = nearest(severity.lower(), sorted(SEVERITIES))
            findings.append(
                Finding(
                    code="wrong-value",
                    message="A severity that is not known counts as error",
                    path=path,
                    value=severity,
                    hint=(f"did you mean '{close}'? " if close else "") + "Write error, warning or info",
                    pointer=f"{here}/severity",
                    severity=Severity.WARNING,
                )
            )
    return findings
