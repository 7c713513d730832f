"""Which files of a warehouse nobody needs, told by what the registry still names.

Only files that are named as Meshwright names them are looked at: whatever else lies in a warehouse stays.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Unavailable
from meshwright.storage import iceberg_manifests as manifests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshwright.model.maintenance import Remains, StoredFile
    from meshwright.storage import Warehouse

# A port's table ends in eight digits of chance: no other folder is one.
DATA: Final = re.compile(r".+-[0-9a-f]{8}/data/[0-9a-f]{16,}\.parquet")
ARTIFACT: Final = re.compile(r".+/artifacts/[0-9a-f]{2}/[0-9a-f]{64}(-[0-9a-f]+)?")
METADATA: Final = re.compile(
    r"(?P<table>.+-[0-9a-f]{8})/metadata/(?:(?P<file>\d+-[0-9a-f-]{36}\.metadata\.json)"
    r"|snap-(?P<snapshot>\d+)-[0-9a-f-]{36}\.avro|(?P<manifest>[0-9a-f-]{36}-m\d+\.avro))"
)


def unneeded_files(warehouse: Warehouse, stored: Iterable[StoredFile], remains: Remains) -> list[StoredFile]:
    """Those of *stored* that nothing in *remains* needs, in the order of their paths. Raises Unavailable."""
    found: list[StoredFile] = []
    # By table its manifest lists that are needed, and its manifests.
    lists: defaultdict[str, list[str]] = defaultdict(list)
    named: defaultdict[str, list[StoredFile]] = defaultdict(list)
    for file in stored:
        if file.path in remains.paths:
            continue
        metadata = METADATA.fullmatch(file.path)
        if metadata is None:
            found += [file] if DATA.fullmatch(file.path) or ARTIFACT.fullmatch(file.path) else []
        elif metadata["manifest"]:
            named[metadata["table"]].append(file)
        elif metadata["snapshot"] and (metadata["table"], int(metadata["snapshot"])) in remains.snapshots:
            lists[metadata["table"]].append(file.path)
        else:
            found.append(file)
    for table, present in named.items():
        # Each commit writes a list and a manifest at most: as many of both are all needed.
        if len(present) > len(lists[table]):
            needed = _manifests(warehouse, lists[table])
            # A list that is gone was forgotten by somebody else meanwhile, or lost: nothing is known of its manifests.
            if needed is None:
                continue
            found += [file for file in present if file.path.rsplit("/", 1)[-1] not in needed]
    return sorted(found, key=lambda file: file.path)


def _manifests(warehouse: Warehouse, lists: Sequence[str]) -> set[str] | None:
    """The names of the manifests in the manifest *lists*; None when one of these cannot be read."""
    found = set()
    for one in lists:
        try:
            content = warehouse.read(one, doing="read the table's metadata")
        except Unavailable:
            return None
        try:
            found |= {str(record["manifest_path"]).rsplit("/", 1)[-1] for record in manifests.read_records(content)}
        except (ValueError, LookupError, EOFError, TypeError, ArithmeticError) as error:
            raise Unavailable(
                f"the table's manifest list {warehouse.name(one)} is damaged ({error}); restore it from a backup, or rebuild the product: "
                "mesh build --full"
            ) from error
    return found
