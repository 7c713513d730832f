"""What analysis says about a text: problems as values, and the error for a text that cannot be analysed at all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a text; `line` and `column` count from 1 and are relative to it, 0 means the whole text."""

    code: str
    message: str
    value: str = ""
    hint: str = ""
    line: int = 0
    column: int = 0


class SqlError(ValueError):
    """A query that does not parse, is not one query, or does not bind.

    `code` is one of `codes.CODES`; `line` and `column` count from 1, relative to the text that was given.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.code = problem.code
        self.message = problem.message
        self.value = problem.value
        self.hint = problem.hint
        self.line = problem.line
        self.column = problem.column
        place = f" (line {problem.line}, column {problem.column})" if problem.line else ""
        hint = f"; {problem.hint}" if problem.hint else ""
        super().__init__(f"{problem.message}{place}{hint}")
