"""`mesh demo`: the example meshes, real flights and an invented company, built and shown in a new folder."""

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

IGNORED = shutil.ignore_patterns(".mesh", "data", "__pycache__", "*.lock.yaml")
# The same query as four people; the last one says what for.
CUSTOMERS = (
    "select customer_id, left(name, 16) as name, left(email, 28) as email, birth_date, region from sales.customers "
    "where customer_id between 21 and 24 order by customer_id"
)
PEOPLE = (
    ("An analyst of Sales, whose data it is:", ("sales_analyst",)),
    ("A data scientist: the same pseudonym in every product, so that they join, and a year of birth:", ("data_scientist",)),
    ("An analyst for the EU, who sees no other region:", ("eu_analyst",)),
    ("Who writes to customers says what for, and sees the addresses of those who agreed:",
     ("campaign_manager", "--purpose", "DirectMarketing")),
)  # fmt: skip
BATCH = "data/landing/weather/2014-01.csv"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default="demo")
@click.pass_context
def demo(ctx: click.Context, folder: Path) -> int:
    """Show Meshwright on real flights: 15 data products in six domains, built into FOLDER, then put to the test.

    A chapter of its own shows policies, on the customers of an invented company in FOLDER/company.

    Takes about a minute. FOLDER is made anew; one that holds anything but an earlier demo is left alone.
    """
    del ctx
    started = time.monotonic()
    _prepare(folder)
    show = Show(folder)
    for scene in (_build, _read, _reject, _block, _roll_back, _ask_as_four):
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
        "cd company && $EDITOR policies/personal.cedar        # change who sees what, then:",
        "mesh policy test && mesh policy publish",
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
    example = _example("flights")
    if folder.exists():
        if not (folder / "scenes").is_dir() and any(folder.iterdir()):
            raise InvalidInput(
                f"{folder} holds something else than an earlier demo: name another folder, mesh demo FOLDER"
            )
        shutil.rmtree(folder)
    shutil.copytree(example, folder, ignore=IGNORED)
    fetch: Callable[[Path], list[Path]] = runpy.run_path(str(folder / "fetch_data.py"))["fetch"]
    try:
        found = fetch(folder.resolve())
    except FileNotFoundError as error:
        raise NotFound(str(error)) from None
    size = sum(path.stat().st_size for path in found) / 1e6
    click.echo(
        f"New York's flights of 2013: {len(found)} files, {size:.0f} MB of real, dirty data, copied to {folder}/data"
    )


def _example(name: str) -> Path:
    """The example called *name* as packaged in a wheel, or as it lies in the source tree."""
    package = Path(str(files("meshwright")))
    for candidate in (package / "examples" / name, package.parent.parent / "examples" / name):
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


def _ask_as_four(show: Show) -> None:
    folder = show.folder / "company"
    show.title(
        "One policy on every read",
        "Another mesh: four departments of an invented company, 21 products, policies of the whole company and of each department.",
    )
    shutil.copytree(_example("company"), folder, ignore=IGNORED)
    made = runpy.run_path(str(folder / "generate_data.py"))["generate"](folder.resolve())
    click.echo(f"{len(made)} files made in {folder}/data")
    click.secho("\n$ cd company", fg="green")
    company = Show(folder)
    company.mesh("build")
    company.mesh("policy", "test")
    company.mesh("policy", "publish", "--all")
    click.echo("\nThe same query as four people:")
    for who, arguments in PEOPLE:
        click.echo(f"\n{who}")
        company.mesh("query", CUSTOMERS, "--as", *arguments)
    click.echo("\nWhy, and what was decided:")
    company.mesh("policy", "explain", "sales.customers", "--as", "eu_analyst", "--column", "email")
    company.mesh("audit", "log", "--limit", "3")
