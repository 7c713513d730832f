"""`mesh test --contract` on text files, packed or not."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING

import pytest

from meshwright.build.file_tests import chosen_table, read_contract, run_on_files
from meshwright.cli.main import run
from meshwright.model.errors import InvalidMesh
from meshwright.model.results import Outcome

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, physicalType: BIGINT}
    quality:
      - {type: sql, query: "select count(*) from orders where id > 1", mustBe: 0}
"""


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "zip"])
def test_a_rule_in_sql_reads_the_rows_of_a_text_file_however_it_is_packed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"orders.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("orders.csv", "id\n1\n2\n")
    else:
        path.write_bytes(gzip.compress(b"id\n1\n2\n") if ending == "csv.gz" else b"id\n1\n2\n")
    (tmp_path / "contract.yaml").write_text(CONTRACT, encoding="utf-8")
    contract = read_contract(tmp_path / "contract.yaml")
    found = {one.kind: one for one in run_on_files(contract, chosen_table(contract, ""), [path]).results}
    assert found["sql"].outcome is Outcome.FAILED
    assert found["sql"].value == "1"


def test_a_reference_names_its_file_and_a_wrong_contract_its_line(tmp_path: Path) -> None:
    contract = tmp_path / "c.yaml"
    contract.write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\nschma: []\n", encoding="utf-8"
    )
    data = tmp_path / "d.csv"
    data.write_text("id\n1\n", encoding="utf-8")
    with pytest.raises(InvalidMesh, match=r"c\.yaml:6:"):
        read_contract(contract)
    assert run(["test", "--contract", str(contract), "--reference", "countries", str(data)]) == 2
