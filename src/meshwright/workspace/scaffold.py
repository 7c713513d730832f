"""New meshes, domains, products and contracts: the smallest files that are valid, never over existing ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from meshwright.formats import odcs
from meshwright.formats.yaml_text import dump
from meshwright.model.errors import InvalidInput, NotFound
from meshwright.model.names import is_name
from meshwright.workspace.loading import DOMAIN_FILE, DOMAINS
from meshwright.workspace.new_files import write_all
from meshwright.workspace.policy_files import FOLDER
from meshwright.workspace.root import MESH_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.contract import Contract

CONTRACT_HEADER: Final = """\
# What this port promises. Written from what its query yields now: describe, tighten, then set the status to active.
"""
IGNORED: Final = "# What Meshwright builds and keeps; the mesh itself is the other files.\n.mesh/\n"
STARTER_POLICIES: Final = """\
// What binds every domain, once `mesh policy publish` has been run. A domain adds its own in domains/<domain>/policies/.
// A forbid beats every permit. `mesh policy schema` prints what policies can speak of.

@id("own-domain")  // Whoever belongs to a domain sees and reads all that is its own.
permit (
    principal,
    action in [Action::"discover", Action::"read", Action::"readClear", Action::"readMasked"],
    resource
) when { principal in resource.domain };

@id("found-by-all")  // Everybody finds what is no draft.
permit (principal, action == Action::"discover", resource) when { resource.status != "draft" };

@id("read-by-all")  // And reads it, column by column as below.
permit (principal, action == Action::"read", resource is Port) when { resource.status != "draft" };

@id("columns")
permit (principal, action in [Action::"readClear", Action::"readMasked"], resource is Column);

@id("mask-personal")  // Other domains see a pseudonym instead of what is personal or confidential.
@mask("pseudonym")
forbid (principal, action == Action::"readClear", resource is Column)
when { resource.tags.contains("personal") || resource.classifications.contains("confidential") }
unless { principal in resource.domain };

@id("rows")  // A forbid on readRow filters rows: forbid (…) when { resource has region && resource.region != "EU" }.
permit (principal, action == Action::"readRow", resource is Row);

@id("run-own-products")
permit (
    principal,
    action in [Action::"publish", Action::"promote", Action::"rollback", Action::"approve"],
    resource
) when { principal in resource.domain };

@id("administer-own-domain")
permit (principal, action == Action::"administer", resource is Domain) when { principal in resource };
"""
SQL: Final = """\
-- One query makes the output port '{name}'. Name files ('data/orders.csv') or other products (domain.product) in FROM.
SELECT 1 AS id, 'hello' AS message
"""


def contract_text(contract: Contract) -> str:
    """The YAML of a new contract's file, ODCS v3.2.0."""
    return CONTRACT_HEADER + dump(odcs.write(contract))


def init_mesh(folder: Path, name: str) -> list[Path]:
    """Make *folder* the root of a mesh called *name*; the files written.

    Raises InvalidInput when one of them is there already.
    """
    if not name.strip():
        message = "a mesh needs a name"
        raise InvalidInput(message)
    mesh = {"name": name, "owner": "platform_team"}
    files: dict[str, str | Path] = {MESH_FILE: dump(mesh), f"{FOLDER}/starter.cedar": STARTER_POLICIES}
    if not (folder / ".gitignore").exists():
        files[".gitignore"] = IGNORED
    written = write_all(folder, files)
    (folder / DOMAINS).mkdir(exist_ok=True)
    return written


def new_domain(root: Path, name: str, *, team: str = "") -> list[Path]:
    """Add the domain *name*, owned by *team* (default: `<name>_team`), to the mesh at *root*; the files written.

    Raises InvalidInput for a name that cannot be used, or when the domain is there already.
    """
    require_name(name, "domain")
    domain = {"description": f"What the domain '{name}' does.", "team": {"name": team or f"{name}_team"}}
    return write_all(root, {f"{DOMAINS}/{name}/{DOMAIN_FILE}": dump(domain)})


def new_product(root: Path, domain: str, name: str, *, purpose: str = "") -> list[Path]:
    """Add the smallest product, a descriptor and a query, to a domain of the mesh at *root*; the files written.

    *purpose* is what it reads others' ports for, which is written down.

    Raises NotFound when there is no such domain, InvalidInput for a name that cannot be used or is taken.
    """
    folder = product_folder(root, domain, name).relative_to(root).as_posix()
    descriptor: dict[str, Any] = {"apiVersion": "v1.1.0", "kind": "DataProduct", "id": str(uuid4())}
    if purpose:
        descriptor["customProperties"] = [{"property": "mesh.purpose", "value": purpose}]
    return write_all(root, {f"{folder}/product.yaml": dump(descriptor), f"{folder}/{name}.sql": SQL.format(name=name)})


def product_folder(root: Path, domain: str, name: str) -> Path:
    """The folder of a product to be. Raises NotFound when there is no such domain, InvalidInput for its name."""
    require_name(name, "product")
    if not (root / DOMAINS / domain / DOMAIN_FILE).is_file():
        message = f"there is no domain '{domain}' in {root}: run 'mesh new domain {domain}' first"
        raise NotFound(message)
    return root / DOMAINS / domain / name


def require_name(name: str, what: str) -> None:
    """Raise InvalidInput when *name* cannot name a *what*."""
    if not is_name(name):
        message = f"'{name}' cannot name a {what}: use a-z, 0-9 and _, starting with a letter, at most 63 characters"
        raise InvalidInput(message)
