"""No way to read is forgotten: each verb, option and method is a registered way, or it is told here why it is none."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import click
import pytest

import meshwright
from meshwright import sdk
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
    from types import ModuleType

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
# Options of every verb; one more is one more way in, which the suite asks with, or of which is known that it tells nothing.
OPTIONS: Final = {
    "init": {"folder", "name", "provider"},
    "new policy": {"kind", "target", "tag", "mask", "column", "attribute", "purpose", "until"},
    "new domain": {"name", "team"},
    "new product": {"name", "source", "sheets", "blueprint", "environment", "purpose"},
    "new contract": {"address"},
    "import": {"place", "as_json"},
    "import dbt": {
        "project", "domain", "team", "by", "connection", "dialect", "target", "steps", "dry_run", "as_json",
    },
    "import odcs": {"file", "domain", "product", "team", "connection", "server", "dry_run", "as_json"},
    "import datacontract": {"file", "domain", "product", "team", "connection", "server", "dry_run", "as_json"},
    "validate": {"files", "as_json"},
    "lint": {"paths", "fix", "as_json"},
    "explain": {"code", "as_json"},
    "schema": {"name", "to"},
    "plan": {"selected", "environment", "full", "allow_remove", "out", "form", "as_json"},
    "build": {"selected", "environment", "full", "allow_remove", "saved", "as_json"},
    "apply": {"selected", "environment", "full", "allow_remove", "saved", "as_json"},
    "run": {"due", "watch", "selected", "environment", "retries", "delay", "every", "lease", "as_json"},
    "preview": {"port", "limit", "sample", "watch", "environment", "acting", "purpose", "as_json"},
    "test": {"names", "contract", "schema", "references", "environment", "acting", "purpose", "as_json"},
    "status": {"environment", "as_json"},
    "list": {"environment", "as_json"},
    "show": {"product", "publications", "effective", "environment", "as_json"},
    "query": {"sql", "environment", "acting", "purpose", "as_of", "since", "until", "format_", "out", "as_json"},
    "read": {
        "port", "columns", "where", "since", "until", "limit", "to", "environment", "acting", "purpose", "as_of", "format_",
        "out", "as_json",
    },
    "changes": {
        "port", "since", "until", "limit", "environment", "acting", "purpose", "format_", "out", "as_json",
    },
    "diff": {"port", "before", "after", "key", "limit", "environment", "acting", "purpose", "as_json"},
    "rollback": {"product", "to", "environment", "as_json"},
    "export": {"place", "as_json"},
    "export airflow": {"file", "folder", "environment"},
    "export dagster": {"file", "folder", "environment"},
    "policy publish": {"domain", "everything", "as_json"},
    "policy list": {"as_json"},
    "policy explain": {"port", "acting", "purpose", "column", "from_files", "environment", "as_json"},
    "policy test": {"as_json"},
    "policy schema": set(),
    "policy purposes": {"as_json"},
    "policy check": {"as_json"},
    "token create": {"principal", "ports", "purposes", "days", "note", "as_json"},
    "token list": {"as_json"},
    "token revoke": {"token_id"},
    "audit log": {"limit", "as_json"},
    "audit usage": {"limit", "as_json"},
    "env create": {"name", "base", "if_absent"},
    "env name": {"branch"},
    "env list": {"as_json"},
    "env diff": {"name", "as_json"},
    "env promote": {"name", "allow_remove", "as_json"},
    "env refresh": {"name", "as_json"},
    "env drop": {"name", "yes", "all_domains", "as_json"},
    "maintain": {"environment", "selected", "dry_run", "grace", "as_json"},
    "completion": {"shell"},
    "demo": {"folder"},
}  # fmt: skip
# Those that come before any verb.
OPTIONS_OF_ALL: Final = {"version", "folder", "verbose"}
# Methods that are steps of others, or the owner's, each with the reason.
NO_WAY_OF_READER: Final = {
    "Reader.restriction": "says what may be seen, reads nothing",
    "Reader.resolve": "finds the publication; whoever reads from it asks the guard",
    "Reader.warm": "makes copies that nobody is given by it",
}
NO_WAY_OF_ROWS: Final = {
    "fetch": "what ways to take all rows go through",
    "stream": "what ways to take rows as they come go through",
    "told": "turns errors into ours",
    "cursor": "what the formats take rows from",
}
NO_WAY_OF_SDK: Final = {
    "meshwright.__version__": "tells of Meshwright",
    "Transport": "says what a client needs; LocalTransport is the one there is",
    "text": "looks at an argument",
    "moment": "looks at an argument",
    "names": "looks at an argument",
    "count": "looks at an argument",
    "LIMIT_MAX": "a bound of an argument",
}
# Arguments are ways in, too.
ARGUMENTS: Final = {
    "connect": {"path", "environment", "acting", "purpose"},
    "Mesh.read": {"port", "columns", "where", "as_of", "limit", "since", "until"},
    "Mesh.sql": {"query", "as_of", "since", "until"},
    "Mesh.changes": {"port", "since", "until"},
    "Mesh.ports": set(),
}


def verbs() -> Iterator[tuple[str, click.Command]]:
    """Every verb with its command, those below a group by all names, and groups that do something themselves."""
    context = click.Context(mesh)
    for name in COMMANDS:
        command = mesh.get_command(context, name)
        assert command is not None
        yield from _verbs(name, command)


def _verbs(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group) or command.params or command.invoke_without_command:
        yield name, command
    if isinstance(command, click.Group):
        for below, inner in command.commands.items():
            yield from _verbs(f"{name} {below}", inner)


class _Plain(Protocol):
    """What every class has of its own."""


@dataclasses.dataclass(frozen=True, slots=True)
class _PlainData:
    """What every data class has."""


def members(kind: type) -> set[str]:
    """All that *kind* defines or inherits and that can be asked from outside: methods of any kind, properties, values."""
    own = [vars(one) for one in kind.__mro__ if one.__module__.startswith("meshwright")]
    found = (
        {name for each in own for name in each} - vars(_Plain).keys() - vars(_PlainData).keys() - vars(object).keys()
    )
    fields = {one.name for one in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    return (
        {name for name in found if not name.startswith("_") or name.endswith("__")}
        - fields
        - {"__doc__", "__annotations__"}
    )


def public(module: ModuleType) -> dict[str, object]:
    """What a module of ours defines without an underscore."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (getattr(value, "__module__", "") == module.__name__ or name.isupper())
        and name != "TYPE_CHECKING"
    }


