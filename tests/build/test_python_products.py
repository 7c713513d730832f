"""Python transformations inside a mesh: what they read, return and publish."""

from __future__ import annotations

import importlib
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.write("data/orders.csv", "id,amount\n1,10\n2,20\n")
    mesh.product("sales.orders", "select id, amount from 'data/orders.csv'")
    return mesh


def python(mesh: MeshFolder, name: str, code: str, *, port: str = "", descriptor: str = "") -> None:
    folder = mesh.product(name, "", descriptor=descriptor, port=port)
    product = name.split(".")[1]
    (mesh.root / folder / f"transform/{port or product}.sql").unlink()
    mesh.write(f"{folder}/transform/{port or product}.py", code)


def test_an_implied_input_is_read_by_its_address(shop: MeshFolder) -> None:
    python(
        shop,
        "finance.doubled",
        "def doubled(inputs):\n    return inputs['sales.orders'].to_polars().with_columns(amount=2)\n",
    )
    ended = shop.build()
    assert ended["finance.doubled"]["outcome"] == "published"
    assert shop.rows("finance.doubled") == [{"id": 1, "amount": 2}, {"id": 2, "amount": 2}]
    assert shop.actions() == {"sales.orders": "reuse", "finance.doubled": "reuse"}


def test_new_input_rows_rebuild_it_and_what_reads_it(shop: MeshFolder) -> None:
    python(
        shop,
        "finance.total",
        "def total(inputs):\n    return inputs['sales.orders'].to_pandas().agg({'amount': 'sum'}).to_frame('total')\n",
    )
    shop.product("report.shown", "select total * 1 as total from finance.total")
    shop.build("--select", "+finance.total")
    shop.build()
    assert shop.rows("report.shown") == [{"total": 30}]
    shop.write("data/orders.csv", "id,amount\n1,100\n")
    shop.build()
    assert shop.rows("report.shown") == [{"total": 100}]


def test_sql_over_a_python_step_reads_what_is_new(shop: MeshFolder) -> None:
    folder = shop.product(
        "finance.shown", "select s.id, s.tripled, o.amount from tripled as s join sales.orders as o using (id)"
    )
    shop.write(
        f"{folder}/transform/tripled.py",
        "def tripled(inputs):\n    return inputs['sales.orders'].to_polars().select('id', tripled=3)\n",
    )
    shop.build()
    assert shop.rows("finance.shown") == [{"id": 1, "tripled": 3, "amount": 10}, {"id": 2, "tripled": 3, "amount": 20}]
    shop.write("data/orders.csv", "id,amount\n1,11\n")
    shop.build()
    assert shop.rows("finance.shown") == [{"id": 1, "tripled": 3, "amount": 11}]


def test_an_exception_shows_the_users_own_lines_and_publishes_nothing(shop: MeshFolder) -> None:
    python(
        shop,
        "finance.broken",
        "def broken(inputs):\n    rows = inputs['sales.orders'].to_polars()\n    return rows['nope']\n",
    )
    message = shop.build(code=2)["finance.broken"]["message"]
    assert "broken.py" in message
    assert "line 3" in message or ":3" in message
    assert "nope" in message


def test_columns_are_checked_against_the_contract(shop: MeshFolder) -> None:
    python(shop, "finance.ids", "def ids(inputs):\n    return inputs['sales.orders'].to_polars()\n")
    shop.contract("finance.ids", "- {name: id, physicalType: BIGINT}\n- {name: owner, physicalType: VARCHAR}\n")
    message = shop.build(code=2)["finance.ids"]["message"]
    assert "owner" in message
    assert "amount" in message


def test_files_are_published_with_checksums_and_copied_out(shop: MeshFolder) -> None:
    python(
        shop,
        "finance.report",
        """
        def report(inputs):
            rows = inputs["sales.orders"].to_polars()
            (inputs.folder / "sum.txt").write_text(str(rows["amount"].sum()))
        """,
        descriptor="outputPorts:\n- {name: report, type: files}\n",
    )
    shop.build()
    port = shop.mesh("show", "finance.report", "--json").data["ports"][0]
    assert [(one["path"], one["bytes"]) for one in port["artifacts"]] == [("sum.txt", 2)]
    assert shop.mesh("read", "finance.report", "--to", str(shop.root / "out")).code == 0
    assert (shop.root / "out/sum.txt").read_text(encoding="utf-8") == "30"
    assert shop.mesh("read", "finance.report").code == 2


def test_changes_reach_python_too(mesh: MeshFolder) -> None:
    mesh.write("data/landing/1.csv", "id\n1\n")
    python(
        mesh,
        "ingest.seen",
        "def seen(inputs):\n    return inputs.changes.landing.arrow()\n",
        descriptor="""
        inputPorts:
        - name: landing
          customProperties:
          - {property: mesh.path, value: data/landing/*.csv}
        outputPorts:
        - name: seen
          customProperties:
          - {property: mesh.materialization, value: append}
        """,
    )
    mesh.build()
    mesh.write("data/landing/2.csv", "id\n2\n")
    mesh.build()
    assert [row["id"] for row in mesh.rows("ingest.seen")] == [1, 2]


