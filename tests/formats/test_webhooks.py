from __future__ import annotations

from typing import Any

import pytest

from meshwright.formats.mesh_files import read_mesh
from meshwright.model.webhook import TOLD, Webhook


def test_webhooks_are_read_with_what_they_are_told() -> None:
    document = {
        "name": "m",
        "webhooks": [
            {"url": "https://hooks.example.com/mesh"},
            {"url": {"env": "HOOK"}, "on": ["late"], "domains": ["sales"], "secret": {"file": "key"}},
        ],
    }
    settings, findings = read_mesh(document, "mesh.yaml")
    assert findings == []
    assert settings is not None
    assert settings.webhooks == (
        Webhook(name="webhooks[0]", url="https://hooks.example.com/mesh", on=TOLD),
        Webhook(name="webhooks[1]", url={"env": "HOOK"}, on=("late",), domains=("sales",), secret={"file": "key"}),
    )


@pytest.mark.parametrize(
    ("entry", "pointer", "hint"),
    [
        ({"url": "hooks.example.com"}, "/webhooks/0/url", "write a URL such as https://"),
        ({"url": "ftp://example.com/x"}, "/webhooks/0/url", "write a URL such as https://"),
        ({"url": "https://me:hunter2@example.com/x"}, "/webhooks/0/url", "write a reference: {env: NAME}"),
        ({"url": {"enve": "HOOK"}}, "/webhooks/0/url", "write a reference: {env: NAME}"),
        ({"url": "https://example.com", "secret": "hunter2"}, "/webhooks/0/secret", "write a reference: {env: NAME}"),
        ({"url": "https://example.com", "secret": {}}, "/webhooks/0/secret", "write a reference: {env: NAME}"),
        ({"url": "https://example.com", "on": ["lat"]}, "/webhooks/0/on/0", "did you mean 'late'?"),
        ({"on": ["late"]}, "/webhooks/0", "url"),
    ],
)
def test_what_is_wrong_with_a_webhook_is_found_and_no_secret_is_repeated(
    entry: dict[str, Any], pointer: str, hint: str
) -> None:
    _, findings = read_mesh({"name": "m", "webhooks": [entry]}, "mesh.yaml")
    assert [finding.pointer for finding in findings] == [pointer]
    assert hint in str(findings[0])
    assert "hunter2" not in str(findings[0])
