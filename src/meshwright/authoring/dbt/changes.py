"""Incremental models over a step: a second step passes on only what is new in the input behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meshwright.authoring.dbt.dialects import DUCKDB
from meshwright.authoring.dbt.incremental import Incremental, passed_on
from meshwright.authoring.dbt.ports import commented
from meshwright.authoring.dbt.transformations import SIBLING, TOKEN, finished, read_changes
from meshwright.authoring.naming import free_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshwright.authoring.dbt.products import Home
    from meshwright.authoring.dbt.project import Relation
from meshwright.authoring.dbt.transformations import Written

# Without the name, so that models with the same reason stand together in the report.
MORE: Final = "the filtered rows come from a model that does more than pass rows of one input on"


@dataclass(slots=True)
class Changes:
    """The steps of changes of an adopted project: `steps` has their texts by product and name."""

    models: Mapping[str, Relation]
    homes: Mapping[str, Home]
    keys: Mapping[tuple[str, str], str]
    written: Mapping[str, Written]
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    _made: dict[str, tuple[str, str]] = field(default_factory=dict)

    def settle(self) -> None:
        """Let every incremental model read changes, or be built in full, with a note that says why."""
        for key, written in self.written.items():
            kept, tables = written.incremental, written.tables
            if kept.token and tables is not None and tables.changing(kept.token) == SIBLING:
                _, name, version = tables.key(kept.token)
                step, changing = self._step(self.keys.get((name, version), ""))
                if step:
                    read_changes(written, self.models[key].path, step, changing)
                else:
                    written.incremental = Incremental(why=MORE)
            if written.incremental.why:
                written.notes.append(f"every build makes it in full: {written.incremental.why}")

    def replaced(self, reads: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """The steps that nobody reads any more, as all their readers take what is new, each with the step that it became."""
        readers: dict[str, list[str]] = {}
        for reader, keys in reads.items():
            for key in keys:
                readers.setdefault(key, []).append(reader)
        found: dict[str, str] = {}
        for key in reversed(list(self.homes)):
            if key in self._made and not self.homes[key].is_port:
                left = [one for one in readers.get(key, ()) if one not in found and not self._takes_new(one, key)]
                if not left:
                    found[key] = self._made[key][0]
        return found

    def _takes_new(self, reader: str, key: str) -> bool:
        return any(
            kind == "ref" and self.keys.get((name, more)) == key for kind, name, more in self.written[reader].given
        )

    def _step(self, key: str) -> tuple[str, str]:
        """The step that yields what is new of the model *key* and how that comes; "" when nothing can tell what is new."""
        if key in self._made:
            return self._made[key]
        written = self.written.get(key)
        if written is None or written.problem or written.tables is None or written.incremental != Incremental():
            return "", SIBLING
        token, has_alias = passed_on(written.sql, DUCKDB)
        if not TOKEN.fullmatch(token) or written.sql.count(token) != 1:
            return "", SIBLING
        tables, home = written.tables, self.homes[key]
        _, name, version = tables.key(token)
        instead, changing = tables.changes(token), tables.changing(token)
        if changing == SIBLING:
            instead, changing = self._step(self.keys.get((name, version), ""))
        if not instead:
            return "", SIBLING
        taken = {other.name for other in self.homes.values() if other.product == home.product}
        step = free_name(f"{home.name}_new", taken | set(self.steps.get(home.product, {})))
        text = finished(
            tables.named(written.sql, token=token, instead=instead, alias=not has_alias), self.models[key].path
        )
        told = commented(self.models[key], f"-- What is new in {home.name}.\n{text}")
        self.steps.setdefault(home.product, {})[step] = told
        self._made[key] = step, changing
        return step, changing