def test_inline_dependencies_are_installed_once_into_an_environment_of_their_own(shop: MeshFolder) -> None:
    wheel = shop.root / "greeting-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", "WORD = 'hello'\n")
        archive.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr(
            "greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("greeting-1.0.dist-info/RECORD", "")
    code = f"""
        # /// script
        # dependencies = ["greeting @ {wheel.as_uri()}"]
        # ///
        import greeting
        import pyarrow as pa

        def greeted(inputs):
            return pa.table({{"word": [greeting.WORD], "rows": [len(inputs["sales.orders"])]}})
        """
    python(shop, "finance.greeted", code)
    shop.build()
    assert shop.rows("finance.greeted") == [{"word": "hello", "rows": 2}]
    environments = list((shop.root / ".mesh/cache/environments").iterdir())
    shop.write("data/orders.csv", "id,amount\n1,1\n")
    shop.build()
    assert shop.rows("finance.greeted") == [{"word": "hello", "rows": 1}]
    assert list((shop.root / ".mesh/cache/environments").iterdir()) == environments
    with pytest.raises(ImportError):
        importlib.import_module("greeting")


CODE = "import pyarrow as pa\nfrom rates import RATE\n\ndef a(inputs):\n    return pa.table({'x': [RATE]})\n"


@pytest.mark.parametrize("module", ["rates/__init__.py", "rates/tables/eur.py", "rates.py"])
def test_a_module_that_is_imported_decides_as_the_transformation_does(mesh: MeshFolder, module: str) -> None:
    python(mesh, "a.a", CODE)
    folder = "domains/a/a/transform"
    if module == "rates.py":
        # In the product's own folder, where a module is no step.
        (mesh.root / folder / "a.py").rename(mesh.root / "domains/a/a/a.py")
        folder = "domains/a/a"
    if module == "rates/tables/eur.py":
        mesh.write(f"{folder}/rates/__init__.py", "from rates.tables.eur import RATE\n")
    mesh.write(f"{folder}/{module}", "RATE = 2\n")
    mesh.build()
    assert mesh.actions() == {"a.a": "reuse"}
    mesh.write(f"{folder}/{module}", "RATE = 3\n")
    assert mesh.plan()["a.a"]["reasons"] == [f"imported modules: changed {folder}/{module}"]
    mesh.build()
    assert mesh.rows("a.a") == [{"x": 3}]
    assert mesh.actions() == {"a.a": "reuse"}


def test_a_column_that_an_input_loses_or_moves_rebuilds_what_python_makes_of_it(mesh: MeshFolder) -> None:
    mesh.product("s.a", "select 1 as x, 2 as y")
    python(
        mesh,
        "s.b",
        "import pyarrow as pa\ndef b(inputs):\n    return pa.table({'n': [','.join(inputs['s.a'].arrow().column_names)]})\n",
    )
    mesh.contract("s.b", "- {name: n, physicalType: VARCHAR}\n")
    for columns, names in (("1 as x, 2 as y", "x,y"), ("2 as y, 1 as x", "y,x"), ("1 as x", "x")):
        mesh.product("s.a", f"select {columns}")
        mesh.build()
        assert mesh.rows("s.b") == [{"n": names}]
    assert mesh.actions() == {"s.a": "reuse", "s.b": "reuse"}


LINKED = """
import os

def a(inputs):
    (inputs.folder / "m.txt").write_text("hi")
    os.symlink("m.txt", inputs.folder / "latest.txt")
    os.symlink("m.txt", inputs.folder / "z.txt")
"""


def test_links_are_published_as_what_they_lead_to(mesh: MeshFolder) -> None:
    python(mesh, "s.a", LINKED, descriptor="outputPorts:\n- {name: a, type: files}\n")
    mesh.build()
    assert mesh.mesh("read", "s.a", "--to", str(mesh.root / "out")).code == 0
    found = {path.name: (path.read_text(encoding="utf-8"), path.is_symlink()) for path in (mesh.root / "out").iterdir()}
    assert found == dict.fromkeys(("m.txt", "latest.txt", "z.txt"), ("hi", False))
    stored = [path for path in (mesh.root / ".mesh/warehouse/s/a/artifacts").rglob("*") if not path.is_dir()]
    assert [path.is_symlink() for path in stored] == [False]


@pytest.mark.parametrize("reader", ["b.sql", "b.py"])
def test_a_port_of_files_is_no_table_for_its_siblings(mesh: MeshFolder, reader: str) -> None:
    python(mesh, "s.a", LINKED, descriptor="outputPorts:\n- {name: a, type: files}\n- {name: b}\n")
    text = "select * from a" if reader == "b.sql" else "def b(inputs):\n    return inputs.a\n"
    mesh.write(f"domains/s/a/transform/{reader}", text)
    answer = mesh.mesh("validate")
    assert (answer.code, "unknown-table" in answer.err, "publishes files" in answer.err) == (2, True, True)
    mesh.write(
        f"domains/s/a/transform/{reader}", "select 1 as x" if reader == "b.sql" else "def b(inputs):\n    pass\n"
    )
    assert mesh.mesh("validate").code == 0