def test_every_verb_is_a_way_or_told_to_be_none() -> None:
    told = {*COVERED, *NO_WAY}
    known = dict(verbs())
    owners = {name for name in known if name.partition(" ")[0] in OWNERS_ONLY}
    assert known.keys() - owners - told == set()
    assert NO_WAY.keys() <= known.keys()
    assert not COVERED & NO_WAY.keys()
    assert OWNERS == OWNERS_ONLY


def test_no_verb_has_an_option_that_nobody_knows_of() -> None:
    known = {name: {one.name for one in command.params} for name, command in verbs()}
    assert known == OPTIONS
    assert {one.name for one in mesh.params} == OPTIONS_OF_ALL


def test_everything_of_the_reader_is_a_way_or_told_to_be_none() -> None:
    assert {f"Reader.{name}" for name in members(Reader)} == {
        *NO_WAY_OF_READER,
        *(name for name in COVERED if name.startswith("Reader.")),
    }
    assert members(ReadRows) == {*NO_WAY_OF_ROWS, "to_arrow", "batches", "__arrow_c_stream__"}


def test_everything_of_the_sdk_is_a_way_or_told_to_be_none() -> None:
    assert {f"Mesh.{name}" for name in members(Mesh)} == {name for name in COVERED if name.startswith("Mesh.")}
    assert {f"Rows.{name}" for name in members(Rows)} == {name for name in COVERED if name.startswith("Rows.")}
    assert members(Transport) == members(LocalTransport) == {"read", "query", "changes", "ports"}


def test_nothing_else_can_be_imported_that_reads() -> None:
    assert set(meshwright.__all__) == {"connect", "__version__"}
    assert {name for name, value in public(meshwright).items() if value is not meshwright.connect} == set()
    found: dict[str, object] = {}
    for module in pkgutil.iter_modules(sdk.__path__, f"{sdk.__name__}."):
        found |= public(importlib.import_module(module.name))
    assert found.keys() - NO_WAY_OF_SDK.keys() == {"Mesh", "Rows", "LocalTransport"}
    assert public(sdk) == {}


def test_no_argument_of_the_sdk_is_new() -> None:
    asked = {"connect": meshwright.connect, **{f"Mesh.{name}": getattr(Mesh, name) for name in members(Mesh)}}
    known = {name: set(inspect.signature(call).parameters) - {"self"} for name, call in asked.items()}
    assert known == ARGUMENTS


class _More(Mesh):
    """What somebody might add; its module says that it is ours."""

    __module__ = "meshwright.sdk.more"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    @property
    def heads(self) -> None:
        """A property."""

    @classmethod
    def of(cls) -> None:
        """A method of the class."""

    @staticmethod
    def all() -> None:
        """A function."""


def test_what_somebody_might_add_is_seen() -> None:
    assert members(_More) - members(Mesh) == {"__iter__", "heads", "of", "all"}
    group = click.Group("more", commands={"below": click.Command("below")}, params=[click.Option(["--all"])])
    assert [name for name, _ in _verbs("more", group)] == ["more", "more below"]


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
