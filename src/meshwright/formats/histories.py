"""`mesh.history`: what a product says about how much of its past is kept ⇄ model."""

from __future__ import annotations

from typing import Any, Final

from meshwright.formats import quantities
from meshwright.model.maintenance import History
from meshwright.model.names import nearest

KEYS: Final = ("age", "publications")
EXAMPLE: Final = "{age: 90d, publications: 20}"


def parse(value: Any) -> History:  # noqa: ANN401 - a value of a document
    """The history that *value* says: a mapping, or an age alone. Raises ValueError saying what to write."""
    if not isinstance(value, dict):
        value = {"age": value}
    unknown = next((str(key) for key in value if key not in KEYS), None)
    if unknown is not None:
        close = nearest(unknown, KEYS)
        message = f"'{unknown}' means nothing here: " + (f"did you mean '{close}'?" if close else f"write {EXAMPLE}")
        raise ValueError(message)
    default = History()
    newest = value.get("publications", default.publications)
    if isinstance(newest, bool) or not isinstance(newest, int) or newest < 1:
        message = f"publications '{newest}': write how many stay in any case, 1 or more"
        raise ValueError(message)
    return History(seconds=quantities.span(value["age"]) if "age" in value else default.seconds, publications=newest)
