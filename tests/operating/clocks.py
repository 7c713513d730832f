"""A clock that begins at a fixed noon, goes on by itself, and jumps ahead when somebody sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from meshwright.operating.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class JumpingClock:
    """`slept` are the lengths in seconds; *on_sleep* is called before each jump."""

    def __init__(self, on_sleep: Callable[[], None] = lambda: None) -> None:
        self.ahead = NOON - datetime.now(UTC)
        self.slept: list[float] = []
        self.on_sleep = on_sleep

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def sleep(self, seconds: float) -> None:
        self.on_sleep()
        self.slept.append(seconds)
        self.jump(timedelta(seconds=seconds))

    def jump(self, length: timedelta) -> None:
        self.ahead += length

    @property
    def clock(self) -> Clock:
        return Clock(now=self.now, sleep=self.sleep)
