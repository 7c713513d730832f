"""Ctrl-C while DuckDB is at work: it works in a thread of its own and is told to stop.

In the main thread it looks for signals itself, and the one that stops a query can leave it waiting for ever.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

SECONDS = 0.05


class TookTooLongError(Exception):
    """What was to end within some time did not."""


def interruptible(work: Callable[[], T], interrupt: Callable[[], None]) -> T:
    """What *work* returns or raises. At Ctrl-C *interrupt* is called until it has ended; KeyboardInterrupt goes on.

    Signals reach the main thread alone: in any other, *work* just runs. It must not read YAML: yaml-rs brings an allocator
    of its own (mimalloc), which crashes now and then after threads that used it have ended.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="interruptible") as pool:
        running = pool.submit(work)
        try:
            return running.result()
        except KeyboardInterrupt:
            interrupt_until(running.done, interrupt)
            raise


def interrupt_until(is_done: Callable[[], bool], interrupt: Callable[[], None]) -> None:
    """Call *interrupt* until *is_done*: a query that has begun since the last interruption needs another."""
    while not is_done():
        interrupt()
        time.sleep(SECONDS)


@contextmanager
def at_most(seconds: float, interrupt: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Let the block work for *seconds*, then call *interrupt* until it ends. Raises TookTooLongError if it was called.

    The block is given what says whether the time is over, for where it does something that cannot be interrupted.
    """
    is_over, is_late = threading.Event(), threading.Event()

    def watch() -> None:
        if not is_over.wait(max(seconds, 0)):
            is_late.set()
            interrupt_until(is_over.is_set, interrupt)

    watching = threading.Thread(target=watch, name="at_most", daemon=True)
    watching.start()
    try:
        yield is_late.is_set
    except Exception as error:
        if is_late.is_set():
            raise TookTooLongError from error
        raise
    else:
        if is_late.is_set():
            raise TookTooLongError
    finally:
        is_over.set()
        watching.join()
