"""`mesh demo`: the example mesh of real flights, built and shown, in a new folder."""

from __future__ import annotations

import runpy
import shutil
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshwright.model.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = "data/landing/weather/2014-01.csv"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default="demo")
@click.pass_context
def demo(ctx: click.Context, folder: Path) -> int:
    """Show Meshwright on real flights: 15 data products in six domains, built into FOLDER, then put to the test.

    Takes about a minute. FOLDER is made anew; one that holds anything but an earlier demo is left alone.
    """
    del ctx
    started = time.monotonic()
    _prepare(folder)
    show = Show(folder)
    for scene in (_build, _read, _reject, _block, _roll_back):
        scene(show)
    click.secho("\nThat was it", bold=True)
    click.echo(f"{time.monotonic() - started:.0f} s. The mesh is in {folder}/; it is yours to try:\n")
    # `make demo` runs the `mesh` of an environment that nobody has activated.
    path = () if shutil.which("mesh") else (f'export PATH="{Path(sys.executable).parent}:$PATH"',)
    for line in (
        *path,
        f"cd {folder}",
        "mesh list                                            # what is there",
        "mesh show operations.flights                         # what one product promises",
        'mesh query "select * from passenger_experience.airline_scorecard"',
        "$EDITOR domains/network/routes/transform/routes.sql  # change something, then:",
        "mesh plan && mesh build",
    ):
        click.echo(f"  {line}")
    return 0


class Show:
    """Runs `mesh` in the demo's folder, each command shown as it would be typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scene = 0

    def title(self, text: str, why: str) -> None:
        """Begin a scene."""
        self.scene += 1
        click.secho(f"\n{self.scene}. {text}", bold=True, fg="cyan")
        click.echo(why)

    def mesh(self, *arguments: str, expect: int = 0) -> None:
        """Run `mesh` with *arguments*. Raises NotFound when it ends otherwise than the scene says."""
        from meshwright.cli.main import run

        shown = " ".join(f'"{one}"' if " " in one else one for one in arguments)
        click.secho(f"\n$ mesh {shown}", fg="green")
        found = run(["-C", str(self.folder), *arguments])
        if found != expect:
            raise InvalidInput(f"the demo stops here: mesh {shown} ended with {found}, not {expect}")
        if found:
            click.secho(f"(exit {found}, as it should)", dim=True)

    def query(self, name: str, saying: str = "") -> None:
        """Run the query called *name* of scenes/queries.sql, with its own comment or *saying* before it."""
        parts = (self.folder / "scenes" / "queries.sql").read_text(encoding="utf-8").split("-- name: ")[1:]
        queries = {part.partition("\n")[0].strip(): part.partition("\n")[2] for part in parts}
        comment, _, sql = queries[name].strip().partition("\n")
        click.echo(f"\n{saying or comment.removeprefix('-- ')}")
        self.mesh("query", sql.strip().removesuffix(";"))


def _prepare(folder: Path) -> None:
    example = _example()
    if folder.exists():
        if not (folder / "scenes").is_dir() and any(folder.iterdir()):
            raise InvalidInput(
                f"{folder} holds something else than an earlier demo: name another folder, mesh demo FOLDER"
            )
        shutil.rmtree(folder)
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".mesh", "data", "__pycache__", "*.lock.yaml"))
    fetch: Callable[[Path], list[Path]] = runpy.run_path(str(folder / "fetch_data.py"))["fetch"]
    try:
        found = fetch(folder.resolve())
    except FileNotFoundError as error:
        raise NotFound(str(error)) from None
    size = sum(path.stat().st_size for path in found) / 1e6
    click.echo(
        f"New York's flights of 2013: {len(found)} files, {size:.0f} MB of real, dirty data, copied to {folder}/data"
    )


def _example() -> Path:
    """The example as packaged in a wheel, or as it lies in the source tree."""
    package = Path(str(files("meshwright")))
    for candidate in (package / "examples" / "flights", package.parent.parent / "examples" / "flights"):
        if (candidate / "mesh.yaml").is_file():
            return candidate
    raise NotFound("the example mesh is not installed with this package")


def _build(show: Show) -> None:
    show.title(
        "Files become products",
        "Fifteen products of six domains: checked before any data moves, planned, built, tested, published.",
    )
    show.mesh("validate")
    show.mesh("plan")
    show.mesh("build")


def _read(show: Show) -> None:
    show.title(
        "One question, three domains", "Consumers name ports as domain.product and see exactly what was published."
    )
    show.query("three_domains")


def _reject(show: Show) -> None:
    show.title(
        "A bad batch is rejected, the old data keeps serving",
        "January 2014 arrives with impossible humidity, a missing time, an unknown airport and an hour that comes twice.",
    )
    _copy(show, "scenes/bad_batch/2014-01.csv", BATCH)
    show.mesh("build", "--select", "weather.hourly", expect=1)
    show.query("weather_keeps_serving", "Readers still get what was published before:")
    click.echo("\nThe station sends it again, repaired:")
    _copy(show, "scenes/good_batch/2014-01.csv", BATCH)
    show.mesh("build", "--select", "weather.hourly")
    show.query("weather_keeps_serving", "Now they get 72 hours more:")


def _copy(show: Show, source: str, target: str) -> None:
    click.secho(f"\n$ cp {source} {target}", fg="green")
    shutil.copyfile(show.folder / source, show.folder / target)


def _block(show: Show) -> None:
    show.title(
        "A breaking change is blocked, and its consumers are named",
        "Operations renames a column of an active contract. The plan knows who reads it, across domains.",
    )
    edits = _edits(show.folder / "scenes" / "breaking_rename.yaml")
    for edit in edits:
        _edit(show, edit, forward=True)
    show.mesh("plan", "--select", "operations.flights", expect=1)
    click.echo("\nTaken back:")
    for edit in edits:
        _edit(show, edit, forward=False)
    show.mesh("plan", "--select", "operations.flights")


def _edits(path: Path) -> list[dict[str, Any]]:
    from meshwright.formats.yaml_text import parse

    document, _ = parse(path.read_bytes(), str(path))
    edits: list[dict[str, Any]] = document["edits"]
    return edits


def _edit(show: Show, edit: dict[str, Any], *, forward: bool) -> None:
    old, new = (edit["find"], edit["replace"]) if forward else (edit["replace"], edit["find"])
    path = show.folder / edit["file"]
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise InvalidInput(f"{path} is not as the demo knows it: make it anew with mesh demo")
    path.write_text(text.replace(old, new), encoding="utf-8")
    click.echo(f"  {edit['file']}: {' '.join(old.split())} → {' '.join(new.split())}")


def _roll_back(show: Show) -> None:
    show.title(
        "A rollback is instant",
        "Nothing is rebuilt: an earlier publication is served again, the later one stays in the history.",
    )
    show.mesh("rollback", "weather.hourly")
    show.query("weather_keeps_serving", "Readers are back in 2013:")
    show.mesh("show", "weather.hourly", "--publications")
