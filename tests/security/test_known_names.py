"""Names: the bearer of a token is told of no product, port or column that policies and the token's scope keep from it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final
from unittest import mock

import pytest

import meshwright
from mesh_folder import MeshFolder
from meshwright.governance.access_tokens import new_token
from meshwright.model.errors import NotFound
from meshwright.node import Node
from security.shop import ATTACKER, POLICIES, Shop, masking, people
from security.ways import Who, bearing, command

if TYPE_CHECKING:
    from meshwright.sdk.client import Mesh

ID: Final = "- {name: id, physicalType: INTEGER}\n"
HUSH: Final = "- {name: hush, physicalType: INTEGER, tags: [gone]}\n"
FEW: Final = ("--port", "marketing.*")
# Of what nobody of another domain may discover: a product, a port, a column; each with one letter less.
PRODUCT, PORT, COLUMN = "hr.takeover", "sales.r.merger", "hush"
MISSPELT: Final = ("hr.takover", "sales.r.mergr", "husch")
# Verbs that take the name of a port or product.
VERBS: Final = {
    "read": ("read", "NAME"),
    "read --as-of": ("read", "NAME", "--as-of", "2999-01-01"),
    "read --to": ("read", "NAME", "--to", "out"),
    "query": ("query", "select * from NAME"),
    "changes": ("changes", "NAME", "--since", "1"),
    "diff": ("diff", "NAME"),
    "diff between environments": ("diff", "NAME", "--from", "prod", "--to", "prod"),
    "policy explain": ("policy", "explain", "NAME", "--as", ATTACKER),
    "policy explain --files": ("policy", "explain", "NAME", "--as", ATTACKER, "--files"),
    "new product": ("new", "product", "marketing/found", "--from", "NAME"),
    "new contract": ("new", "contract", "NAME"),
    "build": ("build", "--select", "NAME"),
    "run": ("run", "--select", "NAME"),
    "run --due": ("run", "--due", "--select", "NAME"),
    "rollback": ("rollback", "NAME"),
}
# Those that suggest nothing to anybody.
PLAIN: Final = {"read --as-of", "changes", "rollback"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A mesh with a draft, a draft port beside one that is none, a column that is gone, and what the attacker has."""
    made = Shop(folder=MeshFolder(tmp_path_factory.mktemp("names")))
    people(made.folder)
    made.folder.write("people/hr.yaml", "groups: {hr_team: [eve]}\n")
    made.folder.product(
        "sales.r",
        "select 1 as id, 2 as hush",
        contract=ID + HUSH,
        descriptor="tags: [acquisition]\noutputPorts: [{name: r}, {name: merger}]\n",
    )
    made.folder.write("domains/sales/r/transform/merger.sql", "select 1 as id")
    made.folder.write("domains/sales/r/transform/prepared.sql", "select 1 as id")
    made.folder.product(PRODUCT, "select 1 as id, 2 as price")
    made.folder.product("marketing.own", "select 1 as id", contract=ID)
    made.folder.product("sales.payroll", "select 1 as id", contract=ID)
    made.folder.build()
    forbidden = 'forbid (principal, action == Action::"read", resource == Port::"sales.payroll.payroll");'
    made.publish({"policies/all.cedar": POLICIES + masking() + forbidden})
    return made


def told(shop: Shop, *arguments: str, token: str = "") -> str:
    """All that the attacker is told, or the bearer of *token*."""
    return command(shop, Who(token=token or shop.token()), *arguments).text


def completed(shop: Shop, line: str, token: str) -> list[str]:
    """What a shell offers the bearer of *token* at the end of *line*, "" for the owner; nothing else is said."""
    words = f"mesh -C {shop.root} {line}"
    asked = {"_MESH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    with mock.patch.dict(os.environ, asked):
        found = command(shop, Who(token=token))
    assert (found.code, found.err) == (0, b"")
    return [one.partition(",")[2] for one in found.out.decode().splitlines() if one]


def named(arguments: tuple[str, ...], name: str) -> list[str]:
    return [one.replace("NAME", name) for one in arguments]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("misspelt", MISSPELT[:2])
def test_a_misspelt_name_is_not_answered_with_one_that_is_hidden(shop: Shop, verb: str, misspelt: str) -> None:
    answer = told(shop, *named(VERBS[verb], misspelt))
    assert misspelt.rpartition(".")[2] in answer
    for hidden in ("takeover", "merger", "payroll@"):
        assert hidden not in answer


@pytest.mark.parametrize("verb", VERBS)
def test_near_what_is_hidden_is_near_nothing(shop: Shop, verb: str) -> None:
    near, far = (told(shop, *named(VERBS[verb], name)).replace(name, "NAME") for name in (MISSPELT[0], "zz.qqqqqq"))
    assert near == far


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in PLAIN])
def test_what_may_be_discovered_is_suggested_and_to_the_owner_everything(shop: Shop, verb: str) -> None:
    assert "marketing.own" in told(shop, *named(VERBS[verb], "marketing.onw")).replace("marketing.onw", "")
    answer = command(shop, Who(), *named(VERBS[verb], MISSPELT[0])).text
    assert "did you mean hr.takeover?" in answer


