"""A product's ports put together from its descriptor, its contracts and its transformations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from meshwright.model.findings import Finding, Severity
from meshwright.model.names import PortAddress, is_name, nearest
from meshwright.model.product import OutputPort
from meshwright.model.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meshwright.model.contract import Contract
    from meshwright.model.product import Product, Transformation


@dataclass(slots=True, kw_only=True)
class Parts:
    """What a product's folder holds, by file stem (`orders`, `orders@2`); None for a file that has findings already."""

    contracts: dict[str, Contract | None] = field(default_factory=dict)
    code: dict[str, Transformation | None] = field(default_factory=dict)
    contract_paths: dict[str, str] = field(default_factory=dict)
    code_paths: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=4096)
def split_stem(stem: str) -> tuple[str, int | None]:
    """`("orders", 2)` for `orders@2`, `("orders", None)` for `orders`; -1 for a major version that is no number."""
    name, at, major = stem.partition("@")
    if not at:
        return name, None
    return name, int(major) if major.isdecimal() else -1


def assemble(product: Product, parts: Parts) -> tuple[Product, list[Finding]]:
    """*product* with its whole output ports and its steps, and what does not fit together."""
    findings = list(_bad_stems(parts))
    declared = product.output_ports or tuple(_implied(product.name, parts))
    contracts = _by_major(parts.contracts)
    findings += _strangers(product, {port.name for port in declared}, parts)
    ports: list[OutputPort] = []
    by_name: dict[str, list[OutputPort]] = {}
    for port in declared:
        by_name.setdefault(port.name, []).append(port)
    for name, same in by_name.items():
        ports += _with_contracts(same, contracts.get(name, {}), parts, product)
    used: set[str] = set()
    whole: list[OutputPort] = []
    for port in ports:
        stem = next((stem for stem in (f"{port.name}@{port.major}", port.name) if stem in parts.code), None)
        used |= {stem} if stem else set()
        findings += _without_code(port, stem, parts, product)
        whole.append(replace(port, transformation=parts.code[stem]) if stem else port)
    steps = tuple(
        code for stem, code in sorted(parts.code.items()) if code is not None and stem not in used and is_name(stem)
    )
    findings += [finding for port in whole for finding in _check_port(port, product, has_file=port.name in contracts)]
    findings += _repeated(whole, product)
    findings += _check_names(product, steps)
    return replace(product, output_ports=tuple(whole), steps=steps), findings


def _implied(name: str, parts: Parts) -> Iterator[OutputPort]:
    """The ports of a product that declares none: one for each contract, and the one that bears the product's name."""
    stems = {split_stem(stem)[0] for stem in parts.contracts}
    if name in parts.code or not stems:
        stems.add(name)
    for stem in sorted(stems, key=lambda stem: (stem != name, stem)):
        yield OutputPort(name=stem, version="", implied=True)


def _by_major(stems: Iterable[str]) -> dict[str, dict[int | None, str]]:
    """File stems by the name and the major version that they spell."""
    found: dict[str, dict[int | None, str]] = {}
    for stem in stems:
        name, major = split_stem(stem)
        found.setdefault(name, {})[major] = stem
    return found


def _with_contracts(
    declared: list[OutputPort], stems: Mapping[int | None, str], parts: Parts, product: Product
) -> Iterator[OutputPort]:
    """The declarations of one port, each with its contract; a contract of another major version is a port more.

    *stems* are the stems of the port's contract files by the major version in their names.
    """
    taken: set[int | None] = set()
    for port in declared:
        wanted = port.major if port.version else None
        major = wanted if wanted in stems else None
        if major not in stems and not port.version and stems:
            major = min(key for key in stems if key is not None)
        taken.add(major)
        yield _complete(port, parts.contracts.get(stems[major]) if major in stems else None, product)
    for major in sorted((key for key in stems if key not in taken), key=lambda key: -1 if key is None else key):
        yield _complete(replace(declared[0], version="", contract_id=""), parts.contracts[stems[major]], product)


def _complete(port: OutputPort, contract: Contract | None, product: Product) -> OutputPort:
    """*port* with what its contract says where the descriptor is silent."""
    if contract is None or not contract.tables:
        return replace(port, version=port.version or product.version)
    event_time = contract.table.custom.get("mesh.eventTime") or contract.custom.get("mesh.eventTime") or ""
    return replace(
        port,
        contract=contract,
        version=port.version or contract.version,
        key=port.key or contract.table.primary_key,
        event_time=port.event_time or str(event_time),
    )


def _bad_stems(parts: Parts) -> Iterator[Finding]:
    for paths in (parts.contract_paths, parts.code_paths):
        for stem, path in paths.items():
            name, major = split_stem(stem)
            if not is_name(name) or major == -1:
                yield Finding(
                    code="bad-name",
                    message="The file's name cannot name a port or step",
                    path=path,
                    value=stem,
                    hint="use a-z, 0-9 and _, starting with a letter; '@2' at the end pins a major version",
                )


def _strangers(product: Product, names: set[str], parts: Parts) -> Iterator[Finding]:
    """Files that belong to a port which the descriptor does not have."""
    for stem, path in parts.contract_paths.items():
        name = split_stem(stem)[0]
        if name not in names:
            close = nearest(name, names)
            hint = f"did you mean '{close}.yaml'? Otherwise " if close else ""
            yield Finding(
                code="contract-without-port",
                message=f"The product declares no output port '{name}'",
                path=path,
                hint=f"{hint}add '- name: {name}' to outputPorts in {product.path}",
            )
    for stem, path in parts.code_paths.items():
        name, major = split_stem(stem)
        if major is not None and name not in names:
            yield Finding(
                code="transformation-without-port",
                message=f"Only output ports have major versions, and there is no output port '{name}'",
                path=path,
                hint=f"declare the port, or rename the step to '{name}'",
            )


