"""A review as a comment on a pull request: bounded, the same for the same facts, counts only and never a value of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.cli.markdown import code, codes, folded, table, text
from meshwright.cli.output import plural, size
from meshwright.model.plan import Action
from meshwright.model.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.build.review import ContractReview, DataReview, Review
    from meshwright.model.findings import Finding
    from meshwright.model.plan import ProductPlan

# GitHub refuses comments of more than 65,536 characters.
LENGTH_MAX: Final = 65_000
# Rows that a table may have, tried one after the other until the comment is short enough.
ROWS: Final = (400, 200, 100, 50, 25, 10, 4, 1)
# More rows than these are folded away.
OPEN_ROWS: Final = 12
COLUMNS_NAMED: Final = 8
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
        building = review.planned(Action.BUILD)
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
        rows = [self.change(one) for action in order for one in self.review.planned(action)]
        if not rows:
            return []
        headers = ["product", "owner", f"`{self.review.base}`", "why"]
        headers += [f"`{self.review.environment}`"] if self.review.environment else []
        return self.section("What changes", rows, headers, "products")

    def change(self, one: ProductPlan) -> list[str]:
        review = self.review
        action = one.action.value if one.action is not Action.BUILD else "changes" if one.head else "new"
        why = "<br>".join(text(reason) for reason in one.reasons[:REASONS_NAMED])
        rest = len(one.reasons) - REASONS_NAMED
        why += f"<br>and {rest} more" if rest > 0 else ""
        cells = [code(one.id), code(review.owners.get(one.id, "")), action, why]
        if review.environment:
            state = STATES[review.states.get(one.id, "pending")] if one.action is not Action.REMOVE else ""
            failure = text(review.failures[one.id]) if one.id in review.failures else ""
            cells.append(f"{state}: {failure}" if failure else state)
        return cells

    def contracts(self) -> list[str]:
        rows = [row for one in self.review.contracts for row in _contract_rows(one)]
        headers = ["contract", "column", "change", "", "version"]
        return self.section("Contracts", rows, headers, "contract changes") if rows else []

    def data(self) -> list[str]:
        if not self.review.data and not self.review.elsewhere:
            return []
        rows = [_data_row(one) for one in self.review.data if not one.is_same]
        same = [one.port for one in self.review.data if one.is_same]
        lines = [f"Holds the same: {codes(same, 2 * COLUMNS_NAMED)}.", ""] if same else []
        if self.review.moved_on:
            names = codes(self.review.moved_on, COLUMNS_NAMED)
            lines += [f"`{self.review.base}` has published {names} since: the difference counts that, too.", ""]
        if self.review.elsewhere:
            names = codes(self.review.elsewhere, COLUMNS_NAMED)
            lines += [f"`{self.review.environment}` also holds {names}, of other repositories: not a part of this.", ""]
        headers = ["port", "rows", "added", "removed", "changed", "columns"]
        section = self.section("Data", rows, headers, "ports", right=(2, 3, 4)) if rows else ["#### Data", ""]
        return [*section[:2], *lines, *section[2:]]

    def tests(self) -> list[str]:
        results = [(one, result) for one in self.review.tests for result in one.results]
        if not results:
            return []
        counts = {outcome: sum(result.outcome is outcome for _, result in results) for outcome in Outcome}
        said = ", ".join(f"{count:,} {outcome.value}" for outcome, count in counts.items() if count)
        rows = [
            [
                code(one.port),
                code(result.name or result.rule),
                result.outcome.value if result.blocks or result.outcome is Outcome.NOT_RUN else "warning",
                f"{result.failing:,}" if result.failing else "",
                text(result.message or f"{result.value} {result.threshold}"),
            ]
            for one, result in results
            if result.outcome is not Outcome.PASSED
        ]
        head = [
            "#### Tests",
            "",
            f"{said}, on {plural(len(self.review.tests), 'port')} built in `{self.review.environment}`.",
        ]
        if not rows:
            return head
        return [*head, "", *self.lines(rows, ["port", "rule", "outcome", "rows", ""], "rules", right=(3,))]

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
        self, title: str, rows: list[list[str]], headers: Sequence[str], what: str, *, right: Sequence[int] = ()
    ) -> list[str]:
        """A heading and its table, folded when it is long."""
        return [f"#### {title}", "", *self.lines(rows, headers, what, right=right)]

    def lines(
        self, rows: list[list[str]], headers: Sequence[str], what: str, *, right: Sequence[int] = ()
    ) -> list[str]:
        """A table of *rows*, folded when it is long."""
        shown = table(headers, self.rows(rows, what), right=right)
        return folded(f"{len(rows):,} {what}", shown) if len(rows) > OPEN_ROWS else shown


def _contract_rows(one: ContractReview) -> list[list[str]]:
    needed = "" if one.is_enough or not one.bump else f", **needs a new {one.bump} version**"
    version = one.before if one.before == one.after or not one.after else f"{one.before} → {one.after}"
    return [
        [
            code(one.port),
            code(change.column),
            text(change.kind + (f" ({change.detail})" if change.detail else "")),
            "⛔ breaking" if change.breaking else "compatible",
            f"{text(version)}{needed}" if at == 0 else "",
        ]
        for at, change in enumerate(one.changes)
    ]


def _data_row(one: DataReview) -> list[str]:
    name = code(one.port)
    if one.before is None or one.after is None:
        served = one.after or one.before
        assert served is not None  # noqa: S101 - a difference has at least one side
        word = "new" if one.before is None else "removed"
        columns = codes([field.name for field in served.schema], COLUMNS_NAMED)
        return [name, f"{served.rows:,} ({word})", "", "", "", columns]
    rows = f"{one.before.rows:,}"
    if one.before.rows != one.after.rows:
        rows += f" → {one.after.rows:,}"
    found = one.difference
    if found is None:
        return [name, rows, "", "", "", text(one.note) if one.note else codes(one.columns, COLUMNS_NAMED)]
    notes = [f"{column.kind} {code(column.name)}" for column in found.columns[:COLUMNS_NAMED]]
    if found.rows is None:
        counts = [sum(kind == word for kind in found.artifacts.values()) for word in ("added", "removed", "changed")]
        return [name, "files", *(f"{count:,}" for count in counts), ", ".join(notes)]
    difference = found.rows
    notes += [f"{code(column)} in {count:,}" for column, count in difference.columns.items() if count][:COLUMNS_NAMED]
    changed = f"{difference.changed:,}" if difference.key else "–"
    return [name, rows, f"{difference.added:,}", f"{difference.removed:,}", changed, ", ".join(notes)]