def test_who_acts_in_anothers_name_is_told_what_that_one_is(shop: Shop) -> None:
    answer = command(shop, Who(), "read", MISSPELT[0], "--as", ATTACKER).text
    assert "takeover" not in answer
    assert "mesh list" in answer


def test_ports_of_a_product_are_listed_as_far_as_they_may_be_discovered(shop: Shop) -> None:
    assert "it serves r@1\n" in told(shop, "read", "sales.r.qqqqqq")
    assert "sales.r.merger@0" in command(shop, Who(), "read", "sales.r.mergr").text
    unknown = told(shop, "read", "hr.qqqqqq")
    assert told(shop, "read", "hr.takeover.qqqqqq").replace("takeover", "qqqqqq") == unknown


def misspelt_by_sdk(mesh: Mesh, method: str) -> str:
    calls = {
        "read": lambda: mesh.read(MISSPELT[0]),
        "sql": lambda: mesh.sql(f"from {MISSPELT[0]}"),
        "changes": lambda: mesh.changes(MISSPELT[0], since=1),
    }
    with pytest.raises(NotFound) as caught:
        calls[method]()
    return str(caught.value)


@pytest.mark.parametrize("method", ["read", "sql", "changes"])
def test_the_sdk_suggests_nothing_that_is_hidden(shop: Shop, method: str) -> None:
    with bearing(shop.token()):
        mesh = meshwright.connect(shop.root)
    assert "takeover" not in misspelt_by_sdk(mesh, method)
    if method != "changes":
        assert "did you mean hr.takeover?" in misspelt_by_sdk(meshwright.connect(shop.root), method)


def test_the_sdk_lists_what_mesh_list_does(shop: Shop) -> None:
    for options in ((), FEW):
        token = shop.token(ATTACKER, *options)
        with bearing(token):
            found = meshwright.connect(shop.root).ports()
        assert found == json.loads(told(shop, "list", "--json", token=token))
        assert [one["address"] for one in found] == LINES["read "][bool(options)]
    assert meshwright.connect(shop.root, acting=ATTACKER).ports() == json.loads(told(shop, "list", "--json"))
    assert "hr.takeover" in {one["address"] for one in meshwright.connect(shop.root).ports()}


LINES: Final = {
    "read ": (["marketing.own", "sales.payroll", "sales.r"], ["marketing.own"]),
    "rollback ": (["marketing.own", "sales.payroll", "sales.r"], ["marketing.own"]),
    "preview ": (["marketing.own", "sales.payroll", "sales.r"], ["marketing.own"]),
    "build --select ": (
        ["marketing.own", "sales.payroll", "sales.r", "domain:marketing", "domain:sales", "changed"],
        ["marketing.own", "domain:marketing", "changed"],
    ),
    # The shell goes on with files.
    "new product marketing/x --from hr": (["hr"], ["hr"]),
    "read --env ": (["prod"], ["prod"]),
    "read sales.r --columns ": (["id"], []),
    "read sales.r --columns h": ([], []),
    "diff sales.r --key ": (["id"], []),
    "read sales.r.merger --columns ": ([], []),
    "read hr.takeover --columns ": ([], []),
    # Found, and not to be read.
    "read sales.payroll --columns ": ([], []),
    "read marketing.own --columns ": (["id"], ["id"]),
}


