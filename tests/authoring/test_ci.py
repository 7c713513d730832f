"""`mesh init --ci`: the workflow is run here, step by step, against a git repository and an API on loopback."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from forge import Forge, GitHub, GitLab, Job, git, serve
from mesh_folder import MeshFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTRACT = """
- {name: id, logicalType: integer, physicalType: INTEGER, required: true, primaryKey: true}
- {name: amount, logicalType: number, physicalType: DOUBLE}
"""
ORDERS = "select * from (values (1, 10.0), (2, 20.0)) t(id, amount)"


@dataclass
class Team:
    """A team's clone, the place where its workflows run, and what all its checkouts share."""

    work: MeshFolder
    runner: GitHub | GitLab
    shared: Path

    def commit(self, branch: str) -> None:
        git(self.work.root, "add", "-A")
        git(self.work.root, "commit", "-q", "-m", branch)
        git(self.work.root, "push", "-q", "origin", f"HEAD:{branch}")

    def begin(self, branch: str) -> None:
        git(self.work.root, "checkout", "-q", "-B", branch, "main")

    def merge(self, number: int, branch: str) -> dict[str, Job]:
        git(self.work.root, "checkout", "-q", "main")
        git(self.work.root, "merge", "-q", "--no-ff", "--no-edit", branch)
        git(self.work.root, "push", "-q", "origin", "main")
        return self.runner.merge(number, branch)

    def files(self) -> set[Path]:
        return set((self.shared / "warehouse").rglob("*.parquet"))

    def rows(self, port: str, env: str = "prod") -> list[dict[str, Any]]:
        return self.work.rows(port, "--env", env)

    def environments(self) -> set[str]:
        return {one["name"] for one in self.work.mesh("env", "list", "--json").data}

    def comment(self, number: int) -> str:
        (only,) = self.runner.forge.comments[number]
        return str(only["body"])


@pytest.fixture(params=["github", "gitlab"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Team]:
    """orders → revenue in a repository whose workflow has built them in prod."""
    origin, work, shared, scratch = (tmp_path / name for name in ("origin.git", "work", "shared", "scratch"))
    scratch.mkdir()
    shared.mkdir()
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(work))
    git(work, "checkout", "-q", "-B", "main")
    mesh = MeshFolder(work)
    mesh.write("mesh.yaml", f"name: Shop\nregistry: sqlite:///{shared}/registry.db\nwarehouse: {shared}/warehouse\n")
    mesh.write(".gitignore", ".mesh/\n")
    mesh.product("sales.orders", ORDERS, contract=CONTRACT)
    mesh.product("finance.revenue", "select sum(amount) as total from sales.orders")
    mesh.write("data/customers.csv", "name,country\nada,GB\n")
    mesh.product("sales.customers", "select * from 'data/customers.csv'")
    assert mesh.mesh("init", str(work), "--ci", request.param).code == 0
    forge = Forge()
    server = serve(forge)
    runner = GitHub(origin, scratch, forge) if request.param == "github" else GitLab(origin, scratch, forge)
    team = Team(mesh, runner, shared)
    team.commit("main")
    done = runner.push()
    assert results(done) == {"promote": "success"}, log(done)
    try:
        yield team
    finally:
        server.shutdown()
        server.server_close()


def results(jobs: dict[str, Job]) -> dict[str, str]:
    """What became of the jobs that ran, by what they do."""
    names = {"mesh-note": "comment", "mesh-drop": "close"}
    return {
        names.get(name, name.removeprefix("mesh-")): job.result for name, job in jobs.items() if job.result != "skipped"
    }


def log(jobs: dict[str, Job]) -> str:
    return "\n".join(job.log for job in jobs.values())


@pytest.mark.slow
def test_a_change_is_reviewed_in_its_branch_and_promoted_at_the_merge_without_being_built_again(team: Team) -> None:
    assert team.rows("finance.revenue") == [{"total": 30.0}]
    team.begin("feature/Web-Shop")
    team.work.write("domains/sales/orders/transform/orders.sql", ORDERS.replace("20.0", "25.0"))
    team.commit("feature/Web-Shop")
    done = team.runner.pull_request(1, "feature/Web-Shop", "opened")
    assert results(done) == {"review": "success", "comment": "success"}, log(done)
    found = team.comment(1)
    assert found.startswith("<!-- mesh review: shop -->\n### Mesh review: `feature_web_shop` → `prod`\n\n✅ **Ready.**")
    assert "| `sales.orders` | 2 | 0 | 0 | 1 | `amount` in 1 |" in found
    assert found.endswith(f"<sub>For {git(team.work.root, 'rev-parse', 'HEAD')}</sub>")
    assert team.rows("finance.revenue") == [{"total": 30.0}]
    assert team.rows("finance.revenue", "feature_web_shop") == [{"total": 35.0}]

    team.work.write("domains/sales/orders/transform/orders.sql", ORDERS.replace("20.0", "26.0"))
    team.commit("feature/Web-Shop")
    done = team.runner.pull_request(1, "feature/Web-Shop")
    assert results(done) == {"review": "success", "comment": "success"}, log(done)
    assert "2 products change" in team.comment(1)
    assert team.rows("finance.revenue") == [{"total": 30.0}]

    before = team.files()
    done = team.merge(1, "feature/Web-Shop")
    assert results(done) == {"promote": "success"}, log(done)
    assert team.rows("finance.revenue") == [{"total": 36.0}]
    assert team.files() == before
    assert not re.search(r"^published", log(done), re.MULTILINE)
    assert team.environments() == {"prod"}
    assert set(team.work.actions("--env", "prod").values()) == {"reuse"}


