"""The files that are ours ⇄ model: mesh.yaml, domain.yaml, people/*.yaml, tests/*.yaml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats import connections, identity, mesh_schemas, odcs, odps, quantities, stores, webhooks
from meshwright.formats.custom_properties import values
from meshwright.formats.json_schema import Checker
from meshwright.formats.yaml_text import Places, pointer
from meshwright.model.connection import without_secrets
from meshwright.model.findings import Finding
from meshwright.model.maintenance import History, Maintenance
from meshwright.model.mesh import Domain, Governed, People, Settings
from meshwright.model.names import is_name
from meshwright.model.principal import listed_name
from meshwright.model.product import TestCase

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.model.connection import Connection

MESH: Final = Checker(lambda: mesh_schemas.MESH)
DOMAIN: Final = Checker(lambda: mesh_schemas.DOMAIN)
PEOPLE: Final = Checker(lambda: mesh_schemas.PEOPLE)
TESTS: Final = Checker(lambda: mesh_schemas.TESTS)
POLICY_CASES: Final = Checker(lambda: mesh_schemas.POLICY_CASES)
FIRST_KEY: Final = re.compile(rb"^ *- +name *:", re.MULTILINE)


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of every kind of file in a mesh, for editors: mesh, domain, product, contract, people, tests."""
    return {
        "mesh": mesh_schemas.MESH,
        "domain": mesh_schemas.DOMAIN,
        "product": odps.schema(),
        "contract": odcs.schema(),
        "people": mesh_schemas.PEOPLE,
        "tests": mesh_schemas.TESTS,
        "policy_cases": mesh_schemas.POLICY_CASES,
    }


def read_mesh(document: Any, path: str) -> tuple[Settings | None, list[Finding]]:  # noqa: ANN401 - any document
    """The settings in a mesh.yaml, None when it is not valid."""
    secret = connections.literal_secrets(document, path) + stores.literal_secrets(document, path)
    findings = _without(MESH.check(document, path), secret)
    if findings:
        return None, findings + secret
    defaults = Settings(name=document["name"])
    engine, python, care, reads = (document.get(name, {}) for name in ("engine", "python", "maintenance", "governed"))
    past, governed = defaults.maintenance.history, defaults.governed

    def amount(part: dict[str, Any], keys: tuple[str, str], parse: Callable[[Any], int], default: int) -> int:
        if keys[1] not in part:
            return default
        try:
            return parse(part[keys[1]])
        except ValueError as error:
            findings.append(_not_understood(keys, part[keys[1]], str(error), path))
            return default

    environments = tuple(document.get("environments") or defaults.environments)
    findings += [_bad_environment(name, path) for name in environments if not is_name(name)]
    declared, problems = connections.read(document, path)
    urls, opened, wrong = stores.read(document, path)
    findings += [*_without([*problems, *wrong], secret), *secret]
    hooks, unfit = webhooks.read(document, path)
    issuers, untrusted = identity.read(document, path)
    findings += [*unfit, *untrusted]
    settings = Settings(
        name=document["name"],
        owner=document.get("owner", ""),
        description=document.get("description", ""),
        registry=urls.get("registry", defaults.registry),
        warehouse=urls.get("warehouse", defaults.warehouse),
        stores={name: one for name, one in opened.items() if not _about(name, findings)},
        memory_mb=amount(engine, ("engine", "memory"), quantities.megabytes, defaults.memory_mb),
        threads=engine.get("threads", defaults.threads),
        python_seconds=amount(python, ("python", "timeout"), quantities.seconds, defaults.python_seconds),
        python_memory_mb=amount(python, ("python", "memory"), quantities.megabytes, defaults.python_memory_mb),
        environments=environments,
        connections=_sound(declared, findings),
        webhooks=hooks,
        issuers=issuers,
        maintenance=Maintenance(
            history=History(
                seconds=amount(care, ("maintenance", "history"), quantities.span, past.seconds),
                publications=care.get("publications", past.publications),
            ),
            grace_seconds=amount(care, ("maintenance", "grace"), quantities.span, defaults.maintenance.grace_seconds),
        ),
        governed=Governed(
            copies_mb=amount(reads, ("governed", "copies"), quantities.megabytes, governed.copies_mb),
            seconds=amount(reads, ("governed", "timeout"), quantities.seconds, governed.seconds),
            memory_mb=amount(reads, ("governed", "memory"), quantities.megabytes, governed.memory_mb),
            result_mb=amount(reads, ("governed", "result"), quantities.megabytes, governed.result_mb),
            at_once=reads.get("atOnce", governed.at_once),
            unsafe=reads.get("unsafe", governed.unsafe),
        ),
        purposes={name: wider or "" for name, wider in document.get("purposes", {}).items()},
        custom=values(document.get("customProperties")),
    )
    return settings, findings


def _without(findings: list[Finding], secret: list[Finding]) -> list[Finding]:
    """*findings* but for those about a literal secret, which has its own: they might repeat it."""
    pointers = tuple(one.pointer for one in secret)
    return [finding for finding in findings if not pointers or not finding.pointer.startswith(pointers)]


def _sound(declared: dict[str, Connection], findings: list[Finding]) -> dict[str, Connection]:
    """The connections that nothing was found about: one with a literal secret is not handed on to be shown."""
    bad = {one.pointer.split("/")[2] for one in findings if one.pointer.startswith("/connections/")}
    return {name: one for name, one in declared.items() if name not in bad}