@pytest.mark.parametrize("line", LINES)
def test_a_shell_completes_what_may_be_discovered(shop: Shop, line: str) -> None:
    # What is kept for the owner is no help to others.
    assert "hr.takeover" in completed(shop, "read ", "")
    kept = (shop.root / ".mesh/cache/words.json").read_bytes()
    assert completed(shop, line, shop.token()) == LINES[line][0]
    assert completed(shop, line, shop.token(ATTACKER, *FEW)) == LINES[line][1]
    assert (shop.root / ".mesh/cache/words.json").read_bytes() == kept


def test_the_purpose_on_the_line_counts_for_columns(shop: Shop) -> None:
    token = shop.token(ATTACKER, "--purpose", "Marketing")
    assert completed(shop, "read sales.r --purpose Marketing --columns ", token) == ["id"]
    assert completed(shop, "read sales.r --purpose ResearchAndDevelopment --columns ", token) == []
    assert completed(shop, "read sales.r --columns ", token) == ["id"]


def test_the_owner_is_offered_everything(shop: Shop) -> None:
    assert completed(shop, "read ", "") == [
        "hr.takeover",
        "marketing.own",
        "sales.payroll",
        "sales.r",
        "sales.r.merger",
    ]
    assert completed(shop, "read sales.r --columns ", "") == ["id", "hush"]
    assert "tag:acquisition" in completed(shop, "build --select ", "")


def test_a_token_that_is_not_good_completes_nothing(shop: Shop) -> None:
    made = shop.owner("token", "create", "--for", ATTACKER, "--json").data
    shop.owner("token", "revoke", made["id"])
    for token in (made["token"], new_token(), "mesh_nonsense", "eyJhbGciOiJub25lIn0.e30."):
        for line in ("read ", "read sales.r --columns ", "show ", "read --env "):
            assert completed(shop, line, token) == []


@pytest.mark.parametrize("policies", ["", "permit (principal, action, resource) when { resource.nonsense == 1 };"])
def test_where_policies_fail_nothing_is_told(tmp_path_factory: pytest.TempPathFactory, policies: str) -> None:
    made = Shop(folder=MeshFolder(tmp_path_factory.mktemp("failing")))
    people(made.folder)
    made.folder.product("sales.r", "select 1 as id", contract=ID)
    made.folder.build()
    if policies:
        made.publish({"policies/all.cedar": POLICIES})
        # What was published by an older program may not be understood today.
        binding = Node(made.root).policies
        with mock.patch.object(type(binding), "binding", side_effect=ValueError("damaged")):
            assert completed(made, "read ", made.token()) == []
            assert completed(made, "read sales.r --columns ", made.token()) == []
        return
    assert completed(made, "read ", made.token()) == []
    assert "sales.r" not in told(made, "read", "sales.rr").replace("sales.rr", "")
    assert "sales.r" not in told(made, "list")


def test_for_a_misspelt_column_no_absent_one_is_suggested(shop: Shop) -> None:
    explained = ("policy", "explain", "sales.r", "--as", ATTACKER)
    assert COLUMN not in told(shop, *explained, "--column", MISSPELT[2]).replace(MISSPELT[2], "")
    # Why a column of a port that one reads is not there, one may ask.
    assert "hush: absent  (policies/all.cedar#gone)" in told(shop, *explained, "--column", COLUMN)
    assert "it has id, hush" in command(shop, Who(), *explained, "--column", "x").text


@pytest.mark.parametrize("column", [(), ("--column", "nonsense")])
def test_of_a_port_that_may_not_be_read_no_column_is_told(shop: Shop, column: tuple[str, ...]) -> None:
    answer = command(shop, Who(token=shop.token()), "policy", "explain", PRODUCT, "--as", ATTACKER, "--json", *column)
    found = json.loads(answer.out)
    assert (answer.code, found["allowed"], found["columns"], found["masked_by"]) == (1, False, {}, {})


def test_a_token_for_some_ports_is_told_of_no_others(shop: Shop) -> None:
    token = shop.token(ATTACKER, *FEW)
    listed = told(shop, "list", token=token)
    assert "marketing.own" in listed
    assert "sales" not in listed
    assert "sales" not in told(shop, "list", "--json", token=token)
    assert "sales.r@1" not in told(shop, "read", "sales.r.mergr", token=token)
    assert "sales.payroll" not in told(shop, "read", "sales.payrol", token=token).replace("sales.payrol:", "")


