"""`mesh.schedule`: what a product says about when it is due ⇄ model."""

from __future__ import annotations

from typing import Any, Final

from meshwright.formats import cron, quantities
from meshwright.model.names import nearest
from meshwright.model.schedule import GRACE_SECONDS, Schedule

KEYS: Final = ("cron", "timezone", "on", "debounce", "grace")
INPUTS: Final = "inputs"
EXAMPLE: Final = '{cron: "0 6 * * *", timezone: Europe/Berlin}'


def parse(value: Any) -> Schedule:  # noqa: ANN401 - a value of a document
    """The schedule that *value* says: a mapping, `inputs`, or a bare cron expression. Raises ValueError saying what to write."""
    if isinstance(value, str):
        value = {"on": INPUTS} if value == INPUTS else {"cron": value}
    if not isinstance(value, dict) or not value:
        message = f"write a mapping such as {EXAMPLE}, or {{on: inputs, debounce: 10min}}"
        raise ValueError(message)
    for key in value:
        if key not in KEYS:
            close = nearest(str(key), KEYS)
            message = f"'{key}' means nothing here: " + (
                f"did you mean '{close}'?" if close else f"known: {', '.join(KEYS)}"
            )
            raise ValueError(message)
    _check(value)
    return Schedule(
        cron=cron.expand(value["cron"]) if "cron" in value else "",
        timezone=value.get("timezone", "UTC"),
        on_inputs="on" in value,
        debounce_seconds=_seconds(value, "debounce", 0),
        grace_seconds=_seconds(value, "grace", GRACE_SECONDS),
    )


def _check(value: dict[str, Any]) -> None:
    if "cron" not in value and "on" not in value:
        message = f"say when: write cron, or on: inputs, such as {EXAMPLE}"
    elif value.get("on", INPUTS) != INPUTS:
        message = f"'on: {value['on']}' is not understood: write on: inputs"
    elif "timezone" in value and "cron" not in value:
        message = "a timezone says nothing without cron: leave it out, or write cron"
    elif "debounce" in value and "on" not in value:
        message = "a debounce waits for inputs to rest: write on: inputs beside it, or leave it out"
    elif not all(isinstance(value.get(key, ""), str) for key in ("cron", "timezone")):
        message = f"write cron and timezone as text, such as {EXAMPLE}"
    else:
        if "cron" in value:
            cron.check(value["cron"], value.get("timezone", "UTC"))
        return
    raise ValueError(message)


def _seconds(value: dict[str, Any], key: str, default: int) -> int:
    if key not in value:
        return default
    try:
        return quantities.seconds(value[key])
    except ValueError as error:
        message = f"{key} '{value[key]}': {error}"
        raise ValueError(message) from None
