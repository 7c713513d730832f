"""What one product's files say wrongly about themselves: versions, schema objects, domain, tested ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meshwright.model.findings import Finding, Severity
from meshwright.model.names import nearest
from meshwright.model.versions import Version
from meshwright.workspace.ports import split_stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.model.contract import Contract
    from meshwright.model.product import Product, TestCase

STATUSES: Final = ("proposed", "draft", "active", "deprecated", "retired")


def check_contract(contract: Contract, stem: str) -> list[Finding]:
    """What a port's *contract*, from the file *stem*, says wrongly about itself."""
    versions = _check_version(contract.version, contract.path, "/version", "contract")
    return [
        *(versions or _check_major(contract, stem)),
        *_check_tables(contract),
        *check_status(contract.status, contract.path),
    ]


def _check_tables(contract: Contract) -> Iterator[Finding]:
    if not contract.tables:
        yield Finding(
            code="no-schema-object",
            message="The contract of a port has one schema object, not none",
            path=contract.path,
            hint="add 'schema:' with the table",
            pointer="/schema",
        )
    elif len(contract.tables) > 1:
        yield Finding(
            code="several-schema-objects",
            message=f"The contract of a port has one schema object, not {len(contract.tables)}",
            path=contract.path,
            hint="give each table a port and a contract of its own",
            pointer="/schema",
        )
    elif not contract.table.columns:
        yield Finding(
            code="no-columns",
            message=f"The contract's schema object '{contract.table.name}' has no columns",
            path=contract.path,
            hint="add 'properties:' with the columns, each with a name and a physicalType",
            pointer="/schema/0",
        )


def _check_major(contract: Contract, stem: str) -> Iterator[Finding]:
    name, major = split_stem(stem)
    if major is not None and major >= 0 and contract.major != major:
        yield Finding(
            code="version-mismatch",
            message=f"The file's name says major version {major}, the contract another one",
            path=contract.path,
            value=contract.version,
            hint=f"rename the file to '{name}@{contract.major}.yaml', or correct the version",
            pointer="/version",
        )


def check_status(status: str, path: str) -> list[Finding]:
    """A warning for a *status* that the standards do not know: it promises nothing, which is seldom meant."""
    if status in STATUSES:
        return []
    close = nearest(status.lower(), STATUSES)
    return [
        Finding(
            code="wrong-value",
            message="A status that is not known promises nothing, like a draft",
            path=path,
            value=status,
            hint=(f"did you mean '{close}'? " if close else "") + f"Known: {', '.join(STATUSES)}",
            pointer="/status",
            severity=Severity.WARNING,
        )
    ]


def check_domain(document: dict[str, Any], product: Product) -> list[Finding]:
    """A warning when the *document* names another domain than its folder does."""
    declared = document.get("domain", product.domain)
    if declared == product.domain:
        return []
    return [
        Finding(
            code="name-mismatch",
            message=f"The product is in the domain '{product.domain}', like its folder",
            path=product.path,
            value=declared,
            hint=f"write 'domain: {product.domain}', leave it out, or move the folder",
            pointer="/domain",
            severity=Severity.WARNING,
        )
    ]


def check_versions(product: Product) -> list[Finding]:
    """Findings for versions of the product and its ports that are not semantic."""
    findings = _check_version(product.version, product.path, "/version", "product")
    for port in product.output_ports:
        if port.contract is None and not port.implied and port.version != product.version:
            findings += _check_version(port.version, product.path, f"{port.pointer}/version", "output port")
    return findings


def _check_version(version: str, path: str, pointer: str, what: str) -> list[Finding]:
    try:
        Version.parse(version)
    except ValueError:
        return [
            Finding(
                code="bad-version",
                message=f"The version of a {what} is not semantic",
                path=path,
                value=version,
                hint="write MAJOR.MINOR.PATCH, e.g. 1.0.0",
                pointer=pointer,
            )
        ]
    return []


def unknown_tests(product: Product, tests: tuple[TestCase, ...]) -> list[Finding]:
    """Findings for *tests* of ports or steps that the product does not have."""
    known = [port.name for port in product.output_ports] + [step.name for step in product.steps]
    findings = []
    for case in tests:
        if case.port not in known:
            close = nearest(case.port, known)
            findings.append(
                Finding(
                    code="unknown-port",
                    message=f"The test '{case.name}' is about a port or step that the product does not have",
                    path=case.path,
                    line=case.line,
                    column=1,
                    value=case.port,
                    hint=f"did you mean '{close}'?" if close else f"known: {', '.join(known)}",
                )
            )
    return findings
