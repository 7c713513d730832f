"""What an adopted model is in its product's files: an output port, or a step with its documentation above the query."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshwright.authoring.dbt.contracts import promised_version
from meshwright.model.product import OutputPort

if TYPE_CHECKING:
    from meshwright.authoring.dbt.products import Home
    from meshwright.authoring.dbt.project import Relation
    from meshwright.authoring.dbt.transformations import Written
    from meshwright.model.contract import Contract


def output_port(model: Relation, home: Home, written: Written, contract: Contract | None) -> OutputPort:
    """The output port that *model* becomes; *contract* is None while its columns are not known."""
    port = OutputPort(
        name=home.name,
        version=promised_version(model),
        description="" if contract is not None else model.description,
        contract_id=contract.id if contract is not None else "",
        materialization=written.incremental.materialization,
        key=written.incremental.key,
        deprecated=bool(model.deprecated_from),
    )
    event_time = str(model.config.get("event_time") or "")
    known = contract is not None and contract.table.column(event_time) is not None
    return replace(port, event_time=event_time) if event_time and known else port


def commented(model: Relation, text: str) -> str:
    """A step's query with its documentation above it: a step has no contract that could hold it."""
    lines = [f"-- {line}".rstrip() for line in model.description.splitlines()]
    lines += [
        f"--   {column.name}: {' '.join(column.description.split())}" for column in model.columns if column.description
    ]
    return text if not lines else "\n".join(lines) + "\n" + text