@pytest.mark.slow
def test_a_break_fails_the_check_names_the_consumers_and_closing_drops_the_environment(team: Team) -> None:
    team.begin("cut")
    team.work.contract("sales.orders", "".join(line + "\n" for line in CONTRACT.splitlines() if "amount" not in line))
    team.work.write("domains/sales/orders/transform/orders.sql", f"select id from ({ORDERS})")
    team.commit("cut")
    done = team.runner.pull_request(2, "cut", "opened")
    assert results(done) == {"review": "failure", "comment": "success"}, log(done)
    found = team.comment(2)
    assert "⛔ **Not ready.** 1 product blocked: `sales.orders`." in found
    assert "| `finance.revenue` | `finance_team` | `amount` | `total` |" in found
    assert team.rows("finance.revenue") == [{"total": 30.0}]
    assert "cut" in team.environments()
    done = team.runner.pull_request(2, "cut", "closed")
    assert results(done) == {"close": "success"}, log(done)
    assert team.environments() == {"prod"}


@pytest.mark.slow
def test_what_main_became_meanwhile_is_reviewed_with_the_change_and_stays_when_it_is_merged(team: Team) -> None:
    for number, branch in ((1, "one"), (2, "two")):
        team.begin(branch)
        team.work.product(f"sales.{branch}", f"select {number} as n")
        team.commit(branch)
        done = team.runner.pull_request(number, branch, "opened")
        assert results(done)["review"] == "success", log(done)
    assert results(team.merge(1, "one")) == {"promote": "success"}
    done = team.merge(2, "two")
    assert results(done) == {"promote": "success"}, log(done)
    assert [team.rows(f"sales.{name}")[0]["n"] for name in ("one", "two")] == [1, 2]
    assert not re.search(r"^(published|removed)", log(done), re.MULTILINE)


@pytest.mark.slow
def test_a_product_that_the_change_deletes_is_served_until_the_merge(team: Team) -> None:
    team.begin("without")
    shutil.rmtree(team.work.root / "domains/finance/revenue")
    team.work.product("finance.other", "select 1 as one")
    team.commit("without")
    done = team.runner.pull_request(3, "without", "opened")
    assert results(done)["review"] == "success", log(done)
    assert "1 product removed" in team.comment(3)
    assert team.rows("finance.revenue") == [{"total": 30.0}]
    done = team.merge(3, "without")
    assert results(done) == {"promote": "success"}, log(done)
    assert team.work.mesh("read", "finance.revenue", "--env", "prod").code == 2


@pytest.mark.slow
def test_an_old_run_that_is_started_again_undoes_nothing_that_was_merged_since(team: Team) -> None:
    old = git(team.work.root, "rev-parse", "HEAD")
    team.begin("later")
    team.work.write("domains/sales/orders/transform/orders.sql", ORDERS.replace("20.0", "25.0"))
    team.work.product("sales.later", "select 1 as n")
    team.commit("later")
    assert results(team.runner.pull_request(1, "later", "opened"))["review"] == "success"
    assert results(team.merge(1, "later")) == {"promote": "success"}
    done = team.runner.push(old, attempt=2)
    assert results(done) == {"promote": "success"}, log(done)
    assert team.rows("finance.revenue") == [{"total": 35.0}]
    assert team.rows("sales.later") == [{"n": 1}]
    assert not re.search(r"^(published|removed)", log(done), re.MULTILINE)


@pytest.mark.slow
def test_files_that_are_not_valid_fail_the_check_and_are_named_in_the_comment(team: Team) -> None:
    team.begin("wrong")
    team.work.edit("mesh.yaml", "name: Shop", "name: Shop\nregistri: x")
    team.work.write("domains/sales/orders/transform/orders.sql", "select missing from nowhere.at_all")
    team.commit("wrong")
    done = team.runner.pull_request(4, "wrong", "opened")
    assert results(done) == {"review": "failure", "comment": "success"}, log(done)
    found = team.comment(4)
    assert "⛔ **Not valid.**" in found
    assert "mesh.yaml:2" in found
    git(team.work.root, "checkout", "-q", "main")
    assert team.rows("finance.revenue") == [{"total": 30.0}]


@pytest.mark.slow
def test_a_branch_named_like_an_environment_that_everybody_shares_builds_nothing(team: Team) -> None:
    team.begin("prod")
    team.work.write("domains/sales/orders/transform/orders.sql", ORDERS.replace("20.0", "99.0"))
    team.commit("prod")
    done = team.runner.pull_request(5, "prod", "opened")
    assert results(done) == {"review": "failure", "comment": "success"}
    assert "Rename the branch" in log(done)
    assert team.rows("finance.revenue") == [{"total": 30.0}]


