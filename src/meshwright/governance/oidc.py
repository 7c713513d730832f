"""Tokens of OpenID Connect providers: who their bearers are. What is not sure is refused."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import Denied, Unavailable
from meshwright.model.issuer import BOOLEAN, NUMBER, TEXT, TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from meshwright.governance.key_sets import KeySets
    from meshwright.model.issuer import Claim, Issuer
    from meshwright.model.principal import Attribute

BYTES_MAX: Final = 16_384
COMPACT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
TYPES: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
# Headers that would let a token say which key to trust, or how to be read.
FORBIDDEN: Final = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
# None that begins as the name of another kind of principal does.
NAME: Final = re.compile(r"(?!(?:person|service|agent|product):)[\w.@+:-]{1,200}", re.IGNORECASE)
VALUES_MAX: Final = 500
# The claim of which Entra ID says with `hasgroups` that it is too long for a token.
GROUPS: Final = "groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says of its bearer, in the mesh's names: `actor` is who acts for the subject, "" when it does itself."""

    issuer: Issuer
    subject: str
    expires: float
    groups: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    actor: str = ""


class TokenVerifier:
    """Verifies tokens of *issuers*, with the keys in *key_sets*. Safe to use from several threads."""

    def __init__(self, issuers: Sequence[Issuer], key_sets: KeySets, now: Callable[[], datetime]) -> None:
        self._issuers = {issuer.url: issuer for issuer in issuers}
        self._key_sets, self._now = key_sets, now

    def verify(self, text: str) -> Claims:
        """What the token *text* says. Raises Denied, which says what is wrong with it and never repeats it."""
        if len(text) > BYTES_MAX:
            raise Denied(f"the token has {len(text):,} characters: more than {BYTES_MAX:,} are not looked at")
        if not COMPACT.fullmatch(text):
            raise Denied("the token is no signed JSON Web Token")
        head, body, _ = text.split(".")
        header, unsure = _object(head), _object(body)
        issuer = self._issuers.get(unsure.get("iss", "")) if isinstance(unsure.get("iss"), str) else None
        if issuer is None:
            known = ", ".join(self._issuers) or "nobody"
            raise Denied(f"the token's issuer is not one that mesh.yaml trusts: {known} is")
        algorithm = _algorithm(header, issuer)
        claims = self._signed(text, header, algorithm, issuer)
        # What is signed counts, not what was looked at before.
        if claims.get("iss") != issuer.url:
            raise Denied("the token's issuer is not who signed it")
        self._require_current(claims, issuer)
        _require_all_here(claims, issuer)
        found = _read(claims, issuer)
        self._require_own(found)
        return found

    def _signed(self, text: str, header: Mapping[str, Any], algorithm: str, issuer: Issuer) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import import_key

        kid = header.get("kid", "")
        try:
            known = self._key_sets.keys(issuer, kid if isinstance(kid, str) else "")
        except Unavailable as error:
            raise Denied(f"the token cannot be verified: {error}") from error
        fits = [key for key in known if _fits(key, kid, algorithm)]
        if len(fits) != 1:
            raise Denied(
                f"issuer {issuer.name} has {'no' if not fits else 'more than one'} key that the token can be signed with"
            )
        try:
            found = jwt.decode(text, import_key(fits[0]), algorithms=[algorithm]).claims
        except (JoseError, ValueError, TypeError) as error:
            raise Denied(f"the token's signature is not the issuer's: {type(error).__name__}") from None
        return dict(found)

    def _require_own(self, found: Claims) -> None:
        """Raise Denied when an issuer of the mesh's own names gives one that would be another issuer's."""
        others = [one.name for one in self._issuers.values() if one is not found.issuer]
        for name in (found.subject, found.actor, *found.groups) if found.issuer.own else ():
            if other := next((one for one in others if name.endswith(f"@{one}")), ""):
                raise Denied(
                    f"the token names somebody, or a group, that ends with @{other}, as only names of issuer {other} do: "
                    f"issuer {found.issuer.name} cannot speak for them"
                )

    def _require_current(self, claims: Mapping[str, Any], issuer: Issuer) -> None:
        audience = claims.get("aud")
        named = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        if not any(one in issuer.audiences for one in named if isinstance(one, str)):
            raise Denied(f"the token is not for this mesh: its audience is not {' or '.join(issuer.audiences)}")
        now, skew = self._now().timestamp(), issuer.skew_seconds
        expires = _time(claims, "exp")
        if expires is None:
            raise Denied("the token never expires: such are not accepted")
        if now >= expires + skew:
            raise Denied("the token has expired")
        for name in ("nbf", "iat"):
            begins = _time(claims, name)
            if begins is not None and begins > now + skew:
                raise Denied(f"the token is not good yet ({name}): one of two clocks is wrong")


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise Denied("the token is no signed JSON Web Token") from None
    if not isinstance(found, dict):
        raise Denied("the token is no signed JSON Web Token")
    return found


