"""Python transformations: what they may return, how they may end, what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from meshwright.engines import PythonJob, TableInput
from meshwright.engines.python_process import run_python
from meshwright.model.errors import InvalidInput, Refused
from meshwright.model.product import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

ORDERS = TableInput(
    name="orders", scan="SELECT i AS id, i % 3 AS kind FROM range(10) t(i)", changes="SELECT 9 AS id, 0 AS kind"
)
pytestmark = pytest.mark.slow


def job(
    tmp_path: Path,
    code: str,
    *,
    kind: str = "tables",
    seconds: int = 60,
    memory_mb: int = 0,
    dependencies: tuple[str, ...] = (),
    on_output: Callable[[str], None] | None = None,
) -> PythonJob:
    source = tmp_path / "made.py"
    source.write_text(code)
    return PythonJob(
        source=source,
        function="made",
        folder=tmp_path / "out",
        inputs=[ORDERS],
        limits=Limits(seconds=seconds, memory_mb=memory_mb),
        environments=tmp_path / "environments",
        dependencies=dependencies,
        kind=kind,
        on_output=on_output,
    )


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ("return inputs.orders", 10),
        ("return inputs['orders'].arrow()", 10),
        ("return inputs.changes.orders", 1),
        ("return inputs.orders.to_pandas()", 10),
        ("return inputs.orders.to_polars().lazy()", 10),
        ("return iter(inputs.orders.batches(4))", 10),
        ("return [inputs.orders.arrow(), inputs.orders.to_pandas()]", 20),
        ("return next(inputs.orders.batches())", 10),
        ("import duckdb; return duckdb.sql('SELECT 1 AS id, 2 AS kind')", 1),
        ("return inputs.orders.arrow().slice(0, 0)", 0),
    ],
)
def test_anything_that_speaks_arrow_is_a_table(tmp_path: Path, body: str, rows: int) -> None:
    (path,) = run_python(job(tmp_path, f"def made(inputs):\n    assert len(inputs.orders) == 10\n    {body}\n"))
    table = pq.read_table(path)
    assert (table.num_rows, table.column_names) == (rows, ["id", "kind"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return {'a': 1}", "returned dict, which is no table"),
        ("pass", "returned nothing"),
        ("yield 1", "yielded int"),
        ("return iter([])", "iterator of nothing"),
        ("return inputs.nope", "no input 'nope'; there are orders"),
        ("import sys; sys.exit(0)", "exit code 0"),
        ("import sys; sys.exit(3)", "exit code 3"),
        ("import os; os._exit(0)", "exit code 0"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
    ],
)
def test_whatever_is_no_table_is_told(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        run_python(job(tmp_path, f"def made(inputs):\n    {body}\n"))


def test_a_traceback_begins_at_the_users_first_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        run_python(job(tmp_path, "def made(inputs):\n    print('so far')\n    return 1 / 0\n"))
    text = str(caught.value)
    assert f'File "{tmp_path}/made.py", line 3, in made' in text
    assert "ZeroDivisionError" in text
    assert "python_runner" not in text
    assert text.endswith("so far")


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"made\.py\", line 1\n(.|\n)*SyntaxError") as caught:
        run_python(job(tmp_path, "def made(inputs)\n    return 1\n"))
    assert "python_runner" not in str(caught.value)


def test_output_arrives_line_by_line(tmp_path: Path) -> None:
    lines: list[str] = []
    code = (
        "import sys\ndef made(inputs):\n    print('one')\n    print('two', file=sys.stderr)\n    return inputs.orders\n"
    )
    run_python(job(tmp_path, code, on_output=lines.append))
    assert lines == ["one", "two"]


def test_what_never_ends_is_stopped_with_everything_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, time\ndef made(inputs):\n"
        "    subprocess.Popen(['sleep', '86.5'], start_new_session=True)\n    time.sleep(60)\n"
    )
    begun = time.monotonic()
    with pytest.raises(Refused, match="longer than 1 s"):
        run_python(job(tmp_path, code, seconds=1))
    assert time.monotonic() - begun < 10
    assert not _running("86.5")


def test_a_child_that_outlives_the_function_is_ended(tmp_path: Path) -> None:
    code = (
        "import subprocess\ndef made(inputs):\n"
        "    subprocess.Popen(['sleep', '87.5'], start_new_session=True)\n    return inputs.orders\n"
    )
    run_python(job(tmp_path, code))
    assert not _running("87.5")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_parent_is_interrupted_or_killed(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "made.py").write_text("import time\ndef made(inputs):\n    print('begun')\n    time.sleep(88)\n")
    parent = tmp_path / "parent.py"
    parent.write_text(
        "import sys\nfrom pathlib import Path\nfrom meshwright.engines import PythonJob\n"
        "from meshwright.engines.python_process import run_python\nfrom meshwright.model.product import Limits\n"
        "here = Path(sys.argv[1])\n"
        "run_python(PythonJob(source=here / 'made.py', function='made', folder=here / 'out', inputs=[], limits=Limits(),\n"
        "    environments=here, on_output=lambda line: print(line, flush=True)))\n"
    )
    with subprocess.Popen(
        [sys.executable, str(parent), str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(how)
        process.wait(timeout=20)
    deadline = time.monotonic() + 5
    while _mentions(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _mentions(str(tmp_path))


def test_what_eats_memory_is_stopped(tmp_path: Path) -> None:
    code = "def made(inputs):\n    kept = []\n    while True:\n        kept.append(bytearray(10_000_000))\n"
    with pytest.raises(Refused, match="more memory than 300 MB"):
        run_python(job(tmp_path, code, memory_mb=300))


def test_secrets_of_the_environment_stay_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "secret")
    lines: list[str] = []
    code = "import os\ndef made(inputs):\n    print(os.environ.get('MY_PASSWORD'), os.environ['PYTHONHASHSEED'])\n    return inputs.orders\n"
    run_python(job(tmp_path, code, on_output=lines.append))
    assert lines == ["None 0"]


def test_files_are_those_below_the_folder(tmp_path: Path) -> None:
    code = "def made(inputs):\n    (inputs.folder / 'sub').mkdir()\n    (inputs.folder / 'sub' / 'model.bin').write_bytes(b'x')\n"
    assert run_python(job(tmp_path, code, kind="files")) == [tmp_path / "out" / "sub" / "model.bin"]


@pytest.mark.parametrize(
    ("body", "told"), [("pass", "no file was written"), ("return '/etc/hostname'", "not below inputs.folder")]
)
def test_files_elsewhere_and_no_files_are_refused(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        run_python(job(tmp_path, f"def made(inputs):\n    {body}\n", kind="files"))


def test_dependencies_that_do_not_parse_are_the_authors_to_correct(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="correct the dependencies"):
        run_python(
            job(tmp_path, "def made(inputs):\n    return inputs.orders\n", dependencies=("not a requirement !!",))
        )


def test_a_wide_iterator_is_written_in_bounded_memory(tmp_path: Path) -> None:
    code = (
        "import pyarrow as pa\ndef made(inputs):\n"
        "    for i in range(60):\n        yield pa.table({'s': ['x' * 1_000_000] * 10})\n"
    )
    (path,) = run_python(job(tmp_path, code, memory_mb=450))
    assert pq.read_metadata(path).num_rows == 600


def _mentions(text: str) -> bool:
    """Whether another live process works in the folder *text*."""
    for folder in Path("/proc").iterdir():
        try:
            if not folder.name.isdecimal() or int(folder.name) == os.getpid():
                continue
            if (folder / "cwd").readlink().is_relative_to(text):
                return True
        except OSError:
            continue
    return False


def _running(argument: str) -> bool:
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and argument.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                return (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z" and int(
                    folder.name
                ) != os.getpid()
        except OSError:
            continue
    return False