def _about(store: str, findings: list[Finding]) -> bool:
    """Whether something was found about *store*: what opens it is not handed on then."""
    return any(one.pointer == f"/{store}" or one.pointer.startswith(f"/{store}/") for one in findings)


def _not_understood(keys: tuple[str, ...], value: Any, hint: str, path: str) -> Finding:  # noqa: ANN401 - a value of a document
    return Finding(
        code="wrong-value",
        message=f"The value of {'.'.join(keys)} is not understood",
        path=path,
        value=str(value),
        hint=hint,
        pointer=pointer(*keys),
    )


def _bad_environment(name: str, path: str) -> Finding:
    return Finding(
        code="bad-name",
        message="The name of an environment cannot be used",
        path=path,
        value=name,
        hint="use a-z, 0-9 and _, starting with a letter",
        pointer=pointer("environments", name),
    )


def read_domain(document: Any, *, name: str, path: str) -> tuple[Domain | None, list[Finding]]:  # noqa: ANN401 - any document
    """The domain in the folder *name* that a domain.yaml describes, None when it is not valid."""
    secret = connections.literal_secrets(document, path)
    findings = _without(DOMAIN.check(document, path), secret)
    if findings:
        return None, findings + secret
    declared, problems = connections.read(document, path)
    findings += [*_without(problems, secret), *secret]
    if document.get("name", name) != name:
        findings.append(
            Finding(
                code="name-mismatch",
                message=f"The domain is called '{name}', like its folder",
                path=path,
                value=document["name"],
                hint=f"write 'name: {name}', leave it out, or rename the folder",
                pointer="/name",
            )
        )
    team = document["team"]
    domain = Domain(
        name=name,
        description=document.get("description", ""),
        team=team["name"],
        members=tuple(_listed(member["username"]) for member in team.get("members", ())),
        approvers=tuple(map(_listed, document.get("approvers", ()))),
        tags=tuple(document.get("tags", ())),
        path=path,
        connections=_sound(declared, findings),
        **_limits(document, path, findings),
    )
    return domain, findings


def _listed(text: str) -> str:
    return listed_name(text, with_foreign=True) or text


def _limits(document: dict[str, Any], path: str, findings: list[Finding]) -> dict[str, Any]:
    """What a domain.yaml says of warehouse, engine and quota."""
    found: dict[str, Any] = {"warehouse": document.get("warehouse", "")}
    if "://" in found["warehouse"]:
        hint = "write a folder; only the mesh's own warehouse may lie in an object store"
        findings.append(_not_understood(("warehouse",), without_secrets(found.pop("warehouse")), hint, path))
    engine, quota = document.get("engine", {}), document.get("quota", {})
    found["threads"] = engine.get("threads", 0)
    found["quota_rows"] = quota.get("rows")
    for part, key, name, parse in (
        (engine, ("engine", "memory"), "memory_mb", quantities.megabytes),
        (quota, ("quota", "bytes"), "quota_bytes", lambda value: quantities.megabytes(value) * 2**20),
    ):
        if key[1] in part:
            try:
                found[name] = parse(part[key[1]])
            except ValueError as error:
                findings.append(_not_understood(key, part[key[1]], str(error), path))
    return found


def read_people(document: Any, path: str) -> tuple[People, list[Finding]]:  # noqa: ANN401 - any document
    """The groups and attributes in a people file; empty when it is not valid."""
    findings = PEOPLE.check(document, path)
    if findings:
        return People(), findings
    groups = {name: tuple(members) for name, members in document.get("groups", {}).items()}
    attributes = {
        user: {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
        for user, known in document.get("attributes", {}).items()
    }
    return People(groups=groups, attributes=attributes), []


def read_tests(document: Any, *, content: bytes, path: str, port: str) -> tuple[tuple[TestCase, ...], list[Finding]]:  # noqa: ANN401 - any document
    """The test cases in a tests file; *port* is what they test unless they say so, *content* gives their lines."""
    findings = TESTS.check(document, path)
    if findings:
        return (), findings
    is_list = isinstance(document, list)
    cases = document if is_list else document["tests"]
    lines = _lines(content, len(cases), "" if is_list else "/tests")
    return tuple(
        TestCase(
            name=case["name"],
            port=case.get("port", port),
            given=case["given"],
            expected=case["expect"],
            ordered=case.get("ordered", False),
            path=path,
            line=line,
        )
        for case, line in zip(cases, lines, strict=True)
    ), []


def read_policy_cases(document: Any, *, content: bytes, path: str) -> tuple[list[int], list[Finding]]:  # noqa: ANN401 - any document
    """The line of each policy case in *document*, or what is wrong with it."""
    findings = POLICY_CASES.check(document, path)
    return ([], findings) if findings else (_lines(content, len(document), ""), [])


def _lines(content: bytes, count: int, parent: str) -> list[int]:
    """The line of each case: cheaply when every case starts with its name, as most do."""
    starts = [match.start() for match in FIRST_KEY.finditer(content)]
    indents = {content[start:].find(b"-") for start in starts}
    if len(starts) == count and len(indents) == 1:
        return [content.count(b"\n", 0, start) + 1 for start in starts]
    places = Places(content)
    return [places.find(f"{parent}/{index}")[0] for index in range(count)]
