from __future__ import annotations

from typing import Any

import pytest

from meshwright.formats.schedules import parse
from meshwright.model.schedule import GRACE_SECONDS, Schedule


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"cron": "0 6 * * *", "timezone": "Europe/Berlin"}, Schedule(cron="0 6 * * *", timezone="Europe/Berlin")),
        ({"on": "inputs", "debounce": "10m"}, Schedule(on_inputs=True, debounce_seconds=600)),
        ({"on": "inputs", "cron": "@daily"}, Schedule(on_inputs=True, cron="0 0 * * *")),
        ({"cron": " 0  6 * * MON-FRI", "grace": "2h"}, Schedule(cron="0 6 * * MON-FRI", grace_seconds=7200)),
        ("0 6 * * *", Schedule(cron="0 6 * * *", grace_seconds=GRACE_SECONDS)),
        ("inputs", Schedule(on_inputs=True)),
    ],
)
def test_a_schedule_is_read_as_it_is_meant(written: Any, meant: Schedule) -> None:
    assert parse(written) == meant


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({}, "write a mapping such as"),
        (6, "write a mapping such as"),
        ({"crn": "0 6 * * *"}, "did you mean 'cron'"),
        ({"timezone": "UTC"}, "say when: write cron, or on: inputs"),
        ({"on": "outputs"}, "write on: inputs"),
        ({"on": "inputs", "timezone": "UTC"}, "says nothing without cron"),
        ({"cron": "0 6 * * *", "debounce": "10m"}, "write on: inputs beside it"),
        ({"on": "inputs", "debounce": "soon"}, "debounce 'soon': write a duration"),
        ({"cron": 6}, "write cron and timezone as text"),
        ({"cron": "0 6 * * *", "timezone": 1}, "write cron and timezone as text"),
        ({"cron": "0 25 * * *"}, "has no such hour"),
    ],
)
def test_what_is_no_schedule_is_refused_saying_what_to_write(written: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(written)
