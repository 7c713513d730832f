"""dbt's Jinja rendered without dbt: the SQL of a model as it would be sent, or what in it only a running dbt can say.

Rendering is sandboxed and touches nothing: no database, no file, no environment variable is read.
"""

from __future__ import annotations

import itertools
import json
import re
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt.context import (
    Adapter,
    Clock,
    Config,
    Exceptions,
    Macro,
    Namespace,
    Refused,
    Returned,
    Table,
    Target,
    Variables,
)
from meshwright.authoring.dbt.macros import BUILTIN, NotRendered
from meshwright.authoring.dbt.references import references_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2 import Template

    from meshwright.authoring.dbt.project import DbtMacro, DbtProject, Relation

    Namer = Callable[[str, str, str], str]

__all__ = ["NotRendered", "Rendered", "Renderer", "Table"]

# What a model's own table is called in rendered SQL.
THIS: Final = "__this__"
# What a template can raise beside Jinja's own errors.
ERRORS: Final = (NotRendered, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, re.error)
# How many statements of templates may run for one model: a loop without end in a macro ends here.
CALLS_MAX: Final = 100_000


@dataclass(slots=True)
class Rendered:
    """One rendering: `sql` is None when `problem` (on `line` of the text) kept it from being rendered.

    `refs` and `sources` are what it reads, in the order of the calls: (package, name, version) and (source, table), of a
    text that cannot be rendered as far as its calls tell; `asked` is what it asked of the target.
    """

    sql: str | None = None
    problem: str = ""
    line: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    refs: list[tuple[str, str, str]] = field(default_factory=list)
    sources: list[tuple[str, str]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    is_incremental_asked: bool = False


@dataclass(slots=True)
class _Now:
    """What is rendered now."""

    result: Rendered = field(default_factory=Rendered)
    namer: Namer | None = None
    incremental: bool = False
    package: str = ""
    relation: Relation | None = None
    calls: int = 0


class Renderer:
    """Renders the texts of one *project*; *dialect* is the adapter's, *target* the name that `target.name` gives."""

    def __init__(self, project: DbtProject, *, dialect: str, target: str) -> None:
        self.project = project
        self.dialect = dialect
        self.target = target
        self._now = _Now()
        self._templates: dict[tuple[str, str], Template] = {}
        self._macros: dict[tuple[str, str], Macro] = {}
        self._by_name: dict[str, DbtMacro] = {}
        self._index: dict[tuple[str, str], DbtMacro] = {}
        for macro in project.macros:
            self._index[macro.package, macro.name] = macro
            # The project's own macros hide a package's.
            if macro.package == project.name or macro.name not in self._by_name:
                self._by_name[macro.name] = macro
        self._environment = self._new_environment()

    def render(
        self,
        text: str,
        *,
        package: str = "",
        relation: Relation | None = None,
        namer: Namer | None = None,
        incremental: bool = False,
        names: Mapping[str, Any] | None = None,
    ) -> Rendered:
        """*text* rendered; *namer(kind, name, version or table)* gives the SQL of a reference, *names* more variables."""
        from jinja2 import TemplateError

        now = _Now(namer=namer, incremental=incremental, package=package or self.project.name, relation=relation)
        before, self._now = self._now, now
        try:
            now.result.sql = self.template(text, now.package).render(**(names or {}))
        except (*ERRORS, TemplateError) as error:
            now.result.sql = None
            now.result.problem = _said(error)
            now.result.line = _line(error)
        except Returned:
            now.result.sql, now.result.problem = None, "return() stands outside any macro"
        except RecursionError:
            now.result.sql, now.result.problem = None, "a macro calls itself without end"
        finally:
            self._now = before
        if now.result.sql is None:
            _add_references(text, now.result)
        return now.result

    def test_macro(self, name: str) -> DbtMacro | None:
        """The generic test called *name* (`unique_pair` or `package.test`), when its text is known."""
        package, _, short = name.rpartition(".")
        return self._index.get((package, f"test_{short}")) if package else self._by_name.get(f"test_{short}")

    def callable(self, macro: DbtMacro) -> Callable[..., Any]:
        """*macro* as a function that templates can call."""
        return self._macro(macro)

    def has_macro(self, name: str) -> bool:
        """Whether the project itself defines a macro called *name*."""
        return (self.project.name, name) in self._index

    def truth(self, value: Any) -> bool:  # noqa: ANN401 - a value of a configuration
        """*value*, or what its template says, as true or false; what cannot be rendered is true."""
        if isinstance(value, str) and "{" in value:
            value = self.render(value).sql
        return value is None or str(value).strip().lower() not in {"false", "0", "no", "none", ""}

    # What templates see.

    def _new_environment(self) -> Any:  # noqa: ANN401 - a class made once Jinja is needed
        from jinja2 import Undefined
        from jinja2.sandbox import SandboxedEnvironment

        class Unknown(Undefined):
            """Nothing: false where it is asked, an error where it is used."""

            __slots__ = ()
            __str__ = __iter__ = __len__ = Undefined._fail_with_undefined_error  # noqa: SLF001 - as StrictUndefined does

        class Sandbox(SandboxedEnvironment):
            """Jinja's sandbox, in which packages may call their own private macros."""

            def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401 - Jinja's signature
                own = isinstance(obj, Namespace) and not attr.startswith("__")
                return own or super().is_safe_attribute(obj, attr, value)

        environment = Sandbox(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"], undefined=Unknown)
        environment.globals.update(self._globals())
        for name in ("as_bool", "as_native", "as_number", "as_text"):
            environment.filters[name] = lambda value: value
        for name, macro in self._by_name.items():
            environment.globals.setdefault(name, self._macro(macro))
            if macro.package == self.project.name and name not in self._globals():
                environment.globals[name] = self._macro(macro)
        for package in {*self.project.packages, *(namespace for namespace, _ in BUILTIN), self.project.name}:
            environment.globals.setdefault(package, Namespace(self, package))
        return environment

    def _globals(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "ref": self._ref,
            "source": self._source,
            "config": Config(self),
            "var": Variables(self),
            "env_var": self._env_var,
            "is_incremental": self._is_incremental,
            "this": Table(THIS, THIS),
            "target": Target(self),
            "adapter": Adapter(self),
            "exceptions": Exceptions(),
            "return": self._return,
            "log": lambda *_, **__: "",
            "print": lambda *_, **__: "",
            "execute": True,
            "flags": {"FULL_REFRESH": False, "WHICH": "run"},
            "should_full_refresh": lambda: False,
            "project_name": self.project.name,
            "dbt_version": "1.10.0",
            "modules": {"datetime": Clock(), "itertools": itertools, "re": re},
            "tojson": lambda value, *_: json.dumps(value, default=str),
            "fromjson": lambda value, *_: json.loads(value),
            "set": lambda value, *_: set(value),
            "zip": lambda *values: list(zip(*values, strict=False)),
            "none": None,
        }
        for name in (
            "run_query",
            "statement",
            "load_result",
            "graph",
            "doc",
            "function",
            "invocation_id",
            "run_started_at",
        ):
            found[name] = Refused(name)
        found["builtins"] = {"ref": self._ref, "source": self._source, "config": found["config"]}
        # dbt's own macros may be called without their namespace.
        found |= {name: self._builtin("dbt", name) for namespace, name in BUILTIN if namespace == "dbt"}
        return found

    def template(self, text: str, package: str) -> Template:
        """*text* compiled, as a template of *package*."""
        key = (text, package)
        if key not in self._templates:
            # Within a package, its own macros come first.
            own = {name: self._macro(macro) for (of, name), macro in self._index.items() if of == package}
            code = self._environment.compile(text, name=package, filename=f"<{package}>")
            template = self._environment.template_class
            self._templates[key] = template.from_code(self._environment, code, self._environment.make_globals(own))
        return self._templates[key]

    def _macro(self, macro: DbtMacro) -> Macro:
        key = (macro.package, macro.name)
        if key not in self._macros:
            self._macros[key] = Macro(self, macro)
        return self._macros[key]

    def _builtin(self, namespace: str, name: str) -> Callable[..., str]:
        make = BUILTIN[namespace, name]

        def call(*arguments: Any, **named: Any) -> str:  # noqa: ANN401 - a macro's arguments
            return make(self.dialect, *arguments, **named)

        return call

    def lookup(self, namespace: str, name: str) -> Any:  # noqa: ANN401 - a macro
        """What `namespace.name` is in a template. Raises NotRendered when nobody knows."""
        own = self._index.get((namespace, name))
        if (namespace, name) in BUILTIN:
            return self._builtin(namespace, name)
        if own is not None:
            return self._macro(own)
        if namespace == "dbt_utils" and ("dbt", name) in BUILTIN:
            # Where dbt's own were before dbt 1.3.
            return self._builtin("dbt", name)
        if namespace == "dbt" and name in self._by_name:
            return self._macro(self._by_name[name])
        installed = any(of == namespace for of, _ in self._index)
        why = "is not defined there" if installed else "is of a package that is not installed here"
        raise NotRendered(f"the macro {namespace}.{name} {why}")

    def dispatched(self, name: str, namespace: str | None) -> Any:  # noqa: ANN401 - a macro
        """The macro that `adapter.dispatch` picks: the project's own before the package's, the dialect's before the default."""
        package = namespace or self._now.package
        for prefix in (self.dialect, "default"):
            for of in (self.project.name, package):
                found = self._index.get((of, f"{prefix}__{name}"))
                if found is not None:
                    return self._macro(found)
        if (package, name) in BUILTIN:
            return self._builtin(package, name)
        found = self._by_name.get(f"default__{name}")
        if found is None:
            raise NotRendered(f"no macro {self.dialect}__{name} or default__{name} is known")
        return self._macro(found)

    def count_call(self) -> None:
        """One more macro was called. Raises NotRendered when there were too many."""
        self._now.calls += 1
        if self._now.calls > CALLS_MAX:
            raise NotRendered("its macros call each other without end")

    def _ref(self, *arguments: str, version: Any = None, v: Any = None) -> Table:  # noqa: ANN401 - dbt's signature
        *package, name = arguments
        wanted = version if version is not None else v
        found = (package[0] if package else "", str(name), "" if wanted is None else str(wanted))
        self._now.result.refs.append(found)
        namer = self._now.namer
        return Table(namer("ref", *found[1:]) if namer else f"ref_{name}", str(name))

    def _source(self, source: str, table: str) -> Table:
        self._now.result.sources.append((source, table))
        namer = self._now.namer
        return Table(namer("source", source, table) if namer else f"source_{table}", table)

    def _env_var(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - dbt's signature
        if default is None:
            raise NotRendered(f"env_var('{name}') has no default: environment variables are not read")
        return default

    def _is_incremental(self) -> bool:
        self._now.result.is_incremental_asked = True
        return self._now.incremental

    def _return(self, value: Any = None) -> Any:  # noqa: ANN401 - whatever a macro returns
        raise Returned(value)

    @property
    def now(self) -> _Now:
        """What is rendered now."""
        return self._now


def _add_references(text: str, rendered: Rendered) -> None:
    """Add to *rendered* what the rest of *text* reads."""
    for kind, name, more in references_in(text):
        if kind == "ref" and all((name, more) != known[1:] for known in rendered.refs):
            rendered.refs.append(("", name, more))
        elif kind == "source" and (name, more) not in rendered.sources:
            rendered.sources.append((name, more))


def _said(error: BaseException) -> str:
    from jinja2 import TemplateSyntaxError, UndefinedError

    text = str(error) or type(error).__name__
    if isinstance(error, TemplateSyntaxError):
        return f"the template cannot be read: {error.message}"
    if isinstance(error, UndefinedError):
        return f"{text}: no variable or macro of the project or its installed packages"
    return text


def _line(error: BaseException) -> int:
    """The line of the outermost template that *error* came from; 0 when it is not known."""
    from jinja2 import TemplateSyntaxError

    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in frames if frame.filename.startswith("<")), 0)
