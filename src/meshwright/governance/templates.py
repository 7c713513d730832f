"""Common policies, written for those who do not write Cedar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import InvalidInput, NotFound
from meshwright.model.names import is_name, nearest
from meshwright.model.restriction import MASKS, is_mask

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from meshwright.model.mesh import Mesh

KINDS: Final = ("mask", "rows", "purpose", "open", "embargo")


def new_policy(kind: str, target: str, values: Mapping[str, str], *, purposes: Collection[str]) -> str:
    """The Cedar text of one policy of *kind* on *target* (`domain`, `domain.product` or `domain.product.port`).

    mask: columns with the tag `tag` are seen through `mask`. rows: others see only rows whose `column` is the reader's
    `attribute`. purpose: only for `purpose`, one of *purposes*, and what is below it. open: everybody reads. embargo: nobody
    else before `until`. Raises InvalidInput.
    """
    place = _place(target)
    match kind:
        case "mask":
            mask = values.get("mask") or "pseudonym"
            if not is_mask(mask):
                raise InvalidInput(f"there is no mask '{mask}': use one of {', '.join(MASKS)}:10 or :month")
            tag = _text(values, "tag")
            return (
                f'@id("mask-{tag}")\n@mask("{mask}")\nforbid (principal, action == Action::"readClear", resource is Column'
                f' in {place})\nwhen {{ resource.tags.contains("{tag}") }}\nunless {{ principal in resource.domain }};\n'
            )
        case "rows":
            column, attribute = _text(values, "column"), _text(values, "attribute")
            return (
                f'@id("rows-by-{column}")\nforbid (principal, action == Action::"readRow", resource is Row in {place})\n'
                f'unless {{ principal in Domain::"{target.partition(".")[0]}" || (principal has "{attribute}" && '
                f'resource has "{column}" && resource["{column}"] == principal["{attribute}"]) }};\n'
            )
        case "purpose":
            wanted = _text(values, "purpose")
            if wanted not in purposes:
                guess = nearest(wanted, purposes)
                meant = f"did you mean {guess}?" if guess else "`mesh policy purposes` lists them"
                raise InvalidInput(f"there is no purpose '{wanted}': {meant}")
            return (
                f'@id("only-for-{wanted}")\nforbid (principal, action == Action::"read", resource is Port in {place})\n'
                f'unless {{ context.purpose in Purpose::"{wanted}" }};\n'
            )
        case "open":
            return f'@id("open")\npermit (principal, action == Action::"read", resource is Port in {place});\n'
        case "embargo":
            until = _moment(_text(values, "until"))
            return (
                f'@id("embargo-{until}")\nforbid (principal, action == Action::"read", resource is Port in {place})\n'
                f'when {{ context.now < datetime("{until}") }}\nunless {{ principal in resource.domain }};\n'
            )
    raise InvalidInput(f"there is no policy of kind '{kind}': choose one of {', '.join(KINDS)}")


def require_target(target: str, mesh: Mesh, *, may_suggest: bool) -> None:
    """Raise NotFound unless *mesh* has the domain, product or port called *target*; near misses are for whom it may suggest to."""
    _place(target)
    domain, product, port = (*target.split("."), "", "")[:3]
    found = mesh.products.get(f"{domain}.{product}")
    ports = {one.name for one in found.output_ports} if found is not None else set()
    beside = {name for name in mesh.products if name.startswith(f"{domain}.")}
    for name, what, known in (
        (domain, "domain", set(mesh.domains)),
        (product and f"{domain}.{product}", "product", beside),
        (port and target, "port", {f"{domain}.{product}.{one}" for one in ports}),
    ):
        if name and name not in known:
            guess = nearest(name, known) if may_suggest else None
            meant = f"did you mean {guess}?" if guess else "a policy about it would say nothing"
            raise NotFound(f"there is no {what} {name} in these files: {meant}")


def _moment(text: str) -> str:
    """The ISO 8601 date or time *text* as Cedar's datetime takes it: a date, or a time in UTC. Raises InvalidInput."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
        # Without an offset it is meant as Cedar means a date: in UTC.
        found = found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"--until '{text}' is no day: write it as 2030-12-31, or a time as 2030-12-31T18:00:00+01:00"
        ) from None
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def _place(target: str) -> str:
    kind = {0: "Domain", 1: "Product", 2: "Port"}.get(target.count("."))
    if kind is None or not all(map(is_name, target.split("."))):
        raise InvalidInput(
            f"'{target}' is no domain, product or port: write domain, domain.product or domain.product.port"
        )
    return f'{kind}::"{target}"'


def _text(values: Mapping[str, str], name: str) -> str:
    text = values.get(name, "")
    if not text or not text.isprintable() or '"' in text or "\\" in text:
        raise InvalidInput(f"say --{name}: it is missing, or has characters that a policy cannot hold ('{text}')")
    return text
