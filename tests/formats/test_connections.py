"""Connections: settings by type and environment; a literal secret is found and never repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshwright.formats.mesh_files import read_domain, read_mesh
from meshwright.formats.yaml_text import parse, placed
from meshwright.model.connection import is_secret, remote_address, secret_in_url, sheet_of, without_secrets

if TYPE_CHECKING:
    from meshwright.model.findings import Finding

SECRET = "hunter2-very-secret"


def found(text: str) -> tuple[Any, list[Finding]]:
    document, findings = parse(text.encode(), "mesh.yaml")
    assert not findings
    settings, findings = read_mesh(document, "mesh.yaml")
    return settings, placed(findings, text.encode())


def test_an_environment_overrides_single_settings_and_any_other_takes_those_for_all() -> None:
    settings, findings = found(
        """\
name: m
connections:
  crm:
    type: postgresql
    host: db.example.com
    database: crm
    user: reader
    password: {env: CRM_PASSWORD}
    timeout: 2min
    environments:
      dev: {host: localhost, password: {file: .secrets/dev}}
"""
    )
    assert not findings
    crm = settings.connections["crm"]
    assert crm.within("dev").settings["host"] == "localhost"
    assert crm.within("dev").settings["password"] == {"file": ".secrets/dev"}
    assert crm.within("dev").settings["user"] == "reader"
    assert crm.within("feature_x").settings["host"] == "db.example.com"
    assert crm.within("prod").settings["timeout"] == 120


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (f"{{type: postgresql, host: h, database: d, user: u, password: {SECRET}}}", 3),
        (f"{{type: postgresql, url: 'postgresql://u:{SECRET}@h/d'}}", 3),
        (f"{{type: postgresql, host: 'postgresql://u:{SECRET}@h/d', database: d, user: u}}", 3),
        (f"{{type: postgresql, host: 'host=h password={SECRET}', database: d, user: u}}", 3),
        (f"{{type: http, url: 'https://u:{SECRET}@h/'}}", 3),
        (f"{{type: http, url: 'https://{SECRET}@h/'}}", 3),
        (f"{{type: http, url: 'https://h/?api_key={SECRET}'}}", 3),
        (f"{{type: http, url: 'https://h/', headers: {{X-Api-Key: {SECRET}}}}}", 3),
        (f"{{type: http, url: 'https://h/', headers: {{Authorization: Bearer {SECRET}}}}}", 3),
        (f"{{type: http, url: 'https://h/', token: {SECRET}}}", 3),
        (f"{{type: http, url: 'https://h/', token: [{SECRET}]}}", 3),
        (f"{{type: http, url: 'https://h/', token: {{value: {SECRET}}}}}", 3),
        (f"{{type: s3, access_key_id: AKIA, secret_access_key: {SECRET}}}", 3),
        (f"{{type: s3, secret_key: {SECRET}}}", 3),
        (f"{{type: http, url: 'https://h/', environments: {{dev: {{token: {SECRET}}}}}}}", 3),
        (f"{{type: nonsense, password: {SECRET}}}", 3),
        (f"{{password: {SECRET}}}", 3),
        ("{type: http, url: 'https://h/', token: 12345678}", 3),
    ],
)
def test_a_literal_secret_is_an_error_with_its_line_and_is_never_repeated(entry: str, line: int) -> None:
    settings, findings = found(f"name: m\nconnections:\n  crm: {entry}\n")
    mine = [finding for finding in findings if finding.code == "literal-secret"]
    assert mine, findings
    assert all((finding.path, finding.line) == ("mesh.yaml", line) for finding in mine)
    said = repr(findings) + repr(settings)
    assert SECRET not in said
    assert "12345678" not in said
    assert settings is None or "crm" not in settings.connections


def test_a_secret_in_the_registry_s_url_is_found_too() -> None:
    _, findings = found(f"name: m\nregistry: postgresql://mesh:{SECRET}@h/d\n")
    assert [finding.code for finding in findings] == ["literal-secret"]
    assert SECRET not in repr(findings)


def test_a_domain_s_connections_are_held_to_the_same() -> None:
    document = {"team": {"name": "t"}, "connections": {"api": {"type": "http", "url": "https://h", "token": SECRET}}}
    domain, findings = read_domain(document, name="sales", path="domains/sales/domain.yaml")
    assert [finding.code for finding in findings] == ["literal-secret"]
    assert SECRET not in repr(findings) + repr(domain)


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        ("{type: postgresql, hots: h, database: d, user: u}", "unknown-key", "did you mean 'host'?"),
        ("{type: postgresql, database: d, user: u}", "missing-key", "'host' is missing"),
        ("{type: postgresql, host: h, port: x, database: d, user: u}", "wrong-value", "write a whole number"),
        ("{type: sqlite}", "missing-key", "'path' is missing"),
        ("{type: http, url: 'https://h', timeout: soon}", "wrong-value", "duration"),
        ("{type: postgresql, host: h, database: d, user: u, sslmode: always}", "wrong-value", "verify-full"),
        ("{type: postgresql, host: h, database: d, user: u, password: {vault: x}}", "literal-secret", "{env: NAME}"),
        ("{type: oracle}", "wrong-value", "postgresql"),
    ],
)
def test_a_mistake_in_a_connection_is_told_with_the_next_step(entry: str, code: str, words: str) -> None:
    _, findings = found(f"name: m\nconnections:\n  crm: {entry}\n")
    assert any(finding.code == code and words in str(finding) for finding in findings), findings


def test_what_is_missing_for_all_may_be_said_by_each_environment() -> None:
    _, findings = found("name: m\nconnections: {a: {type: sqlite, environments: {prod: {path: x.db}}}}\n")
    assert not findings


def test_addresses_are_told_from_paths() -> None:
    assert str(remote_address("crm#public.orders")) == "crm#public.orders"
    assert remote_address("https://h/x.csv#part") is not None
    for path in ("data/a.csv", "data/a#b.csv", "book.xlsx#Sheet 1", "Crm#x", "./crm#x"):
        assert remote_address(path) is None, path
    assert sheet_of("data/book.xlsx#Sheet 1") == ("data/book.xlsx", "Sheet 1")
    assert sheet_of("data/a#b.csv") == ("data/a#b.csv", "")


@pytest.mark.parametrize("name", ["password", "PASSWORD", "db_password", "api_key", "X-Api-Key", "token", "access_token", "sig", "client_secret", "Authorization", "Cookie", "X-Amz-Signature", "dsn", "passwd", "private_key"])  # fmt: skip
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["user", "host", "database", "key_column", "Accept", "access_key_id", "region", "monkey"]
)
def test_names_of_other_settings_are_no_secrets(name: str) -> None:
    assert not is_secret(name)


def test_a_url_without_a_secret_may_stand() -> None:
    for url in ("https://h/x.csv?year=2024&token=", "s3://bucket/key", "postgresql://user@h/d", "https://h/a@b.csv"):
        assert not secret_in_url(url), url
    assert without_secrets(f"https://u:{SECRET}@h/x?token={SECRET}&a=1") == "https://***@h/x?token=***&a=1"
