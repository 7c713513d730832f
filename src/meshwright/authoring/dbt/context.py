"""What dbt's templates see: `ref`'s tables, `config`, `var`, `target`, `adapter`, macros and the namespaces they live in."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final, Self

from meshwright.authoring.dbt.macros import NotRendered

if TYPE_CHECKING:
    from meshwright.authoring.dbt.project import DbtMacro
    from meshwright.authoring.dbt.rendering import Renderer


MACRO: Final = re.compile(r"({%[-+]?\s*macro\s+)\w+")
# What Jinja asks of whatever is called.
SANDBOX_ASKS: Final = frozenset({"unsafe_callable", "alters_data", "jinja_pass_arg"})
EXPORTED: Final = "mesh_macro"


class Returned(Exception):
    """A macro ended with `return(value)`."""

    def __init__(self, value: Any) -> None:  # noqa: ANN401 - whatever the macro returns
        self.value = value


class Table(str):  # noqa: SLOT000 - a text that has attributes needs a place for them
    """What `ref`, `source` and `this` give: the table's name as text, with the attributes that templates ask for."""

    identifier: str
    name: str

    def __new__(cls, text: str, name: str) -> Self:
        """The table that SQL calls *text* and dbt *name*."""
        made = super().__new__(cls, text)
        made.identifier = made.name = name
        return made

    @property
    def table(self) -> str:
        """The table's own name."""
        return self.identifier

    def include(self, **_: Any) -> Table:  # noqa: ANN401 - dbt's signature
        """Itself: a mesh has one name for a table."""
        return self

    quote = include


class Namespace:
    """`dbt_utils.star`: a package's macros by name."""

    def __init__(self, renderer: Renderer, package: str) -> None:
        self._renderer = renderer
        self._package = package

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a macro
        return self._renderer.lookup(self._package, name)


class Macro:
    """A macro, compiled when it is first called."""

    def __init__(self, renderer: Renderer, macro: DbtMacro) -> None:
        self._renderer = renderer
        self._macro = macro
        self._compiled: Any = None

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - a macro's arguments
        """The text that the macro gives, or what it returned."""
        self._renderer.count_call()
        if self._compiled is None:
            # Jinja hides macros whose names begin with an underscore: within its own module each has the same name.
            text = MACRO.sub(rf"\g<1>{EXPORTED}", self._macro.text, count=1)
            self._compiled = getattr(self._renderer.template(text, self._macro.package).module, EXPORTED)
        try:
            return self._compiled(*arguments, **named)
        except Returned as returned:
            return returned.value


class Config:
    """`config(…)`, and the questions that it answers later."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(self, *given: dict[str, Any], **settings: Any) -> str:  # noqa: ANN401 - any configuration
        """Configure the model."""
        for mapping in (*given, settings):
            self._renderer.now.result.config.update(mapping)
        return ""

    def get(self, name: str, default: Any = None, **_: Any) -> Any:  # noqa: ANN401 - any configuration
        """What the configuration says of *name*."""
        now = self._renderer.now
        known = {**(now.relation.config if now.relation else {}), **now.result.config}
        return known.get(name, default)

    require = meta_get = get


class Variables:
    """`var('name', default)`."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - any variable
        """The value of the variable *name*. Raises NotRendered when it has none."""
        value = self._known().get(name, default)
        if value is None and default is None and not self.has_var(name):
            raise NotRendered(f"var('{name}') has neither a value in dbt_project.yml nor a default")
        if isinstance(value, str) and "{{" in value:
            # A variable may name a table: what it reads is read by whoever asked.
            value = self._renderer.template(value, self._renderer.now.package).render()
        return value

    def has_var(self, name: str) -> bool:
        """Whether dbt_project.yml gives it a value."""
        return name in self._known()

    def _known(self) -> dict[str, Any]:
        variables, package = self._renderer.project.variables, self._renderer.now.package
        return {**variables.get(package, {}), **variables.get("", {}), **variables.get(self._renderer.project.name, {})}


class Target:
    """`target`: what differs between people's databases; whoever asks is told of the chosen target's name."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a setting
        if name.startswith("_"):
            raise AttributeError(name)
        renderer = self._renderer
        known = {"name": renderer.target, "target_name": renderer.target, "type": renderer.dialect}
        if name not in known:
            raise NotRendered(f"target.{name} is a setting of dbt's profile")
        if name != "type":
            renderer.now.result.asked.add(f"target.{name} = {renderer.target}")
        return known[name]

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - a setting
        """The setting *name*."""
        return getattr(self, name, default)


class Adapter:
    """`adapter`: only `dispatch` needs no database."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def dispatch(self, macro_name: str, macro_namespace: Any = None) -> Any:  # noqa: ANN401 - dbt's signature
        """The macro for this dialect."""
        namespace = macro_namespace[0] if isinstance(macro_namespace, list) else macro_namespace
        package, _, name = macro_name.rpartition(".")
        return self._renderer.dispatched(name, namespace or package or None)

    def quote(self, name: str) -> str:
        """*name* in quotes."""
        return f'"{name}"'

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - never returns
        raise NotRendered(f"adapter.{name} asks the database while the SQL is written")


class Refused:
    """A function that only a running dbt has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - never returns
        """Raise NotRendered, whatever is asked."""
        raise NotRendered(f"{self._name}() asks the database, or dbt itself, while the SQL is written")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - never returns
        if name in SANDBOX_ASKS:
            raise AttributeError(name)
        raise NotRendered(f"{self._name}.{name} is known to a running dbt only")


class _Clock:
    """A class of Python's datetime without its clock: what time it is would be written into the query for good."""

    def __init__(self, known: type) -> None:
        self._known = known

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - datetime's signature
        """A moment that the template itself names."""
        return self._known(*arguments, **named)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a member of the class
        if name in {"now", "utcnow", "today"}:
            raise NotRendered(
                f"{self._known.__name__}.{name}() asks the clock while the SQL is written: ask it in the query"
            )
        return getattr(self._known, name)


class Clock:
    """`modules.datetime`."""

    datetime = _Clock(dt.datetime)
    date = _Clock(dt.date)
    timedelta = dt.timedelta
    time = dt.time
    timezone = dt.timezone


class Exceptions:
    """`exceptions`: a template that gives up."""

    def raise_compiler_error(self, message: str = "", *_: Any) -> str:  # noqa: ANN401 - dbt's signature
        """Give up."""
        raise NotRendered(f"the template says: {message}")

    def warn(self, *_: Any) -> str:  # noqa: ANN401 - dbt's signature
        """Say something; nobody listens here."""
        return ""
