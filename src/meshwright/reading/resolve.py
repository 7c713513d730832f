"""Which publication a read of a port is served from: the head, or an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshwright.model.errors import NotFound
from meshwright.model.names import is_name, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from meshwright.model.names import PortAddress
    from meshwright.model.publication import DataFile, Publication, PublishedPort
    from meshwright.storage import Registry

    # The ports served in an environment that somebody may be told of, each with its major version; None: all of them.
    Told: TypeAlias = Callable[[str], Iterable[PortAddress]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPort:
    """A port as one publication serves it, with the data files that hold its rows."""

    address: PortAddress
    publication: Publication
    port: PublishedPort
    files: Sequence[DataFile]


def resolve(
    registry: Registry, address: PortAddress, *, environment: str, as_of: str = "", told: Told = None
) -> ResolvedPort:
    """The port at *address* as it is served now, or as it was *as_of* a time (ISO 8601) or a publication's number.

    Raises NotFound when nothing is published there, which names no port but those in *told*; InvalidInput when *as_of* is
    neither.
    """
    publication = _publication(registry, address, environment=environment, as_of=as_of, told=told)
    port = publication.port(address.port, address.major)
    if port is None:
        raise _no_port(registry, address, publication, environment=environment, told=told)
    files = registry.files(port.table, port.snapshot) if port.kind == "tables" else ()
    return ResolvedPort(address=address, publication=publication, port=port, files=files)


def compared(
    registry: Registry, address: PortAddress, *, environment: str, before: str, after: str, told: Told = None
) -> tuple[ResolvedPort, ResolvedPort]:
    """The two states of a port that *before* and *after* name: an environment, a publication's number or a time.

    After "" is what *environment* serves; before "" what the environment below serves, when after was built in one that
    stands on another, else what was served before after. Raises NotFound, InvalidInput, as `resolve`.
    """

    def state(where: str, which: str) -> ResolvedPort:
        if is_name(which):
            return resolve(registry, address, environment=which, told=told)
        return resolve(registry, address, environment=where, as_of=which, told=told)

    new = state(environment, after)
    if before:
        return state(environment, before), new
    own = new.publication.environment
    base = next((one.base for one in registry.environments() if one.name == own), "")
    if base:
        return state(base, ""), new
    return state(own, _served_before(registry, address, new)), new


def _served_before(registry: Registry, address: PortAddress, new: ResolvedPort) -> str:
    """The number of the publication that was served before *new*."""
    publication = new.publication
    served = [number for _, number in registry.move_history(publication.environment, address.product_id)]
    # A publication is served again after a rollback: what counts is the last time.
    last = max((at for at, number in enumerate(served) if number == publication.sequence), default=0)
    earlier = [number for number in served[:last] if number not in {None, publication.sequence}]
    if not earlier:
        raise NotFound(
            f"{address.product_id} served nothing before publication {publication.sequence}: name what to compare with by --from"
        )
    return str(earlier[-1])


def _publication(registry: Registry, address: PortAddress, *, environment: str, as_of: str, told: Told) -> Publication:
    product = address.product_id
    if as_of.isdecimal():
        return registry.publication(environment, product, int(as_of))
    if as_of:
        return _at(registry, product, environment, as_of)
    head = registry.head(environment, product)
    if head is None:
        raise _no_product(registry, product, environment=environment, told=told)
    return head


def _no_product(registry: Registry, product: str, *, environment: str, told: Told) -> NotFound:
    names = registry.head_sequences(environment) if told is None else [one.product_id for one in told(environment)]
    guess = nearest(product, dict.fromkeys(names))
    step = f"did you mean {guess}?" if guess else "run `mesh list` to see what is published"
    return NotFound(f"nothing is published as {product} in {environment}: {step}")


def _no_port(
    registry: Registry, address: PortAddress, publication: Publication, *, environment: str, told: Told
) -> NotFound:
    served = [f"{one.name}@{one.major}" for one in publication.ports]
    if told is not None:
        known = {f"{one.port}@{one.major}" for one in told(environment) if one.product_id == address.product_id}
        served = [one for one in served if one in known]
        if not served:
            # Nobody is told that there is a product of which no port may be named.
            return _no_product(registry, address.product_id, environment=environment, told=told)
    wanted = address.port if address.major is None else f"{address.port}@{address.major}"
    guess = nearest(wanted, served)
    meant = f"did you mean {address.product_id}.{guess}?" if guess else f"it serves {', '.join(served)}"
    return NotFound(f"{address.product_id} has no output port {wanted}: {meant}")


def _at(registry: Registry, product: str, environment: str, as_of: str) -> Publication:
    served = registry.head_as_of(environment, product, as_of)
    if served is None:
        raise NotFound(
            f"{product} served nothing as of {as_of}: `mesh show {product} --publications` lists what it served"
        )
    return registry.publication(environment, product, served)
