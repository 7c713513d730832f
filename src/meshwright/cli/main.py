"""The command `mesh`: verbs by name, each imported when it is called, and one place where errors become exit codes."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import sys
from typing import Any

import click

from meshwright.cli import stopping
from meshwright.model.errors import Denied, InvalidMesh, MeshwrightError, Unavailable
from meshwright.model.release import __version__

# Verb → module below meshwright.cli that holds its command, and what `mesh --help` says of it. Starting up imports none.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("starting", "Start a mesh in a folder."),
    "new": ("starting", "Write a new domain, product or contract."),
    "import": ("importing", "Adopt another tool's project, contracts, or a whole mesh."),
    "validate": ("validating", "Check every file of the mesh, or single ODCS and ODPS documents."),
    "lint": ("linting", "Check the style of SQL, and put it right."),
    "explain": ("validating", "Explain a finding's code."),
    "schema": ("validating", "Print JSON Schemas for editors."),
    "plan": ("planning", "Say what a build would do, why, and whom it would break."),
    "build": ("building", "Build, test and publish what changed."),
    "apply": ("building", "The same as build."),
    "run": ("running", "Build what is due by its schedule, once or as it comes."),
    "preview": ("previewing", "Run one transformation and show its rows; nothing is published."),
    "test": ("testing", "Run contracts and a product's own tests."),
    "status": ("status", "Say what each product serves and how it is."),
    "list": ("showing", "List published ports."),
    "show": ("showing", "Show a product: what it serves, reads and promises."),
    "query": ("reading", "Run SQL over published ports."),
    "read": ("reading", "Read one port."),
    "changes": ("reading", "Show rows inserted, updated and deleted since a publication."),
    "diff": ("diffing", "Show how two publications or environments of a port differ."),
    "rollback": ("building", "Serve an earlier publication again."),
    "export": ("exporting", "Write the mesh for Apache Airflow or Dagster, or all of it for another place."),
    "policy": ("policies", "Say who may read what: publish, test and explain policies."),
    "token": ("tokens", "Hand out tokens, list and revoke them."),
    "audit": ("auditing", "Show what was decided about reads."),
    "env": ("environments", "Try a change in an environment of its own, promote or drop it."),
    "maintain": ("maintaining", "Forget what is past, remove what nobody needs, keep retention, compact files."),
    "completion": ("completing", "Print the script that completes what you type, for your shell."),
    "demo": ("demonstrating", "Show Meshwright on real flights, in a new folder."),
}


# Verbs that tell more than policies have looked at yet: they answer the owner of a mesh, and no bearer of a token.
OWNERS: frozenset[str] = frozenset({"status", "plan", "export", "import", "demo"})
# Set by the script of `mesh completion` when a shell asks for completions.
COMPLETE = "_MESH_COMPLETE"


class Verbs(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order of a day's work."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called *cmd_name*."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"meshwright.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(
            module, "build" if cmd_name == "apply" else f"{cmd_name}_" if cmd_name in {"list", "import"} else cmd_name
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that *args* begin with; a misspelt one gets a suggestion."""
        from meshwright.model.names import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            guess = nearest(args[0], COMMANDS)
            ctx.fail(f"there is no verb '{args[0]}'." + (f" Did you mean '{guess}'?" if guess else " See mesh --help."))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing any."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mesh", message="%(prog)s %(version)s")
@click.option("-C", "folder", default=".", metavar="DIR", help="The mesh's folder, or one inside it.")
@click.option("-v", "--verbose", is_flag=True, help="Log what happens, with tracebacks.")
@click.pass_context
def mesh(ctx: click.Context, folder: str, *, verbose: bool) -> None:
    """Run a data mesh: data products as code, planned, built, tested, published and read.

    Exit codes: 0 done; 1 the mesh says no; 2 wrong usage or invalid files; 3 something outside failed.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.CRITICAL, format="%(levelname)s %(name)s: %(message)s"
    )
    for library in ("botocore", "boto3", "s3transfer", "urllib3"):
        # They would log whole requests, with what signs them.
        logging.getLogger(library).setLevel(logging.WARNING)
    ctx.obj = folder
    if ctx.invoked_subcommand in OWNERS and "MESH_TOKEN" in os.environ:
        raise Denied(f"mesh {ctx.invoked_subcommand} answers the owner of a mesh only: leave out MESH_TOKEN")


def main() -> None:
    """Run the command line; never returns."""
    stopping.listen()
    # What a command makes it needs to its end: looking for garbage among it would double the time of large meshes.
    gc.disable()
    code = run(sys.argv[1:])
    stopping.end(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of `mesh` with *arguments*. Errors are printed, as JSON where `--json` was asked."""
    if COMPLETE in os.environ:
        return _complete()
    try:
        result: Any = mesh.main(args=arguments, prog_name="mesh", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return _stopped()
    except BrokenPipeError:
        # The reader of a pipe went away, as `mesh read … | head` does. Nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost loop: a defect is reported, never shown as a bare traceback
        # A library may have made an error of its own of the signal.
        return _stopped() if stopping.is_asked() else _failed(error, arguments)
    return result if isinstance(result, int) else 0


def _stopped() -> int:
    click.echo("stopped; what was published stays, nothing else is visible", err=True)
    return 143 if stopping.is_terminated() else 130


def _failed(error: Exception, arguments: list[str]) -> int:
    """Say what went wrong: the exit code."""
    as_json = "--json" in arguments
    if isinstance(error, MeshwrightError):
        _show(error, as_json=as_json)
        return error.exit_code
    logging.getLogger(__name__).error("mesh %s", " ".join(arguments), exc_info=error)
    message = f"{type(error).__name__}: {error}. This is a defect of Meshwright; `mesh -v …` shows where"
    _show(Unavailable(message), as_json=as_json)
    return Unavailable.exit_code


def _complete() -> int:
    """Answer a shell that asks how a line goes on; one that makes no sense goes on in no way."""
    # click ends the process once it has answered.
    with contextlib.suppress(click.ClickException, click.exceptions.Exit, SystemExit):
        mesh.main(args=[], prog_name="mesh", complete_var=COMPLETE)
    return 0


def _show(error: MeshwrightError, *, as_json: bool) -> None:
    from meshwright.cli.output import findings_as_data, print_json

    if as_json:
        findings = findings_as_data(error.findings) if isinstance(error, InvalidMesh) else []
        print_json({"error": {"kind": type(error).__name__, "message": str(error)}, "findings": findings})
    elif isinstance(error, InvalidMesh):
        click.echo(str(error), err=True)
        count = len(error.findings)
        click.echo(f"\n{count} error{'s' if count != 1 else ''}. `mesh explain CODE` says more about one.", err=True)
    else:
        click.echo(f"error: {error}", err=True)
