"""Linting: the style of a mesh's SQL, file by file; what was found of a text is kept until it changes."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.analysis import sql_style
from meshwright.analysis.problem import SqlError
from meshwright.model.errors import InvalidInput, NotFound, Unavailable
from meshwright.model.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from meshwright.analysis.problem import Problem
    from meshwright.model.mesh import Mesh

FILE: Final = "lint.json"
SETTINGS: Final = ".sqlfluff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """What linting found. `fixed` are files that were rewritten, `unread` those that the linter does not understand."""

    files: int
    findings: tuple[Finding, ...] = ()
    fixed: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def transformations(mesh: Mesh) -> list[str]:
    """The paths of every SQL transformation, sorted."""
    sources = (
        one
        for product in mesh.products.values()
        for one in (*product.steps, *(port.transformation for port in product.output_ports))
    )
    return sorted({one.path for one in sources if one is not None and one.language == "sql"})


def sql_files(root: Path, paths: Sequence[Path]) -> list[str]:
    """The SQL files that *paths* (files and folders) name, relative to *root* where they are below it. Raises NotFound."""
    found: dict[str, None] = {}
    for path in paths:
        if not path.exists():
            raise NotFound(f"there is no file or folder {path}")
        files = sorted(path.rglob("*.sql")) if path.is_dir() else [path]
        for file in files:
            whole = file.resolve()
            inside = whole.is_relative_to(root.resolve())
            found[whole.relative_to(root.resolve()).as_posix() if inside else str(file)] = None
    return list(found)


def lint(root: Path, files: Iterable[str], *, fix: bool, cache: Path | None) -> Linted:
    """Check *files* (relative to *root*, or absolute), with *fix* put right what can be. Raises Unavailable."""
    return _Lint(root, cache).run(list(files), fix=fix)


class _Lint:
    def __init__(self, root: Path, cache: Path | None) -> None:
        self.root = root
        self.cache = cache
        own = root / SETTINGS
        self.settings = own.read_text(encoding="utf-8") if own.is_file() else ""
        try:
            self.release = sql_style.release()
        except ImportError as error:
            raise Unavailable("mesh lint needs one more library: pip install 'meshwright[lint]'") from error
        self.known = self._load()
        self.kept: dict[str, Any] = {}

    def run(self, files: list[str], *, fix: bool) -> Linted:
        findings: list[Finding] = []
        rewritten, unread = [], []
        for name in files:
            path = self.root / name
            text = _read(path)
            if fix:
                better, refused = self._better(name, text)
                findings += refused
                if better != text:
                    _write(path, better)
                    rewritten.append(name)
                    text = better
            problems, is_read = self._check(text)
            findings += [_finding(name, one) for one in problems]
            if not is_read:
                unread.append(name)
        self._save()
        ordered = sorted(findings, key=lambda one: one.order)
        return Linted(files=len(files), findings=tuple(ordered), fixed=tuple(rewritten), unread=tuple(unread))

    def _better(self, name: str, text: str) -> tuple[str, list[Finding]]:
        """The text in good style; itself, and why, when that would say something else."""
        problems, is_read = self._check(text)
        if not is_read or not any(one["hint"] for one in problems):
            return text, []
        try:
            return sql_style.fixed(text, self.settings), []
        except SqlError as error:
            return text, [_finding(name, _plain(error.problem))]

    def _check(self, text: str) -> tuple[list[dict[str, Any]], bool]:
        """The problems of a text as plain data, from what is known where it has not changed."""
        key = hashlib.sha256(json.dumps([self.release, self.settings, text]).encode()).hexdigest()
        found = self.known.get(key)
        if found is None:
            try:
                styled = sql_style.check(text, self.settings)
                found = [[_plain(one) for one in styled.problems], styled.is_read]
            except SqlError as error:
                found = [[_plain(error.problem)], True]
        self.kept[key] = found
        return found[0], found[1]

    def _load(self) -> dict[str, Any]:
        if self.cache is None:
            return {}
        try:
            known: dict[str, Any] = json.loads((self.cache / FILE).read_bytes())
        except (OSError, ValueError):
            return {}
        return known

    def _save(self) -> None:
        if self.cache is None or not self.kept.keys() - self.known.keys():
            return
        draft = self.cache / f".{FILE}.{os.getpid()}"
        with suppress(OSError):
            self.cache.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(self.known | self.kept, ensure_ascii=False), encoding="utf-8")
            draft.replace(self.cache / FILE)


def _plain(problem: Problem) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("code", "message", "value", "hint", "line", "column")}


def _finding(path: str, problem: dict[str, Any]) -> Finding:
    severity = Severity.WARNING if problem["code"] == "sql-style" else Severity.ERROR
    return Finding(path=path, severity=severity, **problem)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8: save it so") from None


def _write(path: Path, text: str) -> None:
    """Replace a file whole or not at all, its permissions kept."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(text.encode())
        draft.chmod(path.stat().st_mode)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written: {error.strerror or error}") from error
