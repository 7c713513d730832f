"""The published contracts of the standard: every promise comes to a check, none is lost and none raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corpora import examples
from meshwright.formats import odcs, yaml_text
from meshwright.model.datatype import stored
from meshwright.quality import Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from quality.conftest import Lab


@pytest.mark.parametrize("path", examples("odcs-examples"), ids=lambda path: path.name.split(".")[0])
def test_a_published_contract_holds_on_no_rows_or_says_what_is_amiss(lab: Lab, path: Path) -> None:
    document, _ = yaml_text.parse(path.read_bytes(), path.name)
    contract, _ = odcs.read(document, path=path.name)
    for table in contract.tables:
        columns = tuple((column.name, stored(column.type)) for column in table.columns)
        results = lab.run(table, Dataset(files=(), columns=columns), service_levels=contract.service_levels)
        assert results["schema"].outcome == "passed"
        promised = sum(len(column.quality) for column in table.columns) + len(table.quality)
        assert len(results) > promised
        for result in results.values():
            assert result.outcome != "failed" or result.kind == "rowCount"
            assert result.message or result.outcome == "passed"