@pytest.mark.parametrize("files", [(), ("--files",)])
def test_a_token_for_some_ports_explains_what_it_gets(shop: Shop, files: tuple[str, ...]) -> None:
    token = shop.token(ATTACKER, *FEW)
    denied = command(shop, Who(token=token), "policy", "explain", "sales.r", "--as", ATTACKER, *files)
    assert (denied.code, denied.err) == (1, b"")
    assert denied.out.decode() == "denied\n  the token is for marketing.* only\n"
    found = told(shop, "policy", "explain", "sales.r", "--as", ATTACKER, "--json", *files, token=token)
    assert json.loads(found)["columns"] == {}
    assert "id: clear" in told(shop, "policy", "explain", "marketing.own", "--as", ATTACKER, *files, token=token)


def test_a_token_for_one_purpose_explains_what_it_gets(shop: Shop) -> None:
    token = shop.token(ATTACKER, "--purpose", "Marketing")
    explained = ("policy", "explain", "sales.r", "--as", ATTACKER)
    assert "the token is for Marketing only" in told(
        shop, *explained, "--purpose", "ResearchAndDevelopment", token=token
    )
    for purpose in ((), ("--purpose", "Marketing")):
        assert "id: clear" in told(shop, *explained, *purpose, token=token)
    # It reads every port, for that.
    assert "sales.r" in told(shop, "list", token=token)


def test_a_token_for_some_ports_asks_about_nobody_else(shop: Shop) -> None:
    answer = told(shop, "policy", "explain", "marketing.own", "--as", "ada", token=shop.token(ATTACKER, *FEW))
    assert "may not administer" in answer


def test_a_token_for_some_ports_lists_no_tokens_for_others(shop: Shop) -> None:
    shop.token(ATTACKER, "--port", "sales.r")
    shop.token(ATTACKER, *FEW)
    assert "sales.r" in told(shop, "token", "list")
    assert "sales.r" not in told(shop, "token", "list", token=shop.token(ATTACKER, *FEW))


def test_whom_the_mesh_knows_no_more_is_told_nobody_elses_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = Shop(folder=MeshFolder(tmp_path_factory.mktemp("gone")))
    people(made.folder)
    token = made.token()
    made.folder.write("people/all.yaml", "groups: {sales_team: [bobby, ada]}\n")
    answer = told(made, "list", token=token)
    assert "bob is not known any more" in answer
    assert "bobby" not in answer
    assert "ada" not in answer


@pytest.mark.parametrize(
    "verb", [("validate",), ("build", "--select", "marketing.*"), ("new", "contract", "marketing.x")]
)
def test_what_is_wrong_with_a_query_is_told_without_the_nearest_name(
    tmp_path_factory: pytest.TempPathFactory, verb: tuple[str, ...]
) -> None:
    made = Shop(folder=MeshFolder(tmp_path_factory.mktemp("wrong")))
    people(made.folder)
    made.folder.product("sales.r", "select 1 as id, 2 as hush", contract=ID + HUSH)
    made.folder.build()
    made.publish({"policies/all.cedar": POLICIES})
    for name, sql in {
        "x": "select hus from sales.r",
        "y": "select r.hus from sales.r r",
        "z": "select id from sales.rr",
        "w": "select id from sales.r.mergr",
    }.items():
        made.folder.product(f"marketing.{name}", sql)
    answer = told(made, *verb)
    assert "hush" not in answer
    assert "did you mean" not in answer
    if verb == ("validate",):
        owners = command(made, Who(), *verb).text
        assert "did you mean hush?" in owners
        assert "did you mean sales.r?" in owners
        assert answer.count("see `mesh list`") == owners.count("error[")


def test_who_may_publish_no_policies_is_told_no_domain(shop: Shop) -> None:
    assert "did you mean hr?" in command(shop, Who(), "policy", "publish", "--domain", "hrr").text
    assert told(shop, "policy", "publish", "--domain", "hrr") == "\nerror: there is no domain hrr\n\n"


def test_policies_are_listed_of_domains_that_one_is_told_of(shop: Shop) -> None:
    for domain in ("hr", "marketing"):
        shop.folder.write(
            f"domains/{domain}/policies/own.cedar",
            f'forbid (principal, action == Action::"administer", resource in Domain::"{domain}");',
        )
    assert {row["scope"] for row in shop.owner("policy", "list", "--json").data} >= {"", "hr", "marketing"}
    listed = command(shop, Who(token=shop.token()), "policy", "list", "--json").out
    assert {row["scope"] for row in json.loads(listed)} == {"", "marketing"}
