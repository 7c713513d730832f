"""A review as a comment on a pull request: bounded, the same for the same facts, counts only and never a value of the data."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from meshwright.cli.markdown import code, codes, folded, table, text
from meshwright.cli.output import plural, size
from meshwright.cli.review_rows import (
    COLUMNS_NAMED,
    OUTCOMES,
    SAME,
    contract_rows,
    data_row,
    outcome,
    rule_row,
    without_values,
)
from meshwright.model.plan import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.build.review import Review
    from meshwright.model.findings import Finding
    from meshwright.model.plan import ProductPlan

# GitHub refuses comments of more than 65,536 characters.
LENGTH_MAX: Final = 65_000
# Rows that a table may have, tried one after the other until the comment is short enough.
ROWS: Final = (400, 200, 100, 50, 25, 10, 4, 1)
# More rows than these are folded away.
OPEN_ROWS: Final = 12
REASONS_NAMED: Final = 4
STATES: Final = {
    "built": "built",
    "same": "not needed: its inputs hold the same",
    "failed": "**failed**",
    "pending": "not built yet",
    "blocked": "blocked",
}


def review_text(review: Review) -> str:
    """*review* in markdown, at most LENGTH_MAX bytes; what had to be left out is said at the end."""
    for most in ROWS:
        found = _Comment(review, most).text()
        if len(found.encode()) <= LENGTH_MAX:
            return found
    return found.encode()[: LENGTH_MAX - 4].decode(errors="ignore") + "\n…\n"


def findings_text(findings: Sequence[Finding]) -> str:
    """The comment when the mesh is not valid and nothing can be planned."""
    count = plural(len(findings), "error")
    head = ["### Mesh review", "", f"⛔ **Not valid.** {count}; nothing can be planned before they are corrected.", ""]
    for most in ROWS:
        rows = [
            [code(f"{one.path}:{one.line}" if one.line else one.path), code(one.code), text(_message(one))]
            for one in findings[:most]
        ]
        rest = ["", f"… and {len(findings) - most:,} more: `mesh validate`."] if len(findings) > most else []
        found = "\n".join([*head, *table(["where", "code", "what"], rows), *rest, ""])
        if len(found.encode()) <= LENGTH_MAX:
            break
    return found


def _message(finding: Finding) -> str:
    value = f": {finding.value}" if finding.value else ""
    return f"{finding.message}{value}" + (f" … {finding.hint}" if finding.hint else "")


class _Comment:
    def __init__(self, review: Review, most: int) -> None:
        self.review = review
        self.most = most
        self.own = set(review.changed)
        self.cut: list[str] = []

    def text(self) -> str:
        parts = [
            self.head(),
            self.breaks(),
            self.changes(),
            self.contracts(),
            self.data(),
            self.tests(),
            self.cost(),
        ]
        lines = [line for part in parts if part for line in (*part, "")]
        if self.cut:
            whole = f"`mesh plan --env {self.review.base}` prints everything"
            lines += [f"_Shortened to fit a comment: {'; '.join(self.cut)}. {whole}._", ""]
        return "\n".join(lines)

    def rows(self, rows: list[list[str]], what: str) -> list[list[str]]:
        """The first *rows*, as many as there is room for."""
        if len(rows) > self.most:
            self.cut.append(f"{self.most:,} of {len(rows):,} {what}")
        return rows[: self.most]

    def head(self) -> list[str]:
        review = self.review
        tried = f"`{review.environment}` → " if review.environment else ""
        counts = [[f"{len(review.planned(action)):,}" for action in Action]]
        return [
            f"### Mesh review: {tried}`{review.base}`",
            "",
            self.verdict(),
            "",
            *table([action.value for action in Action], counts, right=range(len(Action))),
        ]

    def verdict(self) -> str:
        review, base = self.review, f"`{self.review.base}`"
        blocked, removed = review.planned(Action.BLOCKED), review.planned(Action.REMOVE)
        # What turned out to hold the same does not change.
        building = [one for one in review.planned(Action.BUILD) if review.states.get(one.id) != "same"]
        states = [review.states.get(one.id, "pending") for one in building]
        failed, pending = states.count("failed"), states.count("pending")
        if blocked:
            return f"⛔ **Not ready.** {plural(len(blocked), 'product')} blocked: {codes([one.id for one in blocked], COLUMNS_NAMED)}."
        if not building and not removed:
            return f"✅ **Nothing changes in {base}.**"
        broken = self.broken()
        breaks = f" It breaks {plural(len(broken), 'product')} downstream." if broken else ""
        gone = f" {plural(len(removed), 'product')} removed." if removed else ""
        if failed:
            return f"⛔ **Not ready.** {failed} of {plural(len(building), 'build')} failed in `{review.environment}`.{breaks}{gone}"
        changing = f"{plural(len(building), 'product')} {'changes' if len(building) == 1 else 'change'} in {base}"
        if review.environment and not pending:
            sign = "⚠️ **Built, but look who breaks.**" if broken else "✅ **Ready.**"
            return f"{sign} {changing}; all of it is built and tested in `{review.environment}` and is promoted as it is.{breaks}{gone}"
        where = f" in `{review.environment}`" if review.environment else ""
        return f"{'⚠️ **Look who breaks.**' if broken else '📝 **Planned.**'} {changing}; {pending} not built{where} yet.{breaks}{gone}"

    def broken(self) -> list[str]:
        """The products downstream that breaking changes reach."""
        return sorted({hit.id for one in self.review.plan.products for hit in one.affects})

    def breaks(self) -> list[str]:
        found: list[list[str]] = []
        tell: dict[str, set[str]] = {}
        for one in sorted(self.review.plan.products, key=lambda one: one.id):
            breaking = [
                f"{change.port}{'.' if change.column else ' '}{change.column} {change.kind}".replace("  ", " ")
                for change in one.changes
                if change.breaking
            ]
            for hit in one.affects:
                found.append(
                    [
                        code(hit.id if hit.id.endswith(f".{hit.port}") else f"{hit.id}.{hit.port}"),
                        code(hit.owner) or "–",
                        codes(hit.reads, COLUMNS_NAMED) or "_through others_",
                        codes(hit.columns, COLUMNS_NAMED) or "_all_",
                        f"{code(one.id)}: {text('; '.join(breaking[:REASONS_NAMED]))}",
                    ]
                )
                tell.setdefault(hit.owner, set()).add(hit.id)
        if not found:
            return []
        named = [f"{code(owner)} ({codes(sorted(ids), COLUMNS_NAMED)})" for owner, ids in sorted(tell.items()) if owner]
        headers = ["port downstream", "owner", "reads", "columns reached", "because of"]
        notify = [f"**Tell** {', '.join(named)}.", ""] if named else []
        return ["#### Who breaks", "", *notify, *table(headers, self.rows(found, "ports downstream"))]

    def changes(self) -> list[str]:
        order = (Action.BLOCKED, Action.REMOVE, Action.BUILD)
        changing = [one for action in order for one in self.review.planned(action)]
        if not changing:
            return []
        first = [one for one in changing if one.id in self.own]
        rows = [self.change(one) for one in (*first, *(one for one in changing if one.id not in self.own))]
        headers = ["product", "owner", f"`{self.review.base}`", "why"]
        headers += [f"`{self.review.environment}`"] if self.review.environment else []
        return self.section("What changes", rows, headers, "products", first=len(first))

    def change(self, one: ProductPlan) -> list[str]:
        review = self.review
        action = one.action.value if one.action is not Action.BUILD else "changes" if one.head else "new"
        why = "<br>".join(text(reason) for reason in one.reasons[:REASONS_NAMED])
        rest = len(one.reasons) - REASONS_NAMED
        why += f"<br>and {rest} more" if rest > 0 else ""
        cells = [code(one.id), code(review.owners.get(one.id, "")), action, why]
        if review.environment:
            state = STATES[review.states.get(one.id, "pending")] if one.action is not Action.REMOVE else ""
            failure = text(without_values(review.failures[one.id])) if one.id in review.failures else ""
            cells.append(f"{state}: {failure}" if failure else state)
        return cells

    def contracts(self) -> list[str]:
        rows = [row for one in self.review.contracts for row in contract_rows(one)]
        headers = ["contract", "column", "change", "", "version"]
        return self.section("Contracts", rows, headers, "contract changes") if rows else []

    def data(self) -> list[str]:
        if not self.review.data and not self.review.elsewhere:
            return []
        differing = [one for one in self.review.data if not one.is_same]
        first = [one for one in differing if one.product in self.own]
        rows = [data_row(one) for one in (*first, *(one for one in differing if one.product not in self.own))]
        same = [one.port for one in self.review.data if one.is_same]
        lines = [f"Holds the same: {codes(same, 2 * COLUMNS_NAMED)}.", ""] if same else []
        if self.review.moved_on:
            names = codes(self.review.moved_on, COLUMNS_NAMED)
            lines += [f"`{self.review.base}` has published {names} since: the difference counts that, too.", ""]
        if self.review.elsewhere:
            names = codes(self.review.elsewhere, COLUMNS_NAMED)
            lines += [f"`{self.review.environment}` also holds {names}, of other repositories: not a part of this.", ""]
        headers = ["port", "rows", "added", "removed", "changed", "columns"]
        section = (
            self.section("Data", rows, headers, "ports", right=(2, 3, 4), first=len(first))
            if rows
            else ["#### Data", ""]
        )
        return [*section[:2], *lines, *section[2:]]

    def tests(self) -> list[str]:
        results = [(one, result) for one in self.review.tests for result in one.results]
        if not results:
            return []
        counts = Counter(outcome(result) for _, result in results)
        said = ", ".join(f"{counts[word]:,} {OUTCOMES[word]}" for word in OUTCOMES if counts[word])
        ordered = sorted(results, key=lambda pair: list(OUTCOMES).index(outcome(pair[1])))
        rows = [rule_row(one, result) for one, result in ordered if outcome(result) != "passed"]
        new, known = [row for row in rows if row[3] != SAME], [row for row in rows if row[3] == SAME]
        ports = plural(len(self.review.tests), "port")
        lines = ["#### Tests", "", f"{said}, on {ports} built in `{self.review.environment}`."]
        headers = ["port", "rule", "outcome", f"in `{self.review.base}`", "what"]
        if new:
            lines += ["", *self.lines(new, headers, "rules")]
        if known:
            summary = f"{plural(len(known), 'rule')} as in <code>{self.review.base}</code>"
            lines += ["", *folded(summary, table(headers, self.rows(known, "rules as below")))]
        return lines

    def cost(self) -> list[str]:
        review = self.review
        if review.environment:
            if not review.publications:
                return []
            seconds = sum(one.duration_seconds for one in review.publications)
            read = sum(read.rows for one in review.publications for read in one.inputs)
            stored = sum(port.bytes for one in review.publications for port in one.ports)
            built = plural(len(review.publications), "product")
            took = f"{built} built in {seconds:,.1f} s, {plural(read, 'row')} read, {size(stored)} served."
            later = "What is built is promoted: merging builds it again only when inputs have changed by then."
            return ["#### Cost", "", f"{took} {later}"]
        estimates = [one.estimate for one in review.planned(Action.BUILD)]
        if not estimates:
            return []
        unknown = sum(one.rows_written is None for one in estimates)
        known = f"Last time these builds read {plural(sum(one.rows_read or 0 for one in estimates), 'row')} and wrote "
        known += size(sum(one.bytes_written or 0 for one in estimates))
        never = f"; {plural(unknown, 'product')} never built before" if unknown else ""
        return ["#### Cost", "", f"{known}{never}."]

    def section(
        self,
        title: str,
        rows: list[list[str]],
        headers: Sequence[str],
        what: str,
        *,
        right: Sequence[int] = (),
        first: int = 0,
    ) -> list[str]:
        """A heading and its table, of which all but the *first* rows are folded away when it is long."""
        return [f"#### {title}", "", *self.lines(rows, headers, what, right=right, first=first)]

    def lines(
        self, rows: list[list[str]], headers: Sequence[str], what: str, *, right: Sequence[int] = (), first: int = 0
    ) -> list[str]:
        """A table of *rows*, of which all but the *first* are folded away when it is long."""
        shown = self.rows(rows, what)
        if len(rows) <= OPEN_ROWS:
            return table(headers, shown, right=right)
        seen = min(first, OPEN_ROWS)
        opened = [*table(headers, shown[:seen], right=right), ""] if seen else []
        if not shown[seen:]:
            return opened
        summary = f"{len(rows) - seen:,} {'more ' if seen else ''}{what}"
        return [*opened, *folded(summary, table(headers, shown[seen:], right=right))]
