"""A Python transformation as text: what it reads of its inputs and what it needs, without running it."""

from __future__ import annotations

import ast
import hashlib
import re
import tomllib
import warnings
from dataclasses import dataclass
from typing import Any

from meshwright.analysis.problem import Problem

__all__ = ["Problem", "PythonSource", "read"]

# PEP 723's own expression for an inline metadata block.
METADATA_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
# What `inputs` has besides the ports.
NOT_INPUTS = frozenset({"changes", "folder"})

# Ways to a local variable that do not name it.
REFLECTION = frozenset({"locals", "vars", "eval", "exec", "globals", "breakpoint"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonSource:
    """What can be read off a Python transformation.

    `inputs` and `changes` are the names read as `inputs.x`, `inputs["a.b"]` and `inputs.changes.x`, sorted;
    `reads_all` says that `inputs` is used in another way too, so that any input may be read. `function_line` is 0 when
    there is no such function. `fingerprint` does not see comments, layout and docstrings.
    """

    function_line: int = 0
    inputs: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    reads_all: bool = False
    dependencies: tuple[str, ...] = ()
    requires_python: str = ""
    fingerprint: str = ""
    findings: tuple[Problem, ...] = ()


def read(text: str, function: str) -> PythonSource:
    """What the transformation *text* does in its *function* of one parameter, and everything wrong with it."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    metadata, findings = _metadata(text)
    dependencies = tuple(metadata.get("dependencies", ()))
    requires_python = str(metadata.get("requires-python", ""))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is for the author's linter
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return PythonSource(
            dependencies=dependencies,
            requires_python=requires_python,
            fingerprint=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            findings=(*findings, _syntax_problem(error)),
        )
    nodes = list(ast.walk(module))
    fingerprint = _fingerprint(module, nodes, metadata)
    node, problem = _function(module, function)
    if node is None:
        return PythonSource(
            dependencies=dependencies,
            requires_python=requires_python,
            fingerprint=fingerprint,
            findings=(*findings, *((problem,) if problem else ())),
        )
    reads = _Reads(_first_parameter(node))
    reads.read(node)
    rebound = any(
        isinstance(part, ast.Name) and part.id == function and isinstance(part.ctx, ast.Store) for part in nodes
    )
    return PythonSource(
        function_line=node.lineno,
        inputs=tuple(sorted(reads.inputs)),
        changes=tuple(sorted(reads.changes)),
        reads_all=reads.everything or rebound,
        dependencies=dependencies,
        requires_python=requires_python,
        fingerprint=fingerprint,
        findings=(*findings, *((problem,) if problem else ())),
    )


def _syntax_problem(error: Exception) -> Problem:
    line, column = (error.lineno or 0, error.offset or 0) if isinstance(error, SyntaxError) else (0, 0)
    message = error.msg if isinstance(error, SyntaxError) else str(error) or "the file is nested too deeply"
    value = (error.text or "").strip() if isinstance(error, SyntaxError) else ""
    return Problem(
        code="python-syntax",
        message=f"this is not valid Python: {message}",
        value=value,
        hint="correct the line",
        line=line,
        column=column,
    )


def _function(module: ast.Module, name: str) -> tuple[ast.FunctionDef | None, Problem | None]:
    """The last function of the module called *name*, and what is wrong with it."""
    functions = [node for node in module.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    found = [node for node in functions if node.name == name]
    if not found:
        others = ", ".join(sorted({node.name for node in functions if not node.name.startswith("_")}))
        hint = f"name it like the output port: def {name}(inputs)" + (f"; there are {others}" if others else "")
        return None, Problem(code="python-no-function", message=f"there is no function {name}", value=name, hint=hint)
    node = found[-1]
    if isinstance(node, ast.AsyncFunctionDef):
        message = f"{name} is asynchronous"
        return None, _at(node, "python-signature", message, f"write def {name}(inputs)")
    return node, _signature_problem(node)


def _signature_problem(node: ast.FunctionDef) -> Problem | None:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    keyword_only = [default for default in arguments.kw_defaults if default is None]
    if positional and required <= 1 and not keyword_only:
        return None
    message = f"{node.name} must be callable with one argument, its inputs"
    return _at(node, "python-signature", message, f"write def {node.name}(inputs)")


def _at(node: ast.stmt, code: str, message: str, hint: str) -> Problem:
    value = getattr(node, "name", "")
    return Problem(code=code, message=message, value=value, hint=hint, line=node.lineno, column=node.col_offset + 1)


def _first_parameter(node: ast.FunctionDef) -> str:
    positional = [*node.args.posonlyargs, *node.args.args]
    return positional[0].arg if positional else ""


class _Reads:
    """Collects what is read of the inputs; whatever is not understood means everything."""

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.inputs: set[str] = set()
        self.changes: set[str] = set()
        self.everything = not parameter

    def read(self, function: ast.FunctionDef) -> None:
        for statement in function.body:
            self.visit(statement)
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        assigned = any(name.id == self.parameter and not isinstance(name.ctx, ast.Load) for name in names)
        reflecting = any(name.id in REFLECTION for name in names)
        # A decorator may hand the function other inputs, or read them itself.
        self.everything |= assigned or reflecting or bool(function.decorator_list)

    def visit(self, node: ast.AST) -> None:
        name = self.name_of(node, self.is_inputs)
        if name == "changes" and isinstance(node, ast.Attribute):
            self.everything = True  # `inputs.changes` by itself; its members were seen one level up
            return
        if name is not None:
            if name not in NOT_INPUTS or isinstance(node, ast.Subscript):
                self.inputs.add(name)
            return
        change = self.name_of(node, self.is_changes)
        if change is not None:
            self.changes.add(change)
            return
        if self.is_inputs(node):
            self.everything = True
            return
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def name_of(self, node: ast.AST, is_base: Any) -> str | None:  # noqa: ANN401 - one of the two predicates below
        """The member that *node* reads of what *is_base* accepts: `base.x` or `base["x"]`."""
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and is_base(node.value):
            return node.attr
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and is_base(node.value):
            key = node.slice
            return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
        return None

    def is_inputs(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self.parameter

    def is_changes(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "changes" and self.is_inputs(node.value)


def _metadata(text: str) -> tuple[dict[str, Any], list[Problem]]:
    """The PEP 723 `script` block, and what is wrong with it."""
    blocks = [match for match in METADATA_BLOCK.finditer(text) if match.group("type") == "script"]
    if not blocks:
        return {}, []
    line = text.count("\n", 0, blocks[-1].start()) + 1
    if len(blocks) > 1:
        return {}, [_metadata_problem("there are two blocks of inline metadata", line)]
    lines = blocks[0].group("content").splitlines(keepends=True)
    content = "".join(part[2:] if part.startswith("# ") else part[1:] for part in lines)
    try:
        metadata = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        return {}, [_metadata_problem(f"the inline metadata is not valid TOML: {error}", line)]
    dependencies = metadata.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        return {}, [_metadata_problem("dependencies must be a list of strings", line)]
    return metadata, []


def _metadata_problem(message: str, line: int) -> Problem:
    hint = 'write # dependencies = ["numpy"] between # /// script and # ///'
    return Problem(code="python-metadata", message=message, hint=hint, line=line, column=1)


def _fingerprint(module: ast.Module, nodes: list[ast.AST], metadata: dict[str, Any]) -> str:
    """Comments, layout and docstrings do not change what is computed (unless the code reads its own docstrings).

    *nodes* are all of the module's; docstrings are cut off it.
    """
    for node in nodes:
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    text = ast.dump(module, annotate_fields=False, include_attributes=False)
    return hashlib.sha256(f"{sorted(metadata.items())!r}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
