"""Who acts: principals as the mesh's own files know them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Denied, InvalidInput, NotFound
from meshwright.model.names import nearest
from meshwright.model.principal import AGENT, KIND_OF, NAME, PERSON, PREFIXES, PRODUCT, Principal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from meshwright.model.mesh import Mesh
    from meshwright.model.principal import Attribute

UNKNOWN: Final = (
    "who anybody is cannot be known while people/ cannot be read, so everybody but the mesh's owner is denied: "
    "`mesh validate` says what is wrong"
)


def known_principal(text: str, mesh: Mesh, *, asked_by: str = "") -> Principal:
    """The principal called *text*: a username, `service:name`, `agent:name/username` (who acts for a person), `product:id`.

    Raises InvalidInput for what is no name, NotFound for what neither people/ nor a domain's team nor the mesh knows, Denied
    while people/ has an error: where is told when somebody *asked_by* name for another.
    """
    _require_known(mesh, is_told=bool(asked_by))
    prefix, colon, rest = text.partition(":")
    kind, name = (KIND_OF.get(prefix, ""), rest) if colon else (PERSON, text)
    agent, slash, person = name.partition("/") if kind == AGENT else (name, "", "")
    if not kind or not NAME.fullmatch(agent) or (slash and not NAME.fullmatch(person)):
        raise InvalidInput(
            f"'{text}' names nobody: write a username, service:NAME, agent:NAME/USERNAME or product:DOMAIN.PRODUCT"
        )
    if kind == PRODUCT:
        if name not in mesh.products:
            raise NotFound(f"there is no product {name}: {_meant(name, mesh.products)}")
        return replace(principal_of(name, PRODUCT, mesh), impersonated_by=asked_by)
    if kind == AGENT:
        acts_for = known_principal(person, mesh) if person else None
        return _with_groups(agent, AGENT, mesh, asked_by, acts_for)
    return _with_groups(name, kind, mesh, asked_by)


def principal_of(
    name: str,
    kind: str,
    mesh: Mesh,
    *,
    groups: Iterable[str] = (),
    attributes: Mapping[str, Attribute] | None = None,
    acts_for: Principal | None = None,
) -> Principal:
    """The principal called *name*, with what its identity provider says of it, and beside that what the mesh's files say.

    Raises Denied while people/ has an error: a group that somebody is in may be all that forbids something.
    """
    _require_known(mesh)
    listed = _listed(name, kind)
    every = {*groups, *_groups(listed, mesh)}
    return Principal(
        id=name,
        kind=kind,
        groups=tuple(sorted(every)),
        domains=_domains(listed, every, mesh),
        attributes={**mesh.people.attributes.get(listed, {}), **(attributes or {})},
        acts_for=acts_for,
    )


def _require_known(mesh: Mesh, *, is_told: bool = False) -> None:
    if mesh.people.errors:
        places = f" ({', '.join(mesh.people.errors)})" if is_told else ""
        raise Denied(f"{UNKNOWN}{places}")


def _listed(name: str, kind: str) -> str:
    """What the mesh's files call it: a bare name is a person's, whatever else bears it."""
    return name if kind == PERSON else f"{PREFIXES[kind]}:{name}"


def _groups(name: str, mesh: Mesh) -> tuple[str, ...]:
    return tuple(sorted(group for group, members in mesh.people.groups.items() if name in members))


def _domains(name: str, groups: Collection[str], mesh: Mesh) -> tuple[str, ...]:
    """The domains to whose teams *name*, who is in *groups*, belongs."""
    return tuple(
        sorted(one.name for one in mesh.domains.values() if name in one.members or (one.team and one.team in groups))
    )


def _with_groups(name: str, kind: str, mesh: Mesh, asked_by: str, acts_for: Principal | None = None) -> Principal:
    listed = _listed(name, kind)
    groups = _groups(listed, mesh)
    domains = _domains(listed, groups, mesh)
    attributes = mesh.people.attributes.get(listed, {})
    if kind == PERSON and not (groups or domains or attributes):
        known = {member for members in mesh.people.groups.values() for member in members}
        known |= {member for domain in mesh.domains.values() for member in domain.members}
        raise NotFound(f"nobody is called {name}: {_meant(name, known)}, or add the person to a file in people/")
    return Principal(
        id=name,
        kind=kind,
        groups=groups,
        domains=domains,
        attributes=dict(attributes),
        acts_for=acts_for,
        impersonated_by=asked_by,
    )


def _meant(name: str, known: object) -> str:
    names = sorted(known) if isinstance(known, set | dict) else []
    guess = nearest(name, names)
    return (
        f"did you mean {guess}?" if guess else f"there are {', '.join(names[:8])}" if names else "there is nobody yet"
    )
