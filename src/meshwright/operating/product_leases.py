"""Leases on products: those that one runner alone builds, renewed in the background as long as it lives."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from meshwright.model.errors import MeshwrightError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from meshwright.storage import Runs

LOG = logging.getLogger(__name__)
# Renewed so many times within its length, a lease survives a registry that is busy now and then.
RENEWALS = 4


class ProductLeases:
    """The leases of *runner* in one environment. Leaving the context gives back those that are left.

    A runner that is killed gives nothing back; its leases expire after *seconds*. One that was merely asleep for longer may
    then meet another at the same product: the head's compare-and-set lets one of them publish.
    """

    def __init__(
        self, runs: Runs, environment: str, runner: str, *, seconds: float, now: Callable[[], datetime]
    ) -> None:
        self.runner = runner
        self._runs = runs
        self._environment = environment
        self._length = timedelta(seconds=seconds)
        self._now = now
        self._held: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="leases", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.give_back(sorted(self._held))

    def take(self, products: Iterable[str]) -> list[str]:
        """Those of *products* that are now this runner's to build."""
        now = self._now()
        taken = self._runs.lease(self._environment, products, self.runner, now=now, until=now + self._length)
        self._held.update(taken)
        return list(taken)

    def give_back(self, products: Sequence[str]) -> None:
        """Let others build *products*."""
        if not products:
            return
        self._held.difference_update(products)
        try:
            self._runs.release(self._environment, products, self.runner)
        except MeshwrightError as error:
            LOG.warning("%d leases could not be given back, they will expire: %s", len(products), error)

    def ended(self, product: str) -> None:
        """The run of *product* is recorded, and its lease given back with it."""
        self._held.discard(product)

    def _renew(self) -> None:
        while not self._ended.wait(self._length.total_seconds() / RENEWALS):
            if not self._held:
                continue
            now = self._now()
            try:
                self._runs.renew(self.runner, now=now, until=now + self._length)
            except MeshwrightError as error:
                LOG.warning("leases could not be renewed: %s", error)
