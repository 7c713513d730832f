"""No way to read is forgotten: each verb, option and method is a registered way, or it is told here why it is none."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import pytest

from meshwright.cli.main import COMMANDS, OWNERS, mesh
from meshwright.engines import sandbox
from meshwright.node import Node
from meshwright.reading.reader import Reader
from meshwright.reading.rows import Rows as ReadRows
from meshwright.sdk.client import Mesh, Rows, Transport
from meshwright.sdk.local_transport import LocalTransport
from security.shop import ATTACKER
from security.ways import AS, TOKEN, WAYS, bearing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from security.shop import Shop

COVERED: Final = {name for way in WAYS for name in way.covers}
# Verbs that answer the owner of a mesh only: what they tell is not restricted, and no bearer of a token is told it.
OWNERS_ONLY: Final = frozenset({"status", "plan", "export", "import", "demo"})
# Verbs that tell nothing of data to those who may not see it, each with the reason.
NO_WAY: Final = {
    "init": "writes files of a new mesh",
    "new domain": "writes a file",
    "new policy": "writes a file",
    "new contract": "writes down what a query in this folder implies",
    "validate": "tells of the files in this folder",
    "lint": "tells of the files in this folder",
    "explain": "tells of Meshwright",
    "schema": "tells of Meshwright",
    "build": "asks policies for `publish` of every product",
    "apply": "is build",
    "run": "asks policies for `publish` of every product",
    "rollback": "asks policies for `rollback`",
    "policy publish": "asks who may publish policies",
    "policy list": "tells versions of policies",
    "policy test": "asks policies for `administer`",
    "policy schema": "tells names and types of columns that policies can speak of",
    "policy purposes": "tells names of purposes",
    "policy check": "tells of the files in this folder",
    "token create": "asks policies for `administer`, or makes one for its bearer",
    "token list": "tells its bearer's own",
    "token revoke": "asks policies for `administer`, or takes its bearer's own",
    "audit log": "asks policies for `administer`",
    "audit usage": "asks policies for `administer`",
    "env create": "serves nobody anything else",
    "env name": "tells of the git branch",
    "env list": "tells names of environments",
    "env diff": "asks policies for `publish`",
    "env promote": "asks policies for `promote`",
    "env refresh": "asks policies for `publish`",
    "env drop": "asks policies for `publish`",
    "maintain": "asks policies for `administer`",
}
# Options of the verbs that read which the suite asks with; one more is one more way in.
OPTIONS: Final = {
    "query": {"sql", "environment", "acting", "purpose", "as_of", "since", "until", "format_", "out", "as_json"},
    "read": {
        "port", "columns", "where", "since", "until", "limit", "to", "environment", "acting", "purpose", "as_of", "format_",
        "out", "as_json",
    },
    "changes": {
        "port", "since", "until", "limit", "environment", "acting", "purpose", "format_", "out", "as_json",
    },
    "diff": {"port", "before", "after", "key", "limit", "environment", "acting", "purpose", "as_json"},
    "list": {"environment", "as_json"},
    "show": {"product", "publications", "effective", "environment", "as_json"},
    "preview": {"port", "limit", "sample", "watch", "environment", "acting", "purpose", "as_json"},
    "test": {"names", "contract", "schema", "references", "environment", "acting", "purpose", "as_json"},
    "policy explain": {"port", "acting", "purpose", "column", "from_files", "environment", "as_json"},
    "completion": {"shell"},
    "new product": {"name", "source", "sheets", "blueprint", "environment", "purpose"},
}  # fmt: skip
# Methods that are steps of others, or the owner's, each with the reason.
NO_WAY_OF_READER: Final = {
    "Reader.restriction": "says what may be seen, reads nothing",
    "Reader.resolve": "finds the publication; whoever reads from it asks the guard",
    "Reader.warm": "makes copies that nobody is given by it",
}
NO_WAY_OF_ROWS: Final = {
    "fetch": "what every way to take rows goes through",
    "told": "turns errors into ours",
    "cursor": "what the formats take rows from",
}


def verbs() -> Iterator[tuple[str, click.Command]]:
    """Every verb with its command, those below a group by both names."""
    context = click.Context(mesh)
    for name in COMMANDS:
        command = mesh.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group) and not command.params:
            yield from ((f"{name} {below}", inner) for below, inner in command.commands.items())
        else:
            yield name, command


def methods(kind: type) -> set[str]:
    """The public methods of *kind*, and the one that Arrow calls."""
    found = {name for name, _ in inspect.getmembers(kind, inspect.isfunction)}
    return {name for name in found if not name.startswith("_") or name == "__arrow_c_stream__"}


def test_every_verb_is_a_way_or_told_to_be_none() -> None:
    told = {*COVERED, *NO_WAY, *OWNERS_ONLY}
    known = dict(verbs())
    assert {name for name in known if name not in told and name.partition(" ")[0] not in OWNERS_ONLY} == set()
    assert {name for name in NO_WAY if name not in known} == set()
    assert not COVERED & NO_WAY.keys()
    assert OWNERS == OWNERS_ONLY


def test_the_verbs_that_read_have_no_option_that_nobody_tries() -> None:
    known = dict(verbs())
    for name, options in OPTIONS.items():
        assert {one.name for one in known[name].params} == options, name
    assert OPTIONS.keys() == {name for name in COVERED if "." not in name}


def test_every_method_of_the_reader_is_a_way_or_told_to_be_none() -> None:
    assert {f"Reader.{name}" for name in methods(Reader)} == {
        *NO_WAY_OF_READER,
        *(name for name in COVERED if name.startswith("Reader.")),
    }
    assert methods(ReadRows) == {*NO_WAY_OF_ROWS, "to_arrow", "batches", "__arrow_c_stream__"}


def test_every_method_of_the_sdk_is_a_way() -> None:
    assert {f"Mesh.{name}" for name in methods(Mesh)} == {name for name in COVERED if name.startswith("Mesh.")}
    assert {f"Rows.{name}" for name in methods(Rows)} == {name for name in COVERED if name.startswith("Rows.")}
    assert methods(Transport) == methods(LocalTransport) == {"read", "query", "changes", "ports"}


def test_every_way_is_tried_by_both_entrances_where_it_has_two() -> None:
    single = {
        "mesh list", "mesh list --json", "mesh show", "mesh show --json", "mesh new product --from", "completion of a shell",
    }  # fmt: skip
    for name in {way.name for way in WAYS}:
        assert {way.by for way in WAYS if way.name == name} == ({TOKEN} if name in single else {AS, TOKEN}), name


@pytest.mark.slow
@pytest.mark.parametrize("verb", sorted(OWNERS_ONLY))
def test_the_owners_verbs_answer_no_bearer(attacked: Shop, verb: str) -> None:
    with bearing(attacked.token(ATTACKER)):
        answer = attacked.folder.run(verb, "sales.orders")
    assert (answer.code, answer.out) == (1, "")
    assert "answers the owner of a mesh only" in answer.err


@pytest.mark.slow
def test_the_suite_runs_locked_down_and_as_nobody_special(attacked: Shop) -> None:
    """Nothing is shown by a mesh that allows what is unsafe, nor by reading as its owner."""
    assert sandbox.missing() == ""
    assert Node(attacked.root).settings.governed.unsafe is False
    with bearing(attacked.token(ATTACKER)):
        node = Node(attacked.root)
        assert (node.caller.principal.is_owner, str(node.caller.principal)) == (False, f"person:{ATTACKER}")
        reader = node.reader("prod")
    acting = Node(attacked.root).reader("prod", acting=ATTACKER)
    for one in (reader, acting):
        assert one.guard is not None
        assert one.guard.reader.startswith(f"person:{ATTACKER}")
        assert one.gate is not None
        assert one.copies is not None


def test_forged_tokens_of_issuers_are_tried_elsewhere() -> None:
    """What `tests/governance` tries is not tried here again; it must not vanish there."""
    path = Path(__file__).parents[1] / "governance/test_tokens_of_issuers.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {
        "test_what_is_not_sure_is_refused",
        "test_a_shared_secret_made_of_the_public_key_signs_nothing",
        "test_a_secret_that_an_issuer_publishes_by_mistake_signs_nothing",
        "test_a_key_for_encrypting_or_for_another_algorithm_signs_nothing",
        "test_without_a_kid_there_must_be_one_key_only",
        "test_what_is_signed_counts_when_a_claim_comes_twice",
        "test_one_letter_changed_is_refused",
    } <= tests
    forged = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert {
        "alg=none",
        "alg=none with a signature",
        "another's key of the same name",
        "its own key in the header",
        "where its own keys are",
        "an issuer that nobody trusts",
        "another audience",
        "expired",
        "never expires",
    } <= forged
