"""A forge in small: a bare git repository, the API that workflows comment through, and the steps of their jobs run for real.

What the runners stand in for is small and said here: checking out (a clone), setting Python up and installing Meshwright (the
one under test is on the path), and carrying artifacts from job to job. Conditions are evaluated, every `run:` and
`script:` is executed by its shell, and the API refuses what the job's permissions do not grant.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWN = "team/mesh"


def git(folder: Path, *arguments: str) -> str:
    """The output of git in *folder*."""
    command = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Job:
    """What became of one job."""

    result: str
    log: str


@dataclass
class Forge:
    """Comments by number of the request, merged requests by commit; who called with what, refused calls included."""

    url: str = ""
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    merged: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[tuple[str, str, int]] = field(default_factory=list)

    def answer(self, method: str, path: str, permissions: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body of one call."""
        place, _, query = path.partition("?")
        page = int(dict(part.split("=") for part in query.split("&"))["page"]) if "page=" in query else 1
        if place == "/user":
            return 200, {"id": 7}
        if found := re.fullmatch(r".*/commits/(\w+)/(?:pulls|merge_requests)", place):
            return (200, self.merged.get(found[1], [])) if "read" in permissions else (403, {})
        if found := re.fullmatch(r".*/(?:issues|merge_requests)/(\d+)/(?:comments|notes)", place):
            if method == "GET":
                return 200, self.comments.setdefault(int(found[1]), [])[(page - 1) * 100 : page * 100]
            if "write" not in permissions:
                return 403, {}
            thread = self.comments.setdefault(int(found[1]), [])
            identity = 1000 * int(found[1]) + len(thread)
            thread.append({"id": identity, "body": body["body"], "user": {"type": "Bot"}, "author": {"id": 7}})
            return 201, thread[-1]
        if found := re.fullmatch(r".*/(?:comments|notes)/(\d+)", place):
            if "write" not in permissions:
                return 403, {}
            (comment,) = [one for thread in self.comments.values() for one in thread if one["id"] == int(found[1])]
            comment["body"] = body["body"]
            return 200, comment
        return 404, {}


