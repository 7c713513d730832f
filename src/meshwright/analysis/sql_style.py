"""The style of a query: what sqlfluff finds in it, and its text put right without a change of what it says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from meshwright.analysis.fingerprint import fingerprint
from meshwright.analysis.problem import Problem, SqlError
from meshwright.analysis.query import parse

# Rules about how a query is laid out and named, and a few about what its author can hardly have meant. None whose
# correction would say something else (it would be refused), and none that takes our names of tables for a mistake.
LAYOUT: Final = (
    "LT01,LT02,LT03,LT04,LT05,LT06,LT07,LT08,LT10,LT11,LT12,LT13,"
    "CP01,CP03,CP04,CP05,AL01,AL02,AL03,AL04,AL08,AL09,CV01,CV03,CV11,ST03"
)
# These are found and left to the author: what is meant is not what is written.
MEANT_OTHERWISE: Final = "AM01,AM09,CV05,ST10"
SETTINGS: Final = """
[sqlfluff]
dialect = duckdb
max_line_length = 120
rules = {rules}
[sqlfluff:indentation]
indented_joins = false
[sqlfluff:rules:layout.long_lines]
ignore_comment_lines = true
[sqlfluff:rules:capitalisation.functions]
extended_capitalisation_policy = consistent
"""
# SQL here holds no templates, and a mesh's settings run no code.
FORCED: Final[dict[str, Any]] = {"templater": "raw", "dialect": "duckdb"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Styled:
    """What was found in a text. `is_read` is False when the linter does not know the dialect's newest words in it."""

    problems: tuple[Problem, ...] = ()
    is_read: bool = True


def release() -> str:
    """What the findings rest on beside text and settings. Raises ImportError without sqlfluff, which is not imported."""
    from importlib.metadata import version

    return f"{version('sqlfluff')} {LAYOUT} {MEANT_OTHERWISE} {SETTINGS}"


def check(text: str, settings: str = "") -> Styled:
    """What there is to say of the style of *text*, in its order; *settings* in sqlfluff's own format add to ours.

    Needs sqlfluff. Raises SqlError for what is no query.
    """
    parse(text)
    found = _linter(f"{LAYOUT},{MEANT_OTHERWISE}", settings).lint_string(text)
    problems = [_problem(one) for one in found.get_violations(filter_warning=False)]
    unread = any(one is None for one in problems)
    return Styled(problems=tuple(one for one in problems if one is not None) if not unread else (), is_read=not unread)


def fixed(text: str, settings: str = "") -> str:
    """*text* in good style, as far as that can be had; itself when there is nothing to do.

    Raises SqlError when it is no query, or the query in good style would not be the same one.
    """
    before = fingerprint(parse(text))
    made, _ = _linter(LAYOUT, settings).lint_string(text, fix=True).fix_string()
    try:
        same = fingerprint(parse(made)) == before
    except SqlError:
        same = False
    if not same:
        message = "its style cannot be put right without a change of what it says"
        raise SqlError(Problem(code="sql-style", message=message, hint="edit it by hand", line=1, column=1))
    return str(made)


@cache
def _linter(rules: str, settings: str) -> Any:  # noqa: ANN401 - sqlfluff is imported late
    from sqlfluff.core import FluffConfig, Linter

    return Linter(config=FluffConfig.from_strings(SETTINGS.format(rules=rules), settings, overrides=FORCED))


def _problem(found: Any) -> Problem | None:  # noqa: ANN401 - sqlfluff's violation
    """One finding as ours; None for a part that the linter cannot read."""
    code = found.rule_code()
    if code in {"PRS", "LXR", "TMP"}:
        return None
    name = getattr(getattr(found, "rule", None), "name", "") or code
    hint = "`mesh lint --fix` puts it right" if found.fixable else ""
    message = " ".join(found.desc().split()).rstrip(".")
    return Problem(code="sql-style", message=message, value=name, hint=hint, line=found.line_no, column=found.line_pos)
