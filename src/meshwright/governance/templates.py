"""Common policies, written for those who do not write Cedar."""

from __future__ import annotations

from typing import Final

from meshwright.model.errors import InvalidInput
from meshwright.model.restriction import MASKS, is_mask

KINDS: Final = ("mask", "rows", "purpose", "open", "embargo")


def new_policy(kind: str, target: str, values: dict[str, str]) -> str:
    """The Cedar text of one policy of *kind* on *target* (`domain`, `domain.product` or `domain.product.port`).

    mask: columns with the tag `tag` are seen through `mask`. rows: only rows whose `column` is the reader's `attribute`.
    purpose: only for `purpose` and what is below it. open: everybody reads. embargo: nobody else before `until`. Raises
    InvalidInput.
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
                f'unless {{ principal has "{attribute}" && resource has "{column}" && '
                f'resource["{column}"] == principal["{attribute}"] }};\n'
            )
        case "purpose":
            wanted = _text(values, "purpose")
            return (
                f'@id("only-for-{wanted}")\nforbid (principal, action == Action::"read", resource is Port in {place})\n'
                f'unless {{ context.purpose in Purpose::"{wanted}" }};\n'
            )
        case "open":
            return f'@id("open")\npermit (principal, action == Action::"read", resource is Port in {place});\n'
        case "embargo":
            until = _text(values, "until")
            return (
                f'@id("embargo-{until}")\nforbid (principal, action == Action::"read", resource is Port in {place})\n'
                f'when {{ context.now < datetime("{until}") }}\nunless {{ principal in resource.domain }};\n'
            )
    raise InvalidInput(f"there is no policy of kind '{kind}': choose one of {', '.join(KINDS)}")


def _place(target: str) -> str:
    kind = {0: "Domain", 1: "Product", 2: "Port"}.get(target.count("."))
    if kind is None or not target.replace(".", "").replace("_", "").isalnum():
        raise InvalidInput(
            f"'{target}' is no domain, product or port: write domain, domain.product or domain.product.port"
        )
    return f'{kind}::"{target}"'


def _text(values: dict[str, str], name: str) -> str:
    text = values.get(name, "")
    if not text or not text.isprintable() or '"' in text or "\\" in text:
        raise InvalidInput(f"say --{name}: it is missing, or has characters that a policy cannot hold ('{text}')")
    return text
