"""Waiting for somebody else's machine: as long as it makes progress or is alive, and never longer than it is wanted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T")
LOOK_SECONDS: Final = 0.1


def never() -> bool:
    """Nobody asked to stop."""
    return False


@dataclass(slots=True)
class Pulse:
    """When something last came from the other end."""

    last: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """Something came."""
        self.last = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """How long nothing came."""
        return time.monotonic() - self.last


def counted(batches: Iterable[T], pulse: Pulse, stopped: Callable[[], bool], where: str) -> Iterator[T]:
    """*batches*, each a beat of *pulse*. Raises Unavailable when somebody asked to stop."""
    for batch in batches:
        pulse.beat()
        if stopped():
            raise Unavailable(f"{where}: stopped")
        yield batch


def watched(
    work: Callable[[], T],
    *,
    pulse: Pulse,
    seconds: int,
    is_alive: Callable[[], bool],
    stopped: Callable[[], bool],
    where: str,
) -> T:
    """What *work* returns or raises. A driver's call cannot be ended from outside, so it has a thread of its own.

    Raises Unavailable when somebody asks to stop, or when nothing came for *seconds* and the other end is not alive: the
    thread is then left behind, and ends with the process if not before.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            errors.append(error)

    thread = threading.Thread(target=run, name="source", daemon=True)
    pulse.beat()
    thread.start()
    while thread.is_alive():
        thread.join(LOOK_SECONDS)
        if stopped():
            raise Unavailable(f"{where}: stopped")
        if pulse.silent_seconds > seconds and thread.is_alive():
            if not is_alive():
                raise Unavailable(
                    f"{where}: no answer for {seconds} seconds; run again, or raise the connection's timeout"
                )
            pulse.beat()
    if errors:
        raise errors[0]
    return results[0]


def all_within(asked: Mapping[str, Callable[[], T]], *, seconds: float, at_once: int) -> dict[str, T]:
    """What each of *asked* returned, by name, after *seconds* at most; those that took longer are left out.

    At most *at_once* run at a time. None of them may raise.
    """
    found: dict[str, T] = {}
    waiting = list(asked.items())
    lock = threading.Lock()

    def run() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                name, ask = waiting.pop(0)
            found[name] = ask()

    threads = [threading.Thread(target=run, name="glance", daemon=True) for _ in range(min(at_once, len(asked)))]
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    with lock:
        waiting.clear()
    return dict(found)
