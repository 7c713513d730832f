"""Product descriptors: Bitol ODPS v1.1.0 (also 1.0.0 and 0.9.0) ⇄ `model.product`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from meshwright.formats.custom_properties import checked, mappings, typed, values
from meshwright.formats.json_schema import Checker
from meshwright.formats.odcs import described, unknown_version
from meshwright.formats.odcs_writing import custom_properties, kept
from meshwright.model.findings import Finding
from meshwright.model.names import PortAddress, nearest
from meshwright.model.product import InputPort, Limits, OutputPort, Product, Source
from meshwright.model.versions import VersionRange

KIND: Final = "DataProduct"
API_VERSION: Final = "v1.1.0"
VERSIONS: Final = ("v1.1.0", "v1.0.0", "v0.9.0")
# What a product has that does not say: below 1.0.0 nothing is promised.
VERSION_DEFAULT: Final = "0.1.0"
STATUS_DEFAULT: Final = "draft"
PORT_KINDS: Final = ("tables", "files")


def check(document: Any, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    """What in *document* is not valid by the ODPS version that it declares, each with a pointer."""
    version = document.get("apiVersion") if isinstance(document, dict) else None
    if isinstance(version, str) and version not in VERSIONS:
        return [unknown_version(version, VERSIONS, path, standard="ODPS")]
    findings = _checker().check(document, path)
    # What `read` says of our own keys is said here of a document that cannot be read.
    return findings + _check_custom(document, path) if findings else []


def _check_custom(document: Any, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    if not isinstance(document, dict):
        return []
    findings = checked(document.get("customProperties"), "product", "/customProperties", path)
    for key, place in (("inputPorts", "inputPort"), ("outputPorts", "outputPort")):
        for index, port in mappings(document.get(key)):
            findings += checked(port.get("customProperties"), place, f"/{key}/{index}/customProperties", path)
    return findings


def schema() -> dict[str, Any]:
    """The JSON schema of ODPS v1.1.0."""
    return _checker().schema


@cache
def _checker() -> Checker:
    return Checker(_published)


def _published() -> dict[str, Any]:
    file = Path(__file__).with_name("schemas") / "odps-1.1.0.schema.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def read(document: dict[str, Any], *, domain: str, name: str, folder: str) -> tuple[Product, list[Finding]]:
    """The product that a *document* accepted by `check` describes, without what its folder's other files say.

    A `Source` has the path as declared, and an output port without a version has "": whoever knows the folder completes
    both. The findings are about our custom properties, input versions and kinds of ports.
    """
    path = f"{folder}/product.yaml" if folder else "product.yaml"
    findings: list[Finding] = []
    settings, problems = typed(document.get("customProperties"), "product", "/customProperties", path)
    findings += problems
    team = document.get("team", {})
    product = Product(
        domain=domain,
        name=name,
        descriptor_id=document["id"],
        version=document.get("version", VERSION_DEFAULT),
        status=document.get("status", STATUS_DEFAULT),
        folder=folder,
        title=document.get("name", ""),
        description=described(document.get("description")),
        tags=tuple(document.get("tags", ())),
        owner=team.get("name", "") if isinstance(team, dict) else "",
        input_ports=tuple(
            _input(entry, f"/inputPorts/{index}", path, findings)
            for index, entry in enumerate(document.get("inputPorts", ()))
        ),
        output_ports=tuple(
            _output(entry, f"/outputPorts/{index}", path, findings)
            for index, entry in enumerate(document.get("outputPorts", ()))
        ),
        limits=Limits(seconds=settings.get("mesh.timeLimit", 0), memory_mb=settings.get("mesh.memoryLimit", 0)),
        schedule=settings.get("mesh.schedule"),
        purpose=settings.get("mesh.purpose", ""),
        history=settings.get("mesh.history"),
        custom=values(document.get("customProperties")),
    )
    return product, findings


def _input(entry: dict[str, Any], pointer: str, path: str, findings: list[Finding]) -> InputPort:
    settings, problems = typed(entry.get("customProperties"), "inputPort", f"{pointer}/customProperties", path)
    findings += problems
    address, source = settings.get("mesh.port"), _source(settings)
    findings += _check_source(settings, f"{pointer}/customProperties", path)
    if address is not None and source is not None:
        findings.append(
            Finding(
                code="ambiguous-input",
                message=f"The input port '{entry['name']}' names both a port and files",
                path=path,
                hint="keep one of mesh.port and mesh.path; two sources are two input ports",
                pointer=pointer,
            )
        )
        source = None
    if address is None and source is None and not problems:
        address = _address(entry["name"]) if "contractId" not in entry else None
    version = entry.get("version", "")
    findings += _check_range(version, f"{pointer}/version", path)
    return InputPort(
        name=entry["name"],
        address=address,
        source=source,
        version=version,
        contract_id=entry.get("contractId", ""),
        pointer=pointer,
    )


def _source(settings: dict[str, Any]) -> Source | None:
    """What an input port reads from outside the mesh; its path as it is written."""
    if "mesh.path" not in settings and "mesh.query" not in settings:
        return None
    return Source(
        path=settings.get("mesh.path", ""),
        format=settings.get("mesh.format", ""),
        options=settings.get("mesh.options", {}),
        connection=settings.get("mesh.connection", ""),
        query=settings.get("mesh.query", ""),
        incremental=settings.get("mesh.incremental", ""),
    )


def _check_source(settings: dict[str, Any], place: str, path: str) -> list[Finding]:
    problem = hint = ""
    if "mesh.query" in settings and "mesh.path" in settings:
        problem, hint = "An input port has both mesh.path and mesh.query", "keep one: a query names its tables itself"
    elif "mesh.query" in settings and "mesh.connection" not in settings:
        problem, hint = "mesh.query names no database", "add mesh.connection with the name of a connection"
    elif {"mesh.connection", "mesh.incremental"} & settings.keys() and not {
        "mesh.path",
        "mesh.query",
    } & settings.keys():
        problem, hint = "Nothing says what the input port reads", "add mesh.path (a table) or mesh.query"
    return [Finding(code="ambiguous-input", message=problem, path=path, hint=hint, pointer=place)] if problem else []


def _address(text: str) -> PortAddress | None:
    try:
        return PortAddress.parse(text)
    except ValueError:
        return None


def _check_range(version: str, pointer: str, path: str) -> list[Finding]:
    try:
        VersionRange.parse(version)
    except ValueError:
        return [
            Finding(
                code="bad-version",
                message="The version of an input port is not a range of versions",
                path=path,
                value=version,
                hint="write e.g. 1.x, ^1.2.0 or '>=1.0,<3'",
                pointer=pointer,
            )
        ]
    return []


def _output(entry: dict[str, Any], pointer: str, path: str, findings: list[Finding]) -> OutputPort:
    settings, problems = typed(entry.get("customProperties"), "outputPort", f"{pointer}/customProperties", path)
    findings += problems
    kind = entry.get("type", "tables")
    if kind not in PORT_KINDS:
        close = nearest(kind, PORT_KINDS)
        findings.append(
            Finding(
                code="wrong-value",
                message="The output port's type is not one that can be built",
                path=path,
                value=kind,
                hint=(f"did you mean '{close}'? " if close else "") + "write tables or files",
                pointer=f"{pointer}/type",
            )
        )
    return OutputPort(
        name=entry["name"],
        version=entry.get("version", ""),
        kind=kind,
        description=entry.get("description", ""),
        contract_id=entry.get("contractId", ""),
        materialization=settings.get("mesh.materialization", "full"),
        key=settings.get("mesh.key", ()),
        event_time=settings.get("mesh.eventTime", ""),
        deprecated=entry.get("deprecated", False),
        pointer=pointer,
    )


def write(product: Product) -> dict[str, Any]:
    """*product* as a valid ODPS v1.1.0 document, keys in the order in which people read them."""
    return kept(
        {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "id": product.descriptor_id,
            "name": product.title,
            "version": product.version,
            "status": product.status,
            "domain": product.domain,
            "description": {"purpose": product.description} if product.description else None,
            "tags": list(product.tags),
            "inputPorts": [_written_input(port) for port in product.input_ports],
            "outputPorts": [_written_output(port) for port in product.output_ports],
            "team": {"name": product.owner} if product.owner else None,
            "customProperties": custom_properties(product.custom),
        },
        always=("id",),
    )


def _written_input(port: InputPort) -> dict[str, Any]:
    custom: dict[str, Any] = {}
    if port.address is not None:
        custom["mesh.port"] = str(port.address)
    if port.source is not None:
        source = port.source
        words = {
            "path": source.path if source.query else source.address,
            "connection": source.connection if source.query else "",
            "query": source.query,
            "incremental": source.incremental,
        }
        custom |= {f"mesh.{name}": value for name, value in words.items() if value}
        if port.source.format:
            custom["mesh.format"] = port.source.format
        if port.source.options:
            custom["mesh.options"] = _camel(port.source.options)
    return kept(
        {
            "name": port.name,
            "version": port.version,
            "contractId": port.contract_id,
            "customProperties": custom_properties(custom),
        },
        always=("name",),
    )


def _written_output(port: OutputPort) -> dict[str, Any]:
    custom: dict[str, Any] = {}
    if port.materialization != "full":
        custom["mesh.materialization"] = port.materialization
    if port.key:
        custom["mesh.key"] = list(port.key)
    if port.event_time:
        custom["mesh.eventTime"] = port.event_time
    return kept(
        {
            "name": port.name,
            "description": port.description,
            "type": port.kind,
            "version": port.version,
            "contractId": port.contract_id or (port.contract.id if port.contract else ""),
            "deprecated": port.deprecated,
            "customProperties": custom_properties(custom),
        },
        always=("name",),
    )


def _camel(options: dict[str, Any]) -> dict[str, Any]:
    from meshwright.formats.source_options import OPTIONS

    names = {option.name: name for name, option in OPTIONS.items()}
    return {names[name]: value for name, value in options.items()}
