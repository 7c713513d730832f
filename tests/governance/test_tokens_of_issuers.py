"""Tokens that are forged, foreign, old, odd or huge: each is refused, and says why without being repeated."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from meshwright.governance.key_sets import KeySets
from meshwright.governance.oidc import TokenVerifier
from meshwright.model.errors import Denied, Unavailable
from meshwright.model.issuer import ALGORITHMS, Claim, Issuer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from web_server import WebServer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
URL = "https://login.example.org"
RSA = RSAKey.generate_key(2048, {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "one"})
EC = ECKey.generate_key("P-256", {"kid": "two"})
ISSUER = Issuer(
    name="company",
    url=URL,
    audiences=("mesh", "mesh-test"),
    groups="groups",
    attributes={"region": Claim("https://example.org/region"), "level": Claim("access.level", "number")},
    own=True,
)
GOOD: dict[str, Any] = {"iss": URL, "aud": "mesh", "sub": "ada", "exp": SECONDS + 300, "iat": SECONDS}


def verifier(*issuers: Issuer, keys: list[Any] | None = None) -> TokenVerifier:
    """Trusts *issuers*, all of which have *keys*."""
    public = [key.as_dict(private=False) for key in (keys or [RSA, EC])]

    def fetch(url: str) -> object:
        if url.endswith("openid-configuration"):
            return {"issuer": url.removesuffix("/.well-known/openid-configuration"), "jwks_uri": f"{URL}/keys"}
        return {"keys": public}

    return TokenVerifier(issuers or (ISSUER,), KeySets(fetch=fetch), lambda: NOW)


def signed(claims: Mapping[str, Any] = GOOD, key: Any = RSA, algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode({"alg": algorithm, "kid": key.kid, **header}, dict(claims), key, algorithms=[algorithm])


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_good_token_says_who_its_bearer_is() -> None:
    more = {"groups": ["sales", "all"], "https://example.org/region": "EU", "access": {"level": 3}}
    found = verifier().verify(signed({**GOOD, **more, "aud": ["other", "mesh"]}))
    assert (found.subject, found.groups, found.attributes) == ("ada", ("sales", "all"), {"region": "EU", "level": 3})
    assert verifier().verify(signed(key=EC, algorithm="ES256")).subject == "ada"


def test_names_of_an_issuer_are_not_those_of_the_mesh_or_of_another() -> None:
    partner = replace(ISSUER, name="partner", own=False)
    found = verifier(partner).verify(signed({**GOOD, "groups": ["council"], "act": {"sub": "helper"}}))
    assert (found.subject, found.groups, found.actor) == ("ada@partner", ("council@partner",), "helper@partner")


FORGED: dict[str, str] = {
    "alg=none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(GOOD)}.",
    "alg=none with a signature": f"{part({'alg': 'none'})}.{part(GOOD)}.AAAA",
    "alg=nOnE": f"{part({'alg': 'nOnE'})}.{part(GOOD)}.AAAA",
    "no alg": f"{part({})}.{part(GOOD)}.AAAA",
    "alg is a list": f"{part({'alg': ['RS256']})}.{part(GOOD)}.AAAA",
    "an algorithm that is not named": signed(algorithm="RS512"),
    "another's key of the same name": signed(key=OTHER),
    "a key that nobody has": signed(kid="three"),
    "its own key in the header": signed(key=OTHER, jwk=OTHER.as_dict(private=False)),
    "where its own keys are": signed(key=OTHER, jku="https://evil.example.org/keys"),
    "a certificate of its own": signed(key=OTHER, x5c=["AAAA"]),
    "something critical": f"{part({'alg': 'RS256', 'kid': 'one', 'crit': ['exp']})}.{part(GOOD)}.AAAA",
    "unencoded payload": f"{part({'alg': 'RS256', 'kid': 'one', 'b64': False})}.{part(GOOD)}.AAAA",
    "another type": signed(typ="secevent+jwt"),
    "a header that is no object": f"{part([])}.{part(GOOD)}.AAAA",
    "a header that is no JSON": f"{part(b'{')}.{part(GOOD)}.AAAA",
    "a header nested deep": f"{part(b'[' * 6000)}.{part(GOOD)}.AAAA",
    "four parts": signed() + ".AAAA",
    "five parts": "a.b.c.d.e",
    "two parts": ".".join(signed().split(".")[:2]),
    "white space": f" {signed()}",
    "a line end": f"{signed()}\n",
    "letters that look like others": signed().replace("e", "\u0435", 1),
    "nothing": "",
    "a kid that is no text": f"{part({'alg': 'RS256', 'kid': {'$ne': 1}})}.{part(GOOD)}.AAAA",
    "an issuer that nobody trusts": signed({**GOOD, "iss": "https://evil.example.org"}),
    "an issuer with a slash more": signed({**GOOD, "iss": f"{URL}/"}),
    "an issuer in other letters": signed({**GOOD, "iss": URL.upper()}),
    "an issuer that is a list": signed({**GOOD, "iss": [URL]}),
    "no issuer": signed({key: value for key, value in GOOD.items() if key != "iss"}),
    "another audience": signed({**GOOD, "aud": "other"}),
    "no audience": signed({key: value for key, value in GOOD.items() if key != "aud"}),
    "an audience that begins alike": signed({**GOOD, "aud": "mesh "}),
    "an audience that is an object": signed({**GOOD, "aud": {"mesh": True}}),
    "expired": signed({**GOOD, "exp": SECONDS - 61}),
    "never expires": signed({key: value for key, value in GOOD.items() if key != "exp"}),
    "expires as text": signed({**GOOD, "exp": str(SECONDS + 300)}),
    "expires never at all": signed({**GOOD, "exp": 1e300}),
    "expires at true": signed({**GOOD, "exp": True}),
    "not yet": signed({**GOOD, "nbf": SECONDS + 61}),
    "made in the future": signed({**GOOD, "iat": SECONDS + 61}),
    "nobody": signed({key: value for key, value in GOOD.items() if key != "sub"}),
    "a subject that is empty": signed({**GOOD, "sub": ""}),
    "a subject that is a number": signed({**GOOD, "sub": 1}),
    "a subject with a line end": signed({**GOOD, "sub": "ada\n"}),
    "a subject with a quote": signed({**GOOD, "sub": 'ada" || true'}),
    "two subjects": signed({**GOOD, "sub": ["ada", "root"]}),
    "groups that are no texts": signed({**GOOD, "groups": [{"name": "council"}]}),
    "groups that are an object": signed({**GOOD, "groups": {"council": True}}),
    "a million groups": signed({**GOOD, "groups": [str(one) for one in range(600)]}),
    "an attribute of another type": signed({**GOOD, "access": {"level": "3"}}),
    "an attribute that is true": signed({**GOOD, "access": {"level": True}}),
    "an attribute that is huge": signed({**GOOD, "access": {"level": 2**70}}),
    "an actor that is no object": signed({**GOOD, "act": "helper"}),
    "an actor that is nobody": signed({**GOOD, "act": {}}),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_is_not_sure_is_refused(name: str) -> None:
    text = FORGED[name]
    with pytest.raises(Denied) as refused:
        verifier().verify(text)
    for piece in text.split("."):
        assert len(piece) < 8 or piece not in str(refused.value)


def test_a_shared_secret_made_of_the_public_key_signs_nothing() -> None:
    """Key confusion: the public key, which everybody has, used as the secret of HS256."""
    public = RSA.as_pem(private=False)
    head, body = part({"alg": "HS256", "kid": "one"}), part(GOOD)
    signature = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    with pytest.raises(Denied, match="not accepted"):
        verifier().verify(f"{head}.{body}.{part(signature)}")
    assert not any(name.startswith("HS") for name in ALGORITHMS)


def test_a_secret_that_an_issuer_publishes_by_mistake_signs_nothing() -> None:
    secret = OctKey.generate_key(256, {"kid": "s"})
    token = jwt.encode({"alg": "HS256", "kid": "s"}, dict(GOOD), secret, algorithms=["HS256"])
    with pytest.raises(Denied):
        verifier(keys=[RSA]).verify(token)


def test_a_key_for_encrypting_or_for_another_algorithm_signs_nothing() -> None:
    for extra in ({"use": "enc"}, {"alg": "RS512"}):
        public = {**RSA.as_dict(private=False), **extra}

        def fetch(url: str, public: dict[str, Any] = public) -> object:
            return {"issuer": URL, "jwks_uri": f"{URL}/keys"} if "well-known" in url else {"keys": [public]}

        with pytest.raises(Denied, match="no key"):
            TokenVerifier([ISSUER], KeySets(fetch=fetch), lambda: NOW).verify(signed())


def test_without_a_kid_there_must_be_one_key_only() -> None:
    token = jwt.encode({"alg": "RS256"}, dict(GOOD), RSA, algorithms=["RS256"])
    assert verifier().verify(token).subject == "ada"
    with pytest.raises(Denied, match="more than one key"):
        verifier(keys=[RSA, OTHER]).verify(token)


def test_a_huge_token_is_not_even_decoded() -> None:
    with pytest.raises(Denied, match="more than 16,384 are not looked at"):
        verifier().verify(signed({**GOOD, "padding": "x" * 20_000}))


def test_clocks_may_differ_a_little() -> None:
    for claims in ({"exp": SECONDS - 59}, {"nbf": SECONDS + 59}, {"iat": SECONDS + 59}):
        assert verifier().verify(signed({**GOOD, **claims})).subject == "ada"
    strict = replace(ISSUER, skew_seconds=0)
    with pytest.raises(Denied, match="expired"):
        verifier(strict).verify(signed({**GOOD, "exp": SECONDS}))


def test_of_several_subjects_the_one_that_is_named_counts() -> None:
    by_group = replace(ISSUER, subject="groups", subjects=("analysts", "planners"))
    assert verifier(by_group).verify(signed({**GOOD, "groups": ["all", "analysts"]})).subject == "analysts"
    for groups in (["all"], ["analysts", "planners"], []):
        with pytest.raises(Denied, match="not one"):
            verifier(by_group).verify(signed({**GOOD, "groups": groups}))


def test_what_is_signed_counts_when_a_claim_comes_twice() -> None:
    text = json.dumps(GOOD)[:-1] + ', "iss": "https://evil.example.org"}'
    head = part({"alg": "RS256", "kid": "one"})
    with pytest.raises(Denied):
        verifier().verify(f"{head}.{part(text.encode())}.AAAA")


@given(place=st.integers(0, 700), letter=st.sampled_from("ABCxyz019_-"))
def test_one_letter_changed_is_refused(place: int, letter: str) -> None:
    token = signed()
    place %= len(token)
    # The last letter of a part has bits that say nothing.
    if token[place] in {letter, "."} or token[place + 1 : place + 2] in {"", "."}:
        return
    with pytest.raises(Denied):
        verifier().verify(token[:place] + letter + token[place + 1 :])


def test_a_provider_that_is_down_is_not_asked_for_each_token() -> None:
    asked, clock = [], [100.0]

    def fetch(url: str) -> object:
        asked.append(url)
        raise Unavailable("it is down")

    down = TokenVerifier([ISSUER], KeySets(fetch=fetch, clock=lambda: clock[0]), lambda: NOW)
    for _ in range(20):
        with pytest.raises(Denied, match="it is down"):
            down.verify(signed())
    assert len(asked) == 1
    clock[0] += 6
    with pytest.raises(Denied, match="it is down"):
        down.verify(signed())
    assert len(asked) == 2


def test_keys_that_cannot_be_fetched_deny(web: WebServer) -> None:
    local = replace(ISSUER, url=web.url())
    token = signed({**GOOD, "iss": web.url()})
    discovery = "/.well-known/openid-configuration"

    def refused() -> str:
        with pytest.raises(Denied) as error:
            TokenVerifier([local], KeySets(), lambda: NOW).verify(token)
        return str(error.value)

    assert "HTTP 404" in refused()
    web.put(discovery, "no JSON")
    assert "is no JSON" in refused()
    web.put(discovery, json.dumps({"issuer": "https://evil.example.org", "jwks_uri": web.url("/keys")}))
    assert "is of issuer" in refused()
    web.put(discovery, json.dumps({"issuer": web.url(), "jwks_uri": web.url("/keys")}))
    web.put("/keys", json.dumps({"keys": "none"}))
    assert "gives no keys" in refused()
    web.put("/keys", b" " * 1_000_001)
    assert "bytes" in refused()
    web.put("/keys", "", status=302, headers={"Location": "http://127.0.0.1:1/keys"})
    assert "HTTP 302" in refused()
    web.put("/keys", json.dumps({"keys": [RSA.as_dict(private=False)]}))
    assert TokenVerifier([local], KeySets(), lambda: NOW).verify(token).subject == "ada"
