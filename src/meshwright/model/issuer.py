"""Issuers: the OpenID Connect providers whose tokens a mesh accepts, and what it reads in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from meshwright.model.principal import PERSON

# Signed with a key that only the issuer has; what is signed with a shared secret, or not at all, is never accepted.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SUBJECTS: Final = ("sub", "oid", "azp", "groups")
SKEW_SECONDS_MAX: Final = 300
# What the value of an attribute can be.
TEXT: Final = "text"
NUMBER: Final = "number"
BOOLEAN: Final = "boolean"
TEXTS: Final = "texts"


@dataclass(frozen=True, slots=True)
class Claim:
    """Where an attribute is in a token, with dots for claims in claims, and what it must be."""

    path: str
    type: str = TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One provider. `url` is what its tokens have as `iss`, `jwks` where its keys are ("" as its discovery document says).

    `subject` is the claim that says who acts, whose names are the mesh's own where the issuer is `own`, else end with
    `@name`. Where that claim has several values, as `groups` has, one of `subjects` counts. `attributes` are a
    principal's, each with its claim; `groups` is the claim with its groups.
    """

    name: str
    url: str
    audiences: tuple[str, ...]
    subject: str = "sub"
    subjects: tuple[str, ...] = ()
    kind: str = PERSON
    own: bool = False
    groups: str = ""
    attributes: dict[str, Claim] = field(default_factory=dict)
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    jwks: str = ""
    skew_seconds: int = 60
