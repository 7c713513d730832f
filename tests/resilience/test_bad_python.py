"""Python transformations that go wrong: what happened is said from the user's line on, and the head stays."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

FILE = "domains/a/b/transform/b.py"
LIMITS = "customProperties:\n- {property: mesh.timeLimit, value: 1min}\n- {property: mesh.memoryLimit, value: 400MB}\n"

pytestmark = pytest.mark.slow


@pytest.fixture
def product(mesh: MeshFolder) -> MeshFolder:
    """A product in Python that is published with one row."""
    mesh.product("a.b", "", descriptor=LIMITS)
    (mesh.root / "domains/a/b/transform/b.sql").unlink()
    mesh.write(FILE, "import pyarrow as pa\n\ndef b(inputs):\n    return pa.table({'x': [1]})\n")
    mesh.build()
    return mesh


def fails(mesh: MeshFolder, source: str, *, code: int) -> str:
    """What is said when the product's function is *source*; the head stays and nothing is called a defect."""
    mesh.write(FILE, source)
    answer = mesh.mesh("build")
    said = answer.out + answer.err
    assert answer.code == code, said
    assert "defect" not in said
    assert mesh.rows("a.b") == [{"x": 1}]
    return said


def test_an_exception_is_shown_from_the_users_line_on(product: MeshFolder) -> None:
    source = "def b(inputs):\n    return part(0)\n\n\ndef part(n):\n    return 1 / n\n"
    said = fails(product, source, code=2)
    assert "b.py: b(inputs) raised an exception" in said
    lines = said[said.index("Traceback") :].splitlines()
    assert f'{FILE}", line 2, in b' in lines[1]
    assert f'{FILE}", line 6, in part' in said
    assert "ZeroDivisionError: division by zero" in said
    assert "meshwright/engines" not in said


def test_an_import_that_fails_is_shown_with_its_line(product: MeshFolder) -> None:
    said = fails(product, "import no_such_module\n\ndef b(inputs):\n    pass\n", code=2)
    assert f'{FILE}", line 1' in said
    assert "No module named 'no_such_module'" in said


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("__import__('sys').exit(3)", "with exit code 3 before it returned"),
        ("__import__('os')._exit(0)", "with exit code 0 before it returned"),
        ("__import__('os').abort()", "by signal SIGABRT before it returned"),
        ("__import__('os').kill(__import__('os').getpid(), 9)", "by signal SIGKILL"),
    ],
)
def test_a_function_that_ends_its_process_is_named(product: MeshFolder, ending: str, words: str) -> None:
    said = fails(product, f"def b(inputs):\n    {ending}\n", code=2)
    assert "b.py: b(inputs) ended its process" in said
    assert words in said


@pytest.mark.parametrize(
    "body", ["while True: pass", "__import__('time').sleep(1000)", "__import__('subprocess').run(['sleep', '1000'])"]
)
def test_a_function_that_never_ends_is_stopped_at_its_limit(product: MeshFolder, body: str) -> None:
    product.edit("domains/a/b/product.yaml", "value: 1min", "value: 2s")
    started = time.monotonic()
    said = fails(product, f"def b(inputs):\n    {body}\n", code=1)
    assert "b.py: b(inputs) took longer than 2 s and was stopped; raise mesh.timeLimit" in said
    assert time.monotonic() - started < 20


def test_an_iterator_that_never_ends_is_stopped_at_its_limit(product: MeshFolder) -> None:
    product.edit("domains/a/b/product.yaml", "value: 1min", "value: 2s")
    source = "import pyarrow as pa\ndef b(inputs):\n    while True:\n        yield pa.table({'x': [1]})\n"
    assert "took longer than 2 s" in fails(product, source, code=1)


@pytest.mark.parametrize(
    "body",
    [
        "kept = [b'x' * 10_000_000 for _ in range(1000)]",
        "__import__('numpy').ones(10**9)",
        "__import__('duckdb').sql('select list(range) from range(1000000000)').fetchall()",
    ],
)
def test_a_function_that_eats_memory_is_stopped_at_its_limit(product: MeshFolder, body: str) -> None:
    said = fails(product, f"def b(inputs):\n    {body}\n", code=1)
    assert "b.py: b(inputs) used more memory than 400 MB and was stopped; raise mesh.memoryLimit" in said


@pytest.mark.parametrize(
    ("value", "words"),
    [("None", "returned nothing: return a table"), ("42", "returned int, which is no table"), ("'text'", "no table")],
)
def test_what_is_no_table_is_refused(product: MeshFolder, value: str, words: str) -> None:
    assert words in fails(product, f"def b(inputs):\n    return {value}\n", code=2)


def test_a_source_that_changes_while_it_is_read_publishes_nothing_and_is_named(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "x\n1\n")
    port = "inputPorts:\n- name: rows\n  customProperties: [{property: mesh.path, value: data/a.csv}]\n"
    mesh.product("a.b", "", descriptor=port)
    (mesh.root / "domains/a/b/transform/b.sql").unlink()
    reading = "def b(inputs):\n    table = inputs.rows.arrow()\n"
    mesh.write(FILE, f"{reading}    return table\n")
    mesh.build()
    mesh.write(
        FILE,
        f"{reading}    with open('../../../../data/a.csv', 'a') as file:\n        file.write('2\\n')\n    return table\n",
    )
    answer = mesh.mesh("build")
    assert answer.code == 3, answer
    assert "data/a.csv changed while being read; build again when nobody writes there" in answer.out
    assert mesh.rows("a.b") == [{"x": 1}]
    mesh.write(FILE, f"{reading}    return table\n")
    mesh.build()
    assert mesh.rows("a.b") == [{"x": 1}, {"x": 2}]