def test_a_workflow_is_never_overwritten(mesh: MeshFolder) -> None:
    for provider, path in (("github", ".github/workflows/mesh.yml"), ("gitlab", ".gitlab-ci.yml")):
        assert mesh.mesh("init", str(mesh.root), "--ci", provider).code == 0
        mesh.write(path, "mine")
        again = mesh.mesh("init", str(mesh.root), "--ci", provider)
        assert (mesh.root / path).read_text() == "mine"
        assert again.code == (2 if provider == "github" else 0)
    assert "include" in again.out
    assert (mesh.root / ".gitlab/mesh.yml").exists()


def test_a_new_mesh_and_its_workflow_are_one_command(tmp_path: Path, mesh: MeshFolder) -> None:
    assert mesh.mesh("init", str(tmp_path / "new"), "--ci", "github").code == 0
    assert (tmp_path / "new/mesh.yaml").exists()
    assert (tmp_path / "new/.github/workflows/mesh.yml").exists()


def test_actions_are_pinned_to_commits_and_jobs_have_the_least_permissions(mesh: MeshFolder) -> None:
    mesh.mesh("init", str(mesh.root), "--ci", "github")
    text = (mesh.root / ".github/workflows/mesh.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    used = re.findall(r"uses: (\S+)( # v\d+\.\d+\.\d+)?", text)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) and version for action, version in used)
    granted = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert granted["review"] == granted["close"] == {"contents": "read"}
    assert granted["comment"] == {"pull-requests": "write"}
    assert granted["promote"] == {"contents": "read", "pull-requests": "read"}
    groups = {name: job["concurrency"]["group"] for name, job in workflow["jobs"].items()}
    assert groups["review"] == groups["close"] != groups["promote"]
    assert workflow["jobs"]["promote"]["concurrency"]["cancel-in-progress"] is False
    # What the branch is called never becomes a part of a script.
    for job in workflow["jobs"].values():
        assert not any("${{" in step.get("run", "") for step in job["steps"])


def test_secrets_are_named_and_never_written(mesh: MeshFolder) -> None:
    mesh.write(
        "mesh.yaml",
        "name: test\nregistry: postgresql://mesh@db/mesh\nwarehouse: s3://mesh/warehouse\n"
        "connections:\n  shop: {type: postgresql, host: db, password: {env: SHOP_PASSWORD}}\n",
    )
    said = mesh.mesh("init", str(mesh.root), "--ci", "github").out
    text = (mesh.root / ".github/workflows/mesh.yml").read_text()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "SHOP_PASSWORD"):
        assert name in said
        assert text.count(f"{name}: ${{{{ secrets.{name} }}}}") == 3
    assert "meshwright[postgresql,s3]==" in text
    workflow = yaml.safe_load(text)
    assert "env" not in workflow["jobs"]["comment"]


def test_a_store_whose_secret_is_named_needs_no_other(mesh: MeshFolder) -> None:
    mesh.write(
        "mesh.yaml",
        "name: test\nregistry: {url: 'postgresql://mesh@db/mesh', password: {env: MESH_DB}}\n"
        "warehouse: {url: 's3://mesh/warehouse', access_key_id: me, secret_access_key: {env: MESH_S3}}\n",
    )
    assert mesh.mesh("init", str(mesh.root), "--ci", "gitlab").out.splitlines()[1:3] == [
        "give the workflow these secrets: MESH_DB, MESH_S3",
        "note: set the CI/CD variable MESH_GITLAB_TOKEN: a project access token, role Reporter, scope api",
    ]


def test_a_mesh_in_a_folder_of_its_repository_has_a_workflow_of_its_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "trunk")
    folder = tmp_path / "data" / "mesh"
    folder.mkdir(parents=True)
    mesh = MeshFolder(folder)
    assert mesh.mesh("init", str(folder), "--ci", "github").code == 0
    workflow = yaml.safe_load((tmp_path / ".github/workflows/mesh-test.yml").read_text())
    assert workflow[True]["push"]["branches"] == ["trunk"]
    assert workflow["jobs"]["review"]["defaults"]["run"]["working-directory"] == "data/mesh"


def test_the_environment_of_a_branch_is_named_and_opened_once(mesh: MeshFolder) -> None:
    assert mesh.mesh("env", "name", "feature/New-Model").out == "feature_new_model\n"
    for branch in ("prod", "Prod", "数据"):
        assert mesh.mesh("env", "name", branch).code == 2, branch
    mesh.product("sales.orders", ORDERS)
    mesh.build()
    assert mesh.mesh("env", "create", "trial").code == 0
    assert mesh.mesh("env", "create", "trial", "--if-absent").code == 0
    assert mesh.mesh("env", "create", "sub", "--from", "trial").code == 0
    # One of that name that stands on something else is another one.
    assert mesh.mesh("env", "create", "sub", "--if-absent").code == 1
    assert mesh.mesh("env", "create", "prod", "--if-absent").code == 1