def serve(forge: Forge) -> ThreadingHTTPServer:
    """The API of *forge* on loopback, answering until it is shut down."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            token = (self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or "").removeprefix(
                "Bearer "
            )
            status, data = forge.answer(self.command, self.path, token, body)
            forge.calls.append((self.command, self.path, status))
            text = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = handle_any  # noqa: N815 - the names that the library calls

        def log_message(self, *_: object) -> None:
            """Say nothing: tests look at `calls`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forge.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def _run(command: list[str], folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=folder, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, done.stdout.decode()


@dataclass
class GitHub:
    """Runs the workflow of a repository for its events."""

    origin: Path
    scratch: Path
    forge: Forge
    folder: str = ""
    runs: int = 0

    def push(self, sha: str = "", attempt: int = 1) -> dict[str, Job]:
        """main was pushed; a later *attempt* is the run for *sha*, started again."""
        sha = sha or git(self.origin, "rev-parse", "main")
        return self._event("push", {"ref": "refs/heads/main"}, sha=sha, branch="main", head="", attempt=attempt)

    def pull_request(
        self, number: int, branch: str, action: str = "synchronize", *, merged: bool = False
    ) -> dict[str, Job]:
        """Something happened to the pull request *number* of *branch*."""
        head = {"repo": {"full_name": OWN}, "ref": branch, "sha": git(self.origin, "rev-parse", branch)}
        pull = {"head": head, "merged": merged, "base": {"ref": "main"}}
        event = {"number": number, "action": action, "pull_request": pull}
        return self._event(
            "pull_request", event, sha=git(self.origin, "rev-parse", branch), branch=f"{number}/merge", head=branch
        )

    def merge(self, number: int, branch: str) -> dict[str, Job]:
        """The pull request *number* was merged: its closing and the push to main."""
        repository = {"full_name": OWN}
        pull = {
            "merged_at": "2026-01-01",
            "base": {"ref": "main"},
            "head": {"ref": branch, "repo": repository},
            "number": number,
        }
        self.forge.merged[git(self.origin, "rev-parse", "main")] = [pull]
        closed = self.pull_request(number, branch, "closed", merged=True)
        assert {name for name, job in closed.items() if job.result != "skipped"} == {"close"}
        return self.push()

    def _event(
        self, name: str, event: dict[str, Any], *, sha: str, branch: str, head: str, attempt: int = 1
    ) -> dict[str, Job]:
        import yaml

        self.runs += 1
        (file,) = self._checkout(self.scratch / f"{self.runs}-workflow", head).glob(".github/workflows/*.yml")
        workflow = yaml.safe_load(file.read_text())
        github = {
            "event_name": name,
            "event": event,
            "repository": OWN,
            "head_ref": head,
            "sha": sha,
            "ref_name": branch,
            "server_url": "https://forge",
            "run_id": self.runs,
            "run_attempt": attempt,
        }
        jobs: dict[str, Job] = {}
        artifacts = self.scratch / f"{self.runs}-artifacts"
        for job, text in workflow["jobs"].items():
            known = {"github": github, "needs": {one: {"result": done.result} for one, done in jobs.items()}}
            needs = [jobs[one] for one in [text.get("needs", [])] if isinstance(one, str)]
            condition = str(text.get("if", "success()"))
            good = all(one.result == "success" for one in needs)
            if not _holds(condition, known, good=good):
                jobs[job] = Job("skipped", "")
                continue
            run = _GitHubJob(self, text, known, head, artifacts, self.scratch / f"{self.runs}-{job}")
            jobs[job] = run.run(text)
        return jobs

    def _checkout(self, folder: Path, head: str, ref: str = "") -> Path:
        """A clone of main; for a pull request with its *head* merged, as GitHub checks it out."""
        subprocess.run(["git", "clone", "-q", str(self.origin), str(folder)], check=True)
        commit = ref if re.fullmatch(r"[0-9a-f]{40}", ref) else f"origin/{ref or 'main'}"
        git(folder, "checkout", "-q", "--detach", commit)
        if head and not ref:
            git(folder, "merge", "-q", "--no-edit", f"origin/{head}")
        return folder


class _GitHubJob:
    def __init__(
        self, forge: GitHub, job: dict[str, Any], known: dict[str, Any], head: str, artifacts: Path, scratch: Path
    ) -> None:
        self.forge, self.head, self.artifacts = forge, head, artifacts
        self.temp, self.workspace = scratch / "temp", scratch / "work"
        self.temp.mkdir(parents=True)
        self.files = {name: self.temp / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in self.files.values():
            file.touch()
        # A token that says what it may do, as the workflow asked for it.
        granted = " ".join(f"{what}:{how}" for what, how in (job.get("permissions") or {}).items())
        github = {**known["github"], "token": granted.replace("contents:read", "")}
        self.known: dict[str, Any] = {
            **known,
            "github": github,
            "steps": {},
            "runner": {"temp": str(self.temp)},
            "secrets": {},
        }
        self.env = {
            "PATH": _path(),
            "HOME": str(self.temp),
            "CI": "true",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_API_URL": self.forge.forge.url,
            "GITHUB_REPOSITORY": OWN,
            "GITHUB_SHA": str(github["sha"]),
            **{name: str(file) for name, file in self.files.items()},
        }
        self.folder = str(job.get("defaults", {}).get("run", {}).get("working-directory", ""))
        self.log: list[str] = []
        self.good = True

    def run(self, job: dict[str, Any]) -> Job:
        """Every step in turn; after a failed one only those whose condition says so."""
        self.env |= {name: self._filled(value) for name, value in (job.get("env") or {}).items()}
        for step in job["steps"]:
            if _holds(str(step.get("if", "success()")), self.known, good=self.good) and step.get("id") != "install":
                self.log.append(f"== {step.get('name') or step.get('uses')}")
                self._step(step)
        return Job("success" if self.good else "failure", "\n".join(self.log))

    def _step(self, step: dict[str, Any]) -> None:
        given = {name: self._filled(str(value)) for name, value in (step.get("with") or {}).items()}
        action = str(step.get("uses", "")).partition("@")[0]
        if action == "actions/checkout":
            self.forge._checkout(self.workspace, self.head, given.get("ref", ""))
        elif action == "actions/upload-artifact":
            self._copy(Path(given["path"]), self.artifacts / given["name"] / Path(given["path"]).name)
        elif action == "actions/download-artifact":
            for file in (self.artifacts / given["name"]).iterdir():
                self._copy(file, Path(given["path"]) / file.name)
        elif action == "actions/setup-python":
            pass
        else:
            assert not action, f"the runner does not know {action}"
            self._script(step)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())

    def _script(self, step: dict[str, Any]) -> None:
        script = self.temp / "script"
        script.write_text(self._filled(step["run"]))
        shell = {"python": ["python", str(script)], "bash": ["bash", "-e", str(script)]}[step.get("shell", "bash")]
        env = {**self.env, **{name: self._filled(str(value)) for name, value in (step.get("env") or {}).items()}}
        self.workspace.mkdir(exist_ok=True)
        code, output = _run(shell, self.workspace / self.folder, env)
        self.log.append(output)
        self.good = self.good and code == 0
        self.env |= _pairs(self.files["GITHUB_ENV"])
        if "id" in step:
            self.known["steps"][step["id"]] = {"outputs": _pairs(self.files["GITHUB_OUTPUT"])}

    def _filled(self, value: str) -> str:
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _text(_value(found[1], self.known, good=self.good)), value)