def _algorithm(header: Mapping[str, Any], issuer: Issuer) -> str:
    algorithm, kind = header.get("alg"), header.get("typ", "")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise Denied(f"the token's signature is of a kind that is not accepted: {' or '.join(issuer.algorithms)} is")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise Denied("the token is of a type that is not accepted")
    if FORBIDDEN & header.keys():
        raise Denied(f"the token has a header that is not accepted: {', '.join(sorted(FORBIDDEN & header.keys()))}")
    return algorithm


def _fits(key: Mapping[str, Any], kid: object, algorithm: str) -> bool:
    return (
        (not kid or key.get("kid") == kid)
        and key.get("kty") == KEY_TYPES[algorithm[:2]]
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
    )


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:  # noqa: PLR2004 - far enough
        raise Denied(f"the token's {name} is no time")
    return float(value)


def _read(claims: Mapping[str, Any], issuer: Issuer) -> Claims:
    subject = _subject(claims.get(issuer.subject), issuer)
    groups = _texts(_found(claims, issuer.groups), issuer.groups) if issuer.groups else ()
    attributes: dict[str, Attribute] = {}
    for name, claim in issuer.attributes.items():
        value = _found(claims, claim.path)
        if value is not None:
            attributes[name] = _typed(value, claim)
    actor = claims.get("act")
    if actor is not None:
        actor = _subject(actor.get("sub") if isinstance(actor, dict) else None, issuer)
    return Claims(
        issuer=issuer,
        subject=_named(subject, issuer),
        expires=_time(claims, "exp") or 0.0,
        groups=tuple(_named(group, issuer) for group in groups),
        attributes=attributes,
        actor=_named(actor, issuer) if actor else "",
    )


def _require_all_here(claims: Mapping[str, Any], issuer: Issuer) -> None:
    """Raise Denied when something that is read is not in the token but to be fetched: what is not there would count as nothing.

    Distributed claims are named in `_claim_names` (OpenID Connect Core 1.0, 5.6.2); Entra ID also says `hasgroups`.
    """
    read = {issuer.subject, issuer.groups, "act", *(claim.path for claim in issuer.attributes.values())} - {""}
    names = claims.get("_claim_names", {})
    if not isinstance(names, dict):
        raise Denied("the token's _claim_names do not say which claims are elsewhere")
    elsewhere = {path for path in read if path in names or path.partition(".")[0] in names}
    if GROUPS in read and claims.get("hasgroups", False) is not False:
        elsewhere.add(GROUPS)
    if elsewhere:
        listed = ", ".join(sorted(elsewhere))
        raise Denied(
            f"the token does not hold {listed}, but says where to ask for it, as providers do for somebody in many groups: "
            f"let issuer {issuer.name} put {listed} into the token (in Entra ID: only groups assigned to the application)"
        )


def _subject(value: object, issuer: Issuer) -> str:
    if isinstance(value, list):
        counted = [one for one in value if isinstance(one, str) and one in issuer.subjects]
        if len(counted) != 1:
            raise Denied(
                f"the token's {issuer.subject} has {len(counted)} of the subjects that mesh.yaml names, not one"
            )
        value = counted[0]
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Denied(f"the token's {issuer.subject} does not say who acts")
    if issuer.subjects and value not in issuer.subjects:
        raise Denied(f"the token's {issuer.subject} is none of the subjects that mesh.yaml names")
    return value


def _named(name: str, issuer: Issuer) -> str:
    """*name* as the mesh has it: what an issuer calls its people cannot be taken for somebody else's."""
    return name if issuer.own else f"{name}@{issuer.name}"


def _found(claims: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - a JSON value
    """The claim at *path*; a claim's own name may have dots, as those that are URLs do."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _typed(value: object, claim: Claim) -> Attribute:
    """*value*, when it is what mesh.yaml says of *claim*: a policy that compares it must not err."""
    if claim.type == TEXTS:
        return _texts(value, claim.path)
    if claim.type == BOOLEAN and isinstance(value, bool):
        return value
    if claim.type == NUMBER and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    if claim.type == TEXT and isinstance(value, str):
        return value
    raise Denied(f"the token's {claim.path} is no {claim.type}, as mesh.yaml says it is")


def _texts(value: object, path: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or len(value) > VALUES_MAX or not all(isinstance(one, str) for one in value):
        raise Denied(f"the token's {path} is neither a text nor a list of texts")
    return tuple(value)
