"""A mesh in a temporary folder, written in a few lines and driven through the real command line."""

from __future__ import annotations

import contextlib
import io
import json
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshwright.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What one call of `mesh` gave: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class MeshFolder:
    """A mesh on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("mesh.yaml", "name: test\n")

    def write(self, path: str, text: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return file

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def product(self, name: str, sql: str, *, contract: str = "", descriptor: str = "", port: str = "") -> str:
        """Write `domain.product` with its query, and its domain; the product's folder."""
        domain, product = name.split(".")
        folder = f"domains/{domain}/{product}"
        if not (self.root / f"domains/{domain}/domain.yaml").exists():
            self.write(f"domains/{domain}/domain.yaml", f"team: {{name: {domain}_team}}\n")
        head = f"apiVersion: v1.1.0\nkind: DataProduct\nid: {name}\n"
        self.write(f"{folder}/product.yaml", head + textwrap.dedent(descriptor))
        self.write(f"{folder}/transform/{port or product}.sql", sql)
        if contract:
            self.contract(name, contract, port=port)
        return folder

    def contract(self, name: str, body: str, *, port: str = "", version: str = "1.0.0", status: str = "active") -> None:
        """Write a contract whose `schema[0].properties` (and what follows) is *body*."""
        domain, product = name.split(".")
        port = port or product
        head = f"apiVersion: v3.2.0\nkind: DataContract\nid: {name}.{port}\nversion: {version}\nstatus: {status}\n"
        text = f"{head}schema:\n- name: {port}\n  properties:\n{textwrap.indent(textwrap.dedent(body), '  ')}"
        self.write(f"domains/{domain}/{product}/contracts/{port}.yaml", text)

    def named(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """*arguments* with prod named where a mesh that is shared wants to hear it."""
        changes = arguments[:1] in {("build",), ("rollback",), ("maintain",)} and "--env" not in arguments
        is_shared = changes and "postgresql:" in (self.root / "mesh.yaml").read_text(encoding="utf-8")
        return (*arguments, "--env", "prod") if is_shared else arguments

    def mesh(self, *arguments: str) -> Answer:
        """Run `mesh` in this process, with prod named where that must be."""
        return self.run(*self.named(arguments))

    def run(self, *arguments: str) -> Answer:
        """Run `mesh` with exactly these *arguments* in this process."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["-C", str(self.root), *arguments])
        out.flush()
        assert isinstance(out.buffer, io.BytesIO)
        return Answer(code, out.buffer.getvalue().decode(), err.getvalue())

    def build(self, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
        """Build, and what became of each product by id."""
        answer = self.mesh("build", *arguments, "--json")
        assert answer.code == code, answer.out + answer.err
        events = [json.loads(line) for line in answer.out.splitlines()]
        return {event["product"]: event for event in events if event["event"] == "product_ended"}

    def plan(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """The plan, by product id."""
        answer = self.mesh("plan", *arguments, "--json")
        assert answer.code in {0, 1}, answer.out + answer.err
        return {one["id"]: one for one in answer.data["products"]}

    def actions(self, *arguments: str) -> dict[str, str]:
        """What the plan would do, by product id."""
        return {name: one["action"] for name, one in self.plan(*arguments).items()}

    def rows(self, port: str, *arguments: str) -> list[dict[str, Any]]:
        """The rows of a port."""
        answer = self.mesh("read", port, *arguments, "--json")
        assert answer.code == 0, answer.err
        found: list[dict[str, Any]] = answer.data
        return found
