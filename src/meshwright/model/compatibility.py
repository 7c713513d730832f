"""Contract compatibility: which difference between two contracts of a port a consumer would notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meshwright.model.casting import is_widened
from meshwright.model.contract import without_places
from meshwright.model.datatype import Unstorable, stored
from meshwright.model.plan import Change
from meshwright.model.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.model.contract import Column, Contract, QualityRule
    from meshwright.model.datatype import DataType

MAJOR, MINOR, PATCH = "major", "minor", "patch"
# Options that bound a value from below or above: raising the first or lowering the second promises more, not less.
LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def contract_changes(port: str, old: Contract, new: Contract) -> list[Change]:
    """Differences between two contracts of *port*, in the old one's column order, then what is new.

    Breaking for a consumer of *old*: a lost or renamed column, a type that is not wider, a promise made weaker
    (not required any more, not unique any more, a wider range of values, a key changed, a rule that blocked dropped).
    Compatible (minor): a new column, a stronger promise. Words only: patch.
    """
    old, new = without_places(old), without_places(new)
    found: list[Change] = []
    for column in old.table.columns:
        other = new.table.column(column.name)
        if other is None:
            found.append(Change(port=port, column=column.name, kind="column removed", breaking=True, bump=MAJOR))
        else:
            found.extend(_column_changes(port, column, other))
    found += [
        Change(port=port, column=column.name, kind="column added", breaking=False, bump=MINOR, detail=str(column.type))
        for column in new.table.columns
        if old.table.column(column.name) is None
    ]
    found.extend(_table_changes(port, old, new))
    return found or _wording(port, old, new)


def _wording(port: str, old: Contract, new: Contract) -> list[Change]:
    if old.table == new.table and (old.status, old.description) == (new.status, new.description):
        return []
    detail = f"{old.status} → {new.status}" if old.status != new.status else ""
    return [Change(port=port, column="", kind="documentation changed", breaking=False, bump=PATCH, detail=detail)]


def _column_changes(port: str, old: Column, new: Column) -> Iterator[Change]:
    def change(kind: str, *, breaking: bool, detail: str = "") -> Change:
        bump = MAJOR if breaking else MINOR
        return Change(port=port, column=old.name, kind=kind, breaking=breaking, bump=bump, detail=detail)

    before, after = _stored(old.type), _stored(new.type)
    if before != after:
        widened = is_widened(before, after)
        yield change("type widened" if widened else "type changed", breaking=not widened, detail=f"{before} → {after}")
    for flag, word in (("required", "required"), ("unique", "unique")):
        was, now = getattr(old, flag) or old.primary_key, getattr(new, flag) or new.primary_key
        if was and not now:
            yield change(f"no longer {word}", breaking=True)
        elif now and not was:
            yield change(f"now {word}", breaking=False)
    for option in (*LOWER, *UPPER):
        was, now = old.options.get(option), new.options.get(option)
        if was != now:
            weaker = _is_weaker(option, was, now)
            yield change(f"{option} {'weakened' if weaker else 'tightened'}", breaking=weaker, detail=f"{was} → {now}")
    for option in ("pattern", "format", "enum"):
        was, now = old.options.get(option), new.options.get(option)
        if was != now:
            yield change(f"{option} changed", breaking=_loses(was, now), detail=f"{was} → {now}")
    yield from _rule_changes(port, old.name, old.quality, new.quality)


def _table_changes(port: str, old: Contract, new: Contract) -> Iterator[Change]:
    before, after = old.table.primary_key, new.table.primary_key
    if before and before != after:
        detail = f"{', '.join(before)} → {', '.join(after) or 'none'}"
        yield Change(port=port, column="", kind="primary key changed", breaking=True, bump=MAJOR, detail=detail)
    yield from _rule_changes(port, "", old.table.quality, new.table.quality)


def _rule_changes(
    port: str, column: str, old: tuple[QualityRule, ...], new: tuple[QualityRule, ...]
) -> Iterator[Change]:
    """Dropped rules weaken a promise that data was held to, but only a name tells one from another: minor, not breaking."""
    was, now = {_rule_key(rule): rule for rule in old}, {_rule_key(rule): rule for rule in new}
    for key, rule in was.items():
        if key not in now:
            yield Change(port=port, column=column, kind="rule dropped", breaking=False, bump=MINOR, detail=_label(rule))
    for key, rule in now.items():
        if key not in was:
            yield Change(port=port, column=column, kind="rule added", breaking=False, bump=MINOR, detail=_label(rule))


def _rule_key(rule: QualityRule) -> str:
    return repr(
        (
            rule.kind,
            rule.metric,
            rule.query,
            rule.engine,
            sorted(rule.comparisons.items()),
            rule.arguments,
            rule.severity,
        )
    )


def _label(rule: QualityRule) -> str:
    return rule.name or rule.metric or rule.description or rule.kind


def _stored(kind: DataType) -> DataType:
    try:
        return stored(kind)
    except Unstorable:
        return kind


def _is_weaker(option: str, was: Any, now: Any) -> bool:  # noqa: ANN401 - options are any JSON
    if was is None:
        return False
    if now is None:
        return True
    try:
        return bool(now < was) if option in LOWER else bool(now > was)
    except TypeError:
        return True


def _loses(was: Any, now: Any) -> bool:  # noqa: ANN401 - options are any JSON
    """Whether values that *was* excluded may now appear."""
    if was is None:
        return False
    if isinstance(was, list) and isinstance(now, list):
        return not set(map(str, now)) <= set(map(str, was))
    return True


def required_bump(changes: list[Change]) -> str:
    """The version part that must rise for *changes*: major, minor, patch or "" when there are none."""
    bumps = {change.bump for change in changes}
    return next((bump for bump in (MAJOR, MINOR, PATCH) if bump in bumps), "")


def is_bumped(old: str, new: str, bump: str) -> bool:
    """Whether going from version *old* to *new* raises at least the part named *bump*."""
    try:
        before, after = Version.parse(old), Version.parse(new)
    except ValueError:
        return False
    floors = {
        MAJOR: Version(before.major + 1, 0, 0, ""),
        MINOR: Version(before.major, before.minor + 1, 0, ""),
        PATCH: Version(before.major, before.minor, before.patch + 1, ""),
    }
    return bump not in floors or after >= floors[bump]