def _pairs(file: Path) -> dict[str, str]:
    lines = [line.partition("=") for line in file.read_text().splitlines()]
    return {name: value for name, _, value in lines}


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _holds(expression: str, known: dict[str, Any], *, good: bool) -> bool:
    expression = expression.strip().removeprefix("${{").removesuffix("}}")
    # Without one of these a condition means: and nothing has failed.
    implied = good or re.search(r"\b(always|cancelled|failure|success)\(", expression) is not None
    return implied and bool(_value(expression, known, good=good))


def _value(expression: str, known: dict[str, Any], *, good: bool) -> Any:
    """The value of one of GitHub's expressions: comparisons, and, or, not, calls about what went before, and paths."""
    states = {"always": True, "cancelled": False, "failure": not good, "success": good}

    def word(found: re.Match[str]) -> str:
        if found["text"] or found["sign"]:
            return found["text"] or {"&&": " and ", "||": " or ", "!": " not "}.get(found["sign"], found["sign"])
        if found["call"]:
            return repr(states[found["call"]])
        value: Any = known
        for part in found["path"].split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return repr(value)

    parts = r"(?P<text>'[^']*')|(?P<sign>&&|\|\||!=|==|!)|(?P<call>\w+)\(\)|(?P<path>[A-Za-z_][\w.-]*)"
    return eval(re.sub(parts, word, expression).strip())


