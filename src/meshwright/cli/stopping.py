"""Ctrl-C and SIGTERM: what is told to stop stops, also where a library swallows what a signal raises."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

IMPORTING = "<frozen importlib"
SECONDS = 0.05
SIGNALS = (signal.SIGTERM, signal.SIGINT)
# The signals that came, first to last.
_came: list[int] = []


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end; it stops as it does at Ctrl-C."""


def listen() -> None:
    """Raise KeyboardInterrupt in the main thread at Ctrl-C and Terminated at SIGTERM, from now on."""
    for number in SIGNALS:
        signal.signal(number, _stop)
    sys.unraisablehook = _unraisable


def is_asked() -> bool:
    """Whether a signal came. What failed since may have failed of that."""
    return bool(_came)


def is_terminated() -> bool:
    """Whether SIGTERM was among the signals that came."""
    return signal.SIGTERM in _came


def end(code: int) -> None:
    """Let the process end with *code*; from now on a signal ends it at once, and so did a second one before."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: os._exit(code))
    if len(_came) > 1:
        # What a second one broke off may still be at work in threads, which Python's own end would take by surprise.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _stop(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            # An import would swallow it, or break off halfway and take the process along.
            _again(number)
            return
        frame = frame.f_back
    _came.append(number)
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _again(number: int) -> None:
    """Send the signal once more, a little later."""
    threading.Timer(SECONDS, signal.pthread_kill, [threading.main_thread().ident, number]).start()


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """Tell of what nobody can catch; a signal that came while something was finalised comes again."""
    if isinstance(found.exc_value, KeyboardInterrupt):
        _again(signal.SIGTERM if isinstance(found.exc_value, Terminated) else signal.SIGINT)
    else:
        sys.__unraisablehook__(found)
