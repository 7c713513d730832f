"""Ctrl-C and SIGTERM: what is told to stop stops, also where a library swallows what a signal raises."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import CodeType, FrameType

IMPORTING = "<frozen importlib"
STARTING = threading.Thread.start.__code__
SECONDS = 0.05
SIGNALS = (signal.SIGTERM, signal.SIGINT)
# The signals that came, first to last.
_came: list[int] = []
# Those that came where they could not be raised, to be raised a little later, and where within `threading` the last did.
_waiting: list[int] = []
_places: list[tuple[CodeType, int]] = []


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end; it stops as it does at Ctrl-C."""


def listen() -> None:
    """Raise KeyboardInterrupt in the main thread at Ctrl-C and Terminated at SIGTERM, from now on."""
    for number in SIGNALS:
        signal.signal(number, _stop)
    signal.signal(signal.SIGALRM, _stop_after_all)
    sys.unraisablehook = _unraisable


def is_asked() -> bool:
    """Whether a signal came. What failed since may have failed of that."""
    return bool(_came)


def is_terminated() -> bool:
    """Whether SIGTERM was among the signals that came."""
    return signal.SIGTERM in _came


def end(code: int) -> None:
    """Let the process end with *code*; from now on a signal ends it at once, and so did a second one before."""
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, lambda *_: os._exit(code))
    if len(_came) > 1:
        # What a second one broke off may still be at work in threads, which Python's own end would take by surprise.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _stop(number: int, frame: FrameType | None) -> None:
    if _breaks(frame):
        _again(number)
        return
    _came.append(number)
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _breaks(frame: FrameType | None) -> bool:
    """Whether what is raised in *frame* would be swallowed, or break what nothing can mend.

    An import would swallow it, or break off halfway and take the process along. `threading` holds its locks in Python:
    what is raised between taking one and entering what gives it back leaves it taken for ever, and a thread whose start
    is broken off may never run. Where it only waits, the next time finds it at the same place.
    """
    before = list(_places)
    _places.clear()
    if frame is not None and frame.f_code.co_filename == STARTING.co_filename:
        _places.append((frame.f_code, frame.f_lasti))
    is_held = bool(_places) and _places != before
    while frame is not None and not is_held:
        is_held = frame.f_code.co_filename.startswith(IMPORTING) or frame.f_code is STARTING
        frame = frame.f_back
    return is_held


def _again(number: int) -> None:
    """Let the signal come once more, a little later; by a timer of the system's, for a thread would need those locks."""
    _waiting.append(number)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)


def _stop_after_all(_: int, frame: FrameType | None) -> None:
    # What is raised for the first of several says enough of all.
    numbers = set(_waiting)
    _waiting.clear()
    if numbers:
        _stop(signal.SIGTERM if signal.SIGTERM in numbers else signal.SIGINT, frame)


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """Tell of what nobody can catch; a signal that came while something was finalised comes again."""
    if isinstance(found.exc_value, KeyboardInterrupt):
        _again(signal.SIGTERM if isinstance(found.exc_value, Terminated) else signal.SIGINT)
    else:
        sys.__unraisablehook__(found)