def _without_code(port: OutputPort, stem: str | None, parts: Parts, product: Product) -> Iterator[Finding]:
    if stem is not None:
        return
    ports = {entry.name for entry in product.output_ports}
    close = nearest(port.name, [name for name in parts.code if name not in ports])
    hint = f"write {product.folder}/transform/{port.name}.sql"
    if close:
        hint = f"is {parts.code_paths[close]} meant? Then name it '{port.name}'; otherwise {hint}"
    yield Finding(
        code="port-without-transformation",
        message=f"Nothing makes the output port '{port.name}'",
        path=product.path,
        hint=hint,
        pointer=port.pointer,
    )


def _check_port(port: OutputPort, product: Product, *, has_file: bool) -> Iterator[Finding]:
    if not is_name(port.name):
        yield _bad_name("output port", port.name, f"{port.pointer}/name", product.path)
    if product.status == "active" and port.kind == "tables" and not has_file:
        yield Finding(
            code="active-without-contract",
            message=f"The product is active, and its output port '{port.name}' has no contract",
            path=product.path,
            hint=f"run 'mesh new contract {address(product, port)}', or set the status to draft",
            pointer=port.pointer or "/status",
        )
    if port.materialization == "merge" and not port.key:
        yield Finding(
            code="merge-without-key",
            message=f"The output port '{port.name}' merges rows, and nothing says by which key",
            path=product.path,
            hint="add mesh.key, or mark the contract's columns with 'primaryKey: true'",
            pointer=port.pointer,
        )
    if port.contract is not None:
        yield from _check_contract(port, port.contract, product)


def _check_contract(port: OutputPort, contract: Contract, product: Product) -> Iterator[Finding]:
    if port.contract_id and port.contract_id != contract.id:
        yield Finding(
            code="contract-id-mismatch",
            message=f"The output port '{port.name}' names another contract than the one in {contract.path} ({contract.id})",
            path=product.path,
            value=port.contract_id,
            hint=f"write 'contractId: {contract.id}'",
            pointer=f"{port.pointer}/contractId",
        )
    ours, theirs = _version(port.version), _version(contract.version)
    if ours and theirs and ours != theirs:
        is_major = ours.major != theirs.major
        yield Finding(
            code="version-mismatch",
            message=f"The output port '{port.name}' and its contract ({contract.version}) differ in version",
            path=product.path,
            value=port.version,
            hint=f"write 'version: {contract.version}', or leave it out: the contract's counts",
            pointer=f"{port.pointer}/version",
            severity=Severity.ERROR if is_major else Severity.WARNING,
        )
    known = [column.name for column in contract.table.columns]
    for name, key in [(column, "mesh.key") for column in port.key] + [(port.event_time, "mesh.eventTime")]:
        if name and contract.table.column(name) is None:
            close = nearest(name, known)
            yield Finding(
                code="unknown-column",
                message=f"{key} of the output port '{port.name}' is not a column of its contract",
                path=product.path,
                value=name,
                hint=f"did you mean '{close}'?" if close else "write the name of a column",
                pointer=port.pointer,
            )


def address(product: Product, port: OutputPort) -> PortAddress:
    """Where *port* of *product* is found."""
    return PortAddress(product.domain, product.name, port.name)


def parsed_address(text: str) -> PortAddress | None:
    """The address that *text* spells, None when it spells none."""
    try:
        return PortAddress.parse(text)
    except ValueError:
        return None


def _repeated(ports: list[OutputPort], product: Product) -> Iterator[Finding]:
    # Two contracts of one major version are a mistake in a version, and reported as that.
    keys = [(port.name, port.major, port.contract.path if port.contract else "") for port in ports]
    for (name, major, contract), count in Counter(keys).items():
        if count > 1:
            last = ports[len(keys) - 1 - keys[::-1].index((name, major, contract))]
            yield Finding(
                code="duplicate-name",
                message=f"The output port '{name}' is declared {count} times with major version {major}",
                path=product.path,
                hint="one major version is served once: remove or renumber one of them",
                pointer=last.pointer,
            )


def _check_names(product: Product, steps: tuple[Transformation, ...]) -> Iterator[Finding]:
    seen: Mapping[str, str] = {step.name: step.path for step in steps}
    for port in product.input_ports:
        if not is_name(port.name) and parsed_address(port.name) is None:
            yield _bad_name("input port", port.name, f"{port.pointer}/name", product.path)
        if port.name in seen:
            yield Finding(
                code="duplicate-name",
                message=f"The input port '{port.name}' has the same name as {seen[port.name]}",
                path=product.path,
                value=port.name,
                hint="transformations call both by this name: rename one of the two",
                pointer=f"{port.pointer}/name",
            )
        seen = {**seen, port.name: "another input port"}


def _bad_name(what: str, name: str, pointer: str, path: str) -> Finding:
    return Finding(
        code="bad-name",
        message=f"This cannot be the name of an {what}",
        path=path,
        value=name,
        hint="use a-z, 0-9 and _, starting with a letter; transformations use the name as a table",
        pointer=pointer,
    )


def _version(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except ValueError:
        return None
