"""Quality rules of a contract → checks: library metrics, sql, and what can only be reported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.datatype import quote
from meshwright.model.results import Outcome
from meshwright.quality import options, sql_rules
from meshwright.quality.checks import About, Check, CountCheck, RowCheck, Settled, SqlCheck, UniqueCheck, uncheckable
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.drafting import asked_for, comparison
from meshwright.quality.options import Broken, Value
from meshwright.quality.places import Place, row_check
from meshwright.quality.values import values

if TYPE_CHECKING:
    from meshwright.model.contract import Column, QualityRule
    from meshwright.quality.drafting import Drafting

# Metrics, and the `rule` names of ODCS 3.0 and of tools that write it, in the words of 3.2. Keys are in lower case.
METRICS: Final = {
    "rowcount": "rowCount",
    "countcheck": "rowCount",
    "row_count": "rowCount",
    "nullvalues": "nullValues",
    "nullcheck": "nullValues",
    "nullcount": "nullValues",
    "nullvaluescount": "nullValues",
    "missingvalues": "missingValues",
    "missingcount": "missingValues",
    "invalidvalues": "invalidValues",
    "invalidcount": "invalidValues",
    "validvalues": "invalidValues",
    "duplicatevalues": "duplicateValues",
    "duplicatecount": "duplicateValues",
    "duplicates": "duplicateValues",
    "uniquecheck": "duplicateValues",
    "unique": "duplicateValues",
}


def compile_rule(rule: QualityRule, column: Column | None, place: Place | None, draft: Drafting) -> Check:
    """The check that one quality *rule* of a column (None: of the table) asks for."""
    path = place.path if place is not None else None
    if rule.kind == "library":
        metric = METRICS.get(rule.metric.lower(), "")
        about = draft.about_rule(rule, metric or rule.metric or "library", column, path)
        if not metric:
            known = ", ".join(sorted(set(METRICS.values())))
            return uncheckable(about, f"'{rule.metric}' is no library metric: write one of {known}")
        try:
            return _library(rule, replace(about, comparison=comparison(rule)), place, draft)
        except Uncheckable as error:
            return uncheckable(about, str(error))
    about = draft.about_rule(rule, rule.kind, column, path)
    if rule.kind == "sql":
        return _sql(rule, about, place, draft)
    if rule.kind == "custom":
        engine = rule.engine or "unnamed"
        message = f"a rule of the engine '{engine}': Meshwright does not run it"
        return Settled(about=about, outcome=Outcome.NOT_RUN, message=message)
    return Settled(about=about, outcome=Outcome.NOT_RUN, message="prose: for people to judge")


def _library(rule: QualityRule, about: About, place: Place | None, draft: Drafting) -> Check:
    if about.kind == "rowCount":
        return CountCheck(about=replace(about, comparison=asked_for(rule)))
    if about.kind == "duplicateValues":
        return _duplicates(rule, about, place, draft)
    places = [place] if place is not None else _places(rule, about.kind, draft)
    checks = [_values(rule, about, at) for at in places]
    # A table-level rule over several columns is one predicate: a row is counted once.
    broken = f"({' OR '.join(check.broken for check in checks)})" if len(checks) > 1 else checks[0].broken
    columns = tuple(dict.fromkeys(name for check in checks for name in check.columns))
    # Footers prove the rule only if they prove it of every column.
    bounds = tuple(bound for check in checks for bound in check.bounds) if all(c.bounds for c in checks) else ()
    not_null = tuple(n for check in checks for n in check.not_null) if all(c.not_null for c in checks) else ()
    return RowCheck(about=about, broken=broken, columns=columns, not_null=not_null, bounds=bounds)


def _places(rule: QualityRule, metric: str, draft: Drafting) -> list[Place]:
    names = rule.arguments.get("properties") or rule.arguments.get("columns")
    names = [names] if isinstance(names, str) else names
    if not names:
        message = f"{metric} on a table needs the columns it is about: write arguments: {{properties: [..]}}"
        raise Uncheckable(message)
    return [_column(str(name), draft) for name in names]


def _column(name: str, draft: Drafting) -> Place:
    # `orders.id` may name the table, too; a column may have a point in its own name.
    found = draft.data.column(name) or draft.data.column(name.rsplit(".", 1)[-1])
    if found is None:
        message = f"there is no column '{name}'"
        raise Uncheckable(message)
    return Place(found[0], found[0], quote(found[0]), found[1])


def _values(rule: QualityRule, about: About, place: Place) -> RowCheck:
    match about.kind:
        case "nullValues":
            check = row_check(about, place, Broken(f"{place.sql} IS NULL"))
            return replace(check, not_null=(place.plain,)) if place.plain else check
        case "missingValues":
            return row_check(about, place, Broken(_missing(rule, place)))
        case _:
            return row_check(about, place, _invalid(rule, place))


def _missing(rule: QualityRule, place: Place) -> str:
    """Without a list, NULL and empty text are missing; with one, exactly what it lists."""
    text = place.type.name == "VARCHAR"
    written = rule.arguments.get("missingValues")
    if written is None:
        written = [None, ""] if text else [None]
    # A list written for text, such as [null, "", "N/A"], says of a number column that NULL is missing.
    fitting = written if text or not isinstance(written, list) else [entry for entry in written if entry != ""]
    missing, null = values(fitting, place.type)
    tests = [f"{place.sql} IN ({', '.join(missing)})"] if missing else []
    tests += [f"{place.sql} IS NULL"] if null else []
    return f"({' OR '.join(tests) or 'false'})"


def _invalid(rule: QualityRule, place: Place) -> Broken:
    """NULL is neither valid nor invalid: `nullValues` and `required` speak of it."""
    at = Value(place.sql, place.type, "", place.plain)
    about_columns = {"properties", "columns"}
    asked: dict[str, Any] = {key: given for key, given in rule.arguments.items() if key not in about_columns}
    if not asked:
        message = (
            "invalidValues needs arguments that say what is valid: validValues, pattern, minimum, maximum, format …"
        )
        raise Uncheckable(message)
    found = [options.broken(at, option, operand, asked) for option, operand in asked.items() if operand is not None]
    parts = [part for part in found if part is not None]
    sql = " OR ".join(f"coalesce({part.sql}, false)" for part in parts) or "false"
    # Footers prove the rule only if they prove every part of it.
    provable = all(part.bounds for part in parts)
    return Broken(f"({sql})", tuple(bound for part in parts for bound in part.bounds) if provable else ())


def _duplicates(rule: QualityRule, about: About, place: Place | None, draft: Drafting) -> Check:
    named = rule.arguments.get("properties") or rule.arguments.get("columns")
    if place is not None and not named:
        if place.lists:
            return uncheckable(about, "duplicateValues inside a list is not evaluated: write uniqueItems")
        return UniqueCheck(about=about, keys=(place.sql,), columns=(place.plain,) if place.plain else ())
    if named:
        places = _places(rule, about.kind, draft)
    else:
        # No column named: whole rows. NULLs are values here, as two equal rows may hold them.
        keys = tuple(f"struct_pack(v := {quote(name)})" for name, _ in draft.data.columns)
        return UniqueCheck(about=about, keys=keys)
    columns = tuple(at.root for at in places)
    return UniqueCheck(about=about, keys=tuple(at.sql for at in places), columns=columns)


def _sql(rule: QualityRule, about: About, place: Place | None, draft: Drafting) -> Check:
    try:
        asked = asked_for(rule)
    except Uncheckable as error:
        return uncheckable(about, str(error))
    query = sql_rules.fill(rule.query, draft.table.name, place.path if place is not None else None)
    return SqlCheck(about=replace(about, comparison=asked), query=query)
