"""Secrets are looked up by reference and taken out of what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.connection import Connection
from meshwright.model.errors import Unavailable
from meshwright.sources.secrets import look_up

if TYPE_CHECKING:
    from pathlib import Path


def connection(reference: dict[str, Any]) -> Connection:
    return Connection(name="crm", type="postgresql", settings={"host": "h", "password": reference}, path="mesh.yaml")


def test_a_secret_comes_from_the_environment_a_file_or_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_PASSWORD", "from env")
    (tmp_path / "secret").write_text("from file\n")
    script = tmp_path / "show"
    script.write_text('#!/bin/sh\necho "from $1"\n')
    script.chmod(0o700)
    for reference, value in (
        ({"env": "CRM_PASSWORD"}, "from env"),
        ({"file": "secret"}, "from file"),
        ({"file": str(tmp_path / "secret")}, "from file"),
        ({"exec": ["./show", "a command"]}, "from a command"),
        ({"exec": "./show 'one line'"}, "from one line"),
    ):
        assert look_up(connection(reference), tmp_path).settings["password"] == value


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"env": "NOT_SET_ANYWHERE"}, "the environment variable NOT_SET_ANYWHERE is not set"),
        ({"file": "nowhere"}, "the file nowhere cannot be read: No such file"),
        ({"exec": ["no-such-command"]}, "no-such-command cannot be run"),
        ({"exec": ["sh", "-c", "echo leaked >&2; exit 4"]}, "sh failed with exit code 4"),
        ({"exec": ["true"]}, "true printed nothing"),
    ],
)
def test_a_reference_that_leads_to_nothing_is_told_with_its_place(
    tmp_path: Path, reference: dict[str, Any], words: str
) -> None:
    with pytest.raises(Unavailable, match=r"mesh\.yaml: connection crm: password: ") as raised:
        look_up(connection(reference), tmp_path)
    assert words in str(raised.value)
    assert "leaked" not in str(raised.value)


def test_what_is_said_has_no_secret_in_any_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_PASSWORD", "p@ss/w%rd 'x'")
    opened = look_up(connection({"env": "CRM_PASSWORD"}), tmp_path)
    for text in (
        "failed for p@ss/w%rd 'x'",
        "postgresql://u:p%40ss%2Fw%25rd%20%27x%27@h/d",
        "p%40ss%2Fw%25rd+%27x%27",
        "https://someone:else@h/?token=abc",
    ):
        said = opened.scrub(text)
        assert "***" in said
        assert "rd" not in said.replace("password", "")
        assert "else" not in said
        assert "abc" not in said
    assert "p@ss" not in repr(opened)


def test_a_password_within_a_secret_url_is_hidden_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_URL", "postgresql://u:sec%ret-part@h/d")
    url = Connection(name="crm", type="postgresql", settings={"url": {"env": "CRM_URL"}}, path="mesh.yaml")
    said = look_up(url, tmp_path).scrub('invalid percent-encoded token: "sec%ret-part"')
    assert "ret-part" not in said
