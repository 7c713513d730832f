"""Selection: which products `--select` means."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from meshwright.model.errors import InvalidInput
from meshwright.model.graph import reachable, reverse
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from meshwright.model.product import Product


def select(
    patterns: Sequence[str],
    products: Mapping[str, Product],
    upstream: Mapping[str, Sequence[str]],
    *,
    changed: Collection[str],
    told: Callable[[], Collection[str]] | None = None,
) -> set[str]:
    """The ids that *patterns* mean, all of them when there is none.

    A pattern is an id, a glob, `domain:NAME`, `tag:NAME` or `changed`; a leading `+` adds everything upstream, a trailing
    `+` everything downstream. Raises InvalidInput when a pattern means nothing that exists; it suggests what *told* gives
    only, and anything without it.
    """
    if not patterns:
        return set(products)
    found: set[str] = set()
    for pattern in patterns:
        core = pattern.strip("+")
        chosen = _matching(core, products, changed)
        if not chosen and core != "changed":
            guess = nearest(core, products if told is None else told())
            raise InvalidInput(
                f"--select {pattern} means no product here: "
                + (f"did you mean {guess}?" if guess else "see `mesh list`")
            )
        found |= chosen
        if pattern.startswith("+"):
            found |= reachable(chosen, upstream) & set(products)
        if pattern.endswith("+"):
            found |= reachable(chosen, reverse(upstream)) & set(products)
    return found


def _matching(core: str, products: Mapping[str, Product], changed: Collection[str]) -> set[str]:
    kind, _, name = core.partition(":")
    match kind:
        case "changed":
            return set(changed)
        case "domain" if name:
            return {key for key, product in products.items() if fnmatchcase(product.domain, name)}
        case "tag" if name:
            return {key for key, product in products.items() if any(fnmatchcase(tag, name) for tag in product.tags)}
        case _:
            return {key for key in products if fnmatchcase(key, core)}
