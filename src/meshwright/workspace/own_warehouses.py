"""Which domains have a warehouse of their own, told by their domain.yaml alone: who reads data waits for no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.formats import mesh_files
from meshwright.formats.yaml_text import parse
from meshwright.workspace.files import read_bytes

if TYPE_CHECKING:
    from pathlib import Path


def own_warehouses(root: Path) -> dict[str, Path]:
    """The folder of each domain's own warehouse, by domain; a domain.yaml that is not valid counts as without."""
    found = {}
    for file in sorted(root.glob("domains/*/domain.yaml")):
        path, name = file.relative_to(root).as_posix(), file.parent.name
        content, _ = read_bytes(root, path)
        if content is None or b"warehouse" not in content:
            continue
        document, findings = parse(content, path)
        domain = None if findings else mesh_files.read_domain(document, name=name, path=path)[0]
        if domain is not None and domain.warehouse:
            found[name] = root / domain.warehouse
    return found
