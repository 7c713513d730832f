"""What a provider may not say: who another provider's people are, or that somebody's groups are to be had elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from governance.test_tokens_of_issuers import GOOD, ISSUER, signed, verifier
from meshwright.model.errors import Denied
from meshwright.model.issuer import Claim

if TYPE_CHECKING:
    from meshwright.model.issuer import Issuer

PARTNER: Final = replace(ISSUER, name="partner", url="https://id.partner.example", own=False)
AT_PARTNER: Final = {**GOOD, "iss": PARTNER.url}


def refusal(claims: dict[str, Any], *issuers: Issuer) -> str:
    """Why a token with *claims* is refused."""
    with pytest.raises(Denied) as refused:
        verifier(*issuers).verify(signed(claims))
    return str(refused.value)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "bob@partner"},
        {"groups": ["sales", "council@partner"]},
        {"act": {"sub": "helper@partner"}},
    ],
)
def test_the_issuer_of_the_meshs_own_names_speaks_for_nobody_elses_people(claims: dict[str, Any]) -> None:
    said = refusal({**GOOD, **claims}, ISSUER, PARTNER)
    assert "ends with @partner" in said
    assert "issuer company cannot speak for them" in said
    assert "bob" not in said
    # Where nobody is called so, the names are the mesh's own.
    assert verifier(ISSUER).verify(signed({**GOOD, **claims}))


def test_names_that_only_look_alike_are_the_issuers_own() -> None:
    claims = {**GOOD, "sub": "ada@partner.example", "groups": ["partner", "all@Partner"]}
    found = verifier(ISSUER, PARTNER).verify(signed(claims))
    assert (found.subject, found.groups) == ("ada@partner.example", ("partner", "all@Partner"))


def test_other_issuers_may_call_their_people_as_they_like() -> None:
    claims = {**AT_PARTNER, "sub": "bob@partner", "groups": ["all@company"]}
    found = verifier(ISSUER, PARTNER).verify(signed(claims))
    assert (found.subject, found.groups) == ("bob@partner@partner", ("all@company@partner",))


@pytest.mark.parametrize(
    "claims",
    [
        {"hasgroups": True},
        {"hasgroups": "true"},
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}},
        {"_claim_names": {"groups": "src1"}, "groups": ["some"]},
    ],
)
def test_groups_that_are_elsewhere_are_not_none(claims: dict[str, Any]) -> None:
    said = refusal({**GOOD, **claims})
    assert "does not hold groups" in said
    assert "let issuer company put groups into the token" in said


def test_no_claim_that_is_read_may_be_elsewhere() -> None:
    for name in ("act", "sub", "https://example.org/region", "access", "access.level"):
        assert "does not hold" in refusal({**GOOD, "_claim_names": {name: "src1"}})
    assert "_claim_names" in refusal({**GOOD, "_claim_names": ["groups"]})
    nested = replace(ISSUER, groups="realm.groups", attributes={})
    assert "does not hold realm.groups" in refusal({**GOOD, "_claim_names": {"realm": "src1"}}, nested)


def test_claims_that_are_not_read_may_be_anywhere() -> None:
    claims = {**GOOD, "_claim_names": {"address": "src1"}, "hasgroups": False}
    assert verifier().verify(signed(claims)).subject == "ada"
    without = replace(ISSUER, groups="", attributes={"level": Claim("level", "number")})
    claims = {**GOOD, "_claim_names": {"groups": "src1"}, "hasgroups": True, "level": 3}
    assert verifier(without).verify(signed(claims)).groups == ()
