"""Continuous integration: a workflow for GitHub or GitLab that reviews changes in the branch's environment and promotes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats.yaml_text import parse
from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.release import __version__
from meshwright.workspace.git_branch import default_branch, repository_root
from meshwright.workspace.root import MESH_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROVIDERS: Final = ("github", "gitlab")
TEMPLATES: Final = Path(__file__).with_name("ci_templates")
# Actions by the commit of a release: a tag could be moved to other code. Each runs on Node 24.
ACTIONS: Final = {
    "checkout": "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2",
    "python": "actions/setup-python@a309ff8b426b58ec0e2a45f0f869d46889d02405 # v6.2.0",
    "upload": "actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f # v6.0.0",
    "download": "actions/download-artifact@37930b1c2abaa49bbe596cd826c3c89aef350131 # v7.0.0",
}
# What the libraries behind a registry and a warehouse take their secrets from, where mesh.yaml names nothing else.
SECRETS: Final = {"postgresql": ("PGPASSWORD",), "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
SETTINGS: Final = {"postgresql": "password", "s3": "secret_access_key"}
# Extras of Meshwright that stores and connections of a kind need.
EXTRAS: Final = ("postgresql", "s3", "sqlite")
GITLAB_FILE: Final = ".gitlab-ci.yml"
GITLAB_INCLUDED: Final = ".gitlab/mesh.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow that was written to `path`; `notes` say what is left to do by hand, `secrets` what it needs to be given."""

    path: Path
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def write_workflow(root: Path, provider: str) -> Workflow:
    """Write the workflow of the mesh at *root* into the git repository around it. Raises InvalidInput when it is there already."""
    settings, documents = _documents(root)
    repository = repository_root(root) or root
    folder = root.relative_to(repository).as_posix() if root != repository else ""
    slug = re.sub(r"[^a-z0-9]+", "-", str(settings.get("name", "mesh")).lower()).strip("-") or "mesh"
    secrets = tuple(sorted({name for document in documents for name in (*_references(document), *_implied(document))}))
    path = _place(repository, provider, slug if folder else "")
    needed = {kind for document in documents for kind in _kinds(document)}
    extras = [extra for extra in EXTRAS if extra in needed]
    text = _rendered(
        provider, settings, slug=slug, folder=folder, extras=extras, secrets=secrets, branch=default_branch(root)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidInput(f"{path} is there already and was not changed: remove it to have it written anew") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    return Workflow(path=path, secrets=secrets, notes=tuple(_notes(settings, provider, path)))


def _place(repository: Path, provider: str, mesh: str) -> Path:
    """Where the workflow goes; *mesh* tells it from others when the mesh is not the whole repository."""
    if provider == "github":
        return repository / ".github" / "workflows" / (f"mesh-{mesh}.yml" if mesh else "mesh.yml")
    # What is there stays; it includes ours.
    return repository / (GITLAB_INCLUDED if (repository / GITLAB_FILE).exists() else GITLAB_FILE)


def _notes(settings: Mapping[str, Any], provider: str, path: Path) -> Iterator[str]:
    if "postgresql" not in _stores(settings):
        yield (
            "the registry in mesh.yaml is a file, which no other machine sees: name one that is shared, "
            "registry: postgresql://… and warehouse: s3://…, before the workflow runs"
        )
    if provider == "gitlab":
        yield "set the CI/CD variable MESH_GITLAB_TOKEN: a project access token, role Reporter, scope api"
        if path.name != GITLAB_FILE:
            yield f"add to {GITLAB_FILE}: include: [{{local: {GITLAB_INCLUDED}}}]"


def _documents(root: Path) -> tuple[dict[str, Any], list[Any]]:
    """mesh.yaml, and with it every domain.yaml. Raises InvalidInput for one that is no YAML."""
    found = []
    for file in (root / MESH_FILE, *sorted(root.glob("domains/*/domain.yaml"))):
        document, findings = parse(file.read_bytes(), str(file.relative_to(root)))
        if findings:
            raise InvalidInput("; ".join(map(str, findings)))
        found.append(document)
    return found[0] if isinstance(found[0], dict) else {}, found


def _references(document: Any) -> Iterator[str]:  # noqa: ANN401 - any document
    """The environment variables that *document* takes secrets from: `{env: NAME}`."""
    if isinstance(document, dict):
        name = document.get("env")
        if isinstance(name, str) and len(document) == 1:
            yield name
        for value in document.values():
            yield from _references(value)
    if isinstance(document, list):
        for value in document:
            yield from _references(value)


def _stores(document: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - any document
    """The kinds of the stores that *document* names by URL (postgresql, s3, sqlite), with their settings."""
    found = {}
    for name in ("registry", "warehouse"):
        entry = document.get(name) if isinstance(document, dict) else None
        url = entry.get("url") if isinstance(entry, dict) else entry
        if isinstance(url, str) and "://" in url:
            found[url.partition("://")[0].partition("+")[0]] = entry if isinstance(entry, dict) else {}
    return found


def _implied(document: Any) -> Iterator[str]:  # noqa: ANN401 - any document
    """The environment variables that stores take secrets from where the document has no reference for them."""
    for kind, settings in _stores(document).items():
        if kind in SECRETS and SETTINGS[kind] not in settings:
            yield from SECRETS[kind]


def _kinds(document: Any) -> Iterator[str]:  # noqa: ANN401 - any document
    """The kinds of stores and connections in *document*. A registry in SQLite needs nothing, a connection to one does."""
    yield from set(_stores(document)) - {"sqlite"}
    connections = document.get("connections") if isinstance(document, dict) else None
    for one in connections.values() if isinstance(connections, dict) else ():
        if isinstance(one, dict):
            yield str(one.get("type", ""))


def _rendered(
    provider: str,
    settings: Mapping[str, Any],
    *,
    slug: str,
    folder: str,
    extras: Sequence[str],
    secrets: tuple[str, ...],
    branch: str,
) -> str:
    from jinja2 import Environment, StrictUndefined

    wanted = f"[{','.join(extras)}]" if extras else ""
    values = {
        "name": str(settings.get("name", "")).replace("\n", " "),
        "version": __version__,
        "workflow": f"mesh {slug}" if folder else "mesh",
        "slug": slug,
        "branch": branch,
        "package": f"meshwright{wanted}=={__version__}",
        **ACTIONS,
    }
    if provider == "github":
        common = "".join(f"\n      {name}: ${{{{ secrets.{name} }}}}" for name in secrets)
        common = f"\n    # Secrets of the repository or organisation, by name.\n    env:{common}" if common else ""
        values["common"] = common + (f"\n    defaults: {{run: {{working-directory: {folder}}}}}" if folder else "")
    else:
        values["secrets"] = f"; and, as the mesh's files name them: {', '.join(secrets)}" if secrets else ""
        values["folder"] = f'\n    - cd "{folder}"' if folder else ""
    # The files are full of braces, which the workflows' own expressions are made of.
    environment = Environment(  # noqa: S701 - YAML, not HTML; and what is filled in is the mesh owner's own
        variable_start_string="[[",
        variable_end_string="]]",
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    return environment.from_string((TEMPLATES / f"{provider}.yml.j2").read_text(encoding="utf-8")).render(values)
