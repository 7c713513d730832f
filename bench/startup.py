"""How long `mesh --version` and `mesh --help` take from the shell, beside the interpreter alone."""

from __future__ import annotations

from bench.measuring import MESH, PYTHON, Row, at_most, figure, in_turns, run


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    found = in_turns(
        {
            "version": lambda: run([MESH, "--version"]),
            "help": lambda: run([MESH, "--help"]),
            "python": lambda: run([PYTHON, "-c", ""]),
        },
        5 if quick else 20,
    )
    return [
        at_most("mesh --version: wall", found["version"].wall, 0.15),
        at_most("mesh --help: wall", found["help"].wall, 0.25),
        figure("python -c '': wall", found["python"].wall),
    ]
