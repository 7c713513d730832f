"""`identity` of mesh.yaml: what is read, and what is refused before anybody signs in."""

from __future__ import annotations

from typing import Any

import pytest

from meshwright.formats.mesh_files import read_mesh
from meshwright.model.issuer import Claim

COMPANY: dict[str, Any] = {"url": "https://login.example.org", "audiences": ["mesh"]}


def issuers(**declared: dict[str, Any]) -> dict[str, Any]:
    return {"name": "m", "identity": {"issuers": declared}}


def test_an_issuer_is_read_with_what_is_meant_by_default() -> None:
    settings, findings = read_mesh(issuers(company=COMPANY), "mesh.yaml")
    assert settings is not None
    assert findings == []
    (found,) = settings.issuers
    assert (found.name, found.subject, found.own, found.algorithms) == ("company", "sub", False, ("RS256", "ES256"))


def test_attributes_are_texts_unless_said_otherwise() -> None:
    said = {**COMPANY, "attributes": {"region": "https://x.org/region", "level": {"claim": "a.b", "type": "number"}}}
    settings, _ = read_mesh(issuers(company=said), "mesh.yaml")
    assert settings is not None
    assert settings.issuers[0].attributes == {"region": Claim("https://x.org/region"), "level": Claim("a.b", "number")}


@pytest.mark.parametrize(
    ("declared", "pointer"),
    [
        ({"a": {**COMPANY, "url": "http://login.example.org"}}, "/identity/issuers/a/url"),
        ({"a": {**COMPANY, "url": "https://user:secret@login.example.org"}}, "/identity/issuers/a/url"),
        ({"a": {**COMPANY, "jwks": "ftp://login.example.org/keys"}}, "/identity/issuers/a/jwks"),
        ({"a": {**COMPANY, "subject": "groups"}}, "/identity/issuers/a/subject"),
        (
            {"a": {**COMPANY, "own": True}, "b": {**COMPANY, "url": "https://b.org", "own": True}},
            "/identity/issuers/b/own",
        ),
        ({"a": COMPANY, "b": COMPANY}, "/identity/issuers/b/url"),
        ({"a": {**COMPANY, "algorithms": ["HS256"]}}, "/identity/issuers/a/algorithms/0"),
        ({"a": {**COMPANY, "algorithms": ["none"]}}, "/identity/issuers/a/algorithms/0"),
        ({"a": {**COMPANY, "skew": 3600}}, "/identity/issuers/a/skew"),
        ({"a": {**COMPANY, "audiences": []}}, "/identity/issuers/a/audiences"),
        ({"a": {"url": "https://login.example.org"}}, "/identity/issuers/a"),
    ],
)
def test_what_would_trust_too_much_is_a_finding(declared: dict[str, Any], pointer: str) -> None:
    settings, findings = read_mesh(issuers(**declared), "mesh.yaml")
    assert [finding.pointer for finding in findings] == [pointer]
    assert settings is None or settings.issuers == ()
    assert not any("secret" in finding.value for finding in findings)
