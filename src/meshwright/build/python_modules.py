"""The mesh's own Python modules that a transformation imports: their content decides about its result as its text does."""

from __future__ import annotations

import ast
import hashlib
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshwright.build.bound import BoundProduct


def imported_modules(root: Path, bound: BoundProduct) -> dict[str, str]:
    """The sha-256 of every module beside a Python transformation that it imports, directly or not, by path.

    Of a package all modules count. What cannot be read is left to Python to complain of.
    """
    found: dict[str, str] = {}
    for one in bound.transformations:
        if one.language == "python":
            file = root / one.path
            waiting = [file]
            seen = {file}
            while waiting:
                fresh = [path for path in _imported(waiting.pop(), file.parent) if path not in seen]
                seen.update(fresh)
                waiting.extend(fresh)
            for path in seen - {file}:
                found[path.relative_to(root).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def _imported(file: Path, folder: Path) -> Iterator[Path]:
    """The files below *folder*, where imports begin, that the imports of *file* may mean."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is for the author's linter
            module = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for name in sorted(_top_names(module)):
        if (folder / f"{name}.py").is_file():
            yield folder / f"{name}.py"
        if (folder / name).is_dir():
            yield from (path for path in sorted((folder / name).rglob("*.py")) if path.is_file())


def _top_names(module: ast.Module) -> set[str]:
    """What stands before the first dot of each absolute import; a package's own imports stay inside it."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names
