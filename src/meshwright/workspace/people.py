"""The files in people/ taken together, and what names nobody in them, or two things at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.formats.yaml_text import pointer
from meshwright.model.findings import Finding, Severity
from meshwright.model.mesh import People
from meshwright.model.names import nearest
from meshwright.model.principal import AGENT, KIND_OF, PREFIXES, PRODUCT, listed_name, nearest_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meshwright.model.mesh import Domain, Mesh
    from meshwright.model.principal import Attribute

HINT = "write a username, service:NAME, agent:NAME or product:DOMAIN.PRODUCT"


def together(files: Mapping[str, People], *, with_foreign: bool) -> tuple[People, list[Finding]]:
    """Everybody in the people *files*, by path, and what is wrong with them.

    Names of those who come *with_foreign* tokens may have colons.
    """
    groups: dict[str, tuple[str, ...]] = {}
    attributes: dict[str, dict[str, Attribute]] = {}
    first: dict[tuple[str, str], str] = {}
    findings = []
    for path, people in files.items():
        for place, text in _named(people):
            if listed_name(text, with_foreign=with_foreign) is None:
                findings.append(_nobody(text, path, place))
        for group, members in people.groups.items():
            names = [name for one in members if (name := listed_name(one, with_foreign=with_foreign)) is not None]
            groups[group] = tuple(dict.fromkeys((*groups.get(group, ()), *names)))
        for key, values in people.attributes.items():
            if (name := listed_name(key, with_foreign=with_foreign)) is None:
                continue
            held = attributes.setdefault(name, {})
            for attribute, value in values.items():
                said = first.setdefault((name, attribute), path)
                if not _is_same(held.setdefault(attribute, value), value):
                    place = pointer("attributes", key, attribute)
                    findings.append(_differs(f"{name} has another {attribute}", value, said, path, place))
    return People(groups=groups, attributes=attributes), findings


def _is_same(one: Attribute, other: Attribute) -> bool:
    """Whether policies take both for the same: true is not 1, and lists are sets to them."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return set(one) == set(other)
    return type(one) is type(other) and one == other


def _nobody(text: str, path: str, place: str) -> Finding:
    prefix, colon, rest = text.partition(":")
    agent, slash, _ = rest.partition("/")
    hint = HINT
    if KIND_OF.get(prefix) == AGENT and slash:
        hint = f"an agent is in groups by itself, whoever it acts for: write {PREFIXES[AGENT]}:{agent}"
    elif colon and prefix not in KIND_OF and (kind := nearest_kind(prefix)):
        hint = f"did you mean {kind}:{rest}?"
    return Finding(
        code="unknown-principal", message="This names nobody", path=path, value=text, hint=hint, pointer=place
    )


def _differs(message: str, value: Attribute, said: str, path: str, place: str) -> Finding:
    return Finding(
        code="contradicting-attribute",
        message=f"{message} {'above' if said == path else f'in {said}'}",
        path=path,
        value=", ".join(value) if isinstance(value, tuple) else str(value),
        hint="say it in one place",
        pointer=place,
    )


def alike(files: Mapping[str, People], mesh: Mesh) -> Iterator[Finding]:
    """Warnings: names in the people *files* that differ from another one by letter case only, and products that are not there."""
    spelled: dict[str, str] = {}
    for member in _names_of_teams(mesh.domains.values()):
        spelled.setdefault(member.casefold(), member)
    for path, people in files.items():
        for place, text in _named(people):
            name = listed_name(text, with_foreign=True)
            if name is None:
                continue
            first = spelled.setdefault(name.casefold(), name)
            prefix, _, product = name.partition(":")
            is_here = KIND_OF.get(prefix) == PRODUCT and product.partition(".")[0] in mesh.domains
            if first != name:
                yield _warning(f"This is somebody else than '{first}'", name, first, path, place)
            elif is_here and product not in mesh.products:
                close = nearest(product, mesh.products)
                yield _warning("There is no such product", name, f"product:{close}" if close else "", path, place)


def _named(people: People) -> Iterator[tuple[str, str]]:
    """The place and text of each name in a people file."""
    for group, members in people.groups.items():
        yield from ((pointer("groups", group, index), member) for index, member in enumerate(members))
    yield from ((pointer("attributes", key), key) for key in people.attributes)


def _names_of_teams(domains: Iterable[Domain]) -> Iterator[str]:
    for domain in domains:
        yield from domain.members


def _warning(message: str, value: str, guess: str, path: str, place: str) -> Finding:
    return Finding(
        code="unlikely-principal",
        message=message,
        path=path,
        value=value,
        hint=f"did you mean '{guess}'?" if guess else "list products as product:DOMAIN.PRODUCT",
        pointer=place,
        severity=Severity.WARNING,
    )