@dataclass
class GitLab:
    """Runs the jobs of a `.gitlab-ci.yml` for its pipelines."""

    origin: Path
    scratch: Path
    forge: Forge
    token: str = "read write"
    runs: int = 0

    def push(self, sha: str = "", attempt: int = 1) -> dict[str, Job]:
        """main was pushed; a later *attempt* is the run for *sha*, started again."""
        del attempt
        sha = sha or git(self.origin, "rev-parse", "main")
        return self._pipeline({"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}, sha)

    def pull_request(
        self, number: int, branch: str, action: str = "synchronize", *, merged: bool = False
    ) -> dict[str, Job]:
        """A pipeline for the merge request *number* of *branch*; closing one starts the job that is started by hand."""
        variables = {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_IID": str(number),
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": branch,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
        }
        assert not merged
        return self._pipeline(variables, git(self.origin, "rev-parse", branch), by_hand=action == "closed")

    def merge(self, number: int, branch: str) -> dict[str, Job]:
        """The merge request *number* was merged: the push to main."""
        request = {"state": "merged", "target_branch": "main", "source_branch": branch, "iid": number}
        self.forge.merged[git(self.origin, "rev-parse", "main")] = [
            {**request, "source_project_id": 1, "target_project_id": 1}
        ]
        return self.push()

    def _pipeline(self, variables: dict[str, str], sha: str, *, by_hand: bool = False) -> dict[str, Job]:
        import yaml

        self.runs += 1
        clone = self._clone(self.scratch / f"{self.runs}-pipeline", sha)
        written = yaml.safe_load((clone / ".gitlab-ci.yml").read_text())
        variables = {
            "CI_PROJECT_ID": "1",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": sha,
            "CI_API_V4_URL": self.forge.url,
            "CI_JOB_URL": "https://forge/job",
            "MESH_GITLAB_TOKEN": self.token,
            **variables,
        }
        jobs: dict[str, Job] = {}
        artifacts: dict[str, bytes] = {}
        for name in sorted((one for one in written if not one.startswith(".")), key=lambda one: _stage(written, one)):
            job = _extended(written, name)
            rule = next((rule for rule in job["rules"] if _matches(rule["if"], variables)), None)
            failed = any(one.result == "failure" for one in jobs.values())
            when = rule.get("when", "on_success") if rule is not None else "never"
            started = (
                by_hand
                if when == "manual"
                else not by_hand and (when == "always" or (when == "on_success" and not failed))
            )
            jobs[name] = self._job(job, variables, sha, name, artifacts) if started else Job("skipped", "")
        return jobs

    def _clone(self, folder: Path, sha: str) -> Path:
        subprocess.run(["git", "clone", "-q", str(self.origin), str(folder)], check=True)
        git(folder, "checkout", "-q", "--detach", sha)
        return folder

    def _job(
        self, job: dict[str, Any], variables: dict[str, str], sha: str, name: str, artifacts: dict[str, bytes]
    ) -> Job:
        folder = self.scratch / f"{self.runs}-{name}"
        variables = {**variables, **job.get("variables", {})}
        if variables.get("GIT_STRATEGY") == "none":
            folder.mkdir()
        else:
            self._clone(folder, sha)
        for path, content in artifacts.items():
            (folder / path).write_bytes(content)
        # One shell runs all lines, as a runner does.
        lines = [line for line in (*job.get("before_script", ()), *job["script"]) if "pip install" not in line]
        env = {"PATH": _path(), "HOME": str(folder), "CI_PROJECT_DIR": str(folder), **variables}
        code, log = _run(["bash", "-eo", "pipefail", "-c", "\n".join(lines)], folder, env)
        for path in job.get("artifacts", {}).get("paths", ()):
            if (folder / path).exists():
                artifacts[path] = (folder / path).read_bytes()
        return Job("success" if code == 0 else "failure", log)


def _stage(written: dict[str, Any], name: str) -> int:
    return ["build", "test", "deploy", ".post"].index(_extended(written, name)["stage"])


def _extended(written: dict[str, Any], name: str) -> dict[str, Any]:
    bases = written[name].get("extends", [])
    found: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        found |= _extended(written, base)
    own: dict[str, Any] = written[name]
    return found | own


def _matches(rule: str, variables: Mapping[str, str]) -> bool:
    def values(part: str) -> Iterator[str]:
        for side in part.split("=="):
            side = side.strip()  # noqa: PLW2901 - one side of a comparison
            yield variables.get(side[1:], "") if side.startswith("$") else side.strip('"')

    return all(len(set(values(part))) == 1 for part in rule.split("&&"))
