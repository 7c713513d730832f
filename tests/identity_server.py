"""A real identity provider for tests: Keycloak, started once per session with a realm of its own.

    def test_x(identity: IdentityServer) -> None: ...     # the session's server: never stop it

It is Keycloak's own distribution, which Maven brings; it keeps nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from server_process import SECONDS_MAX, free_port, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

VERSION = "26.7.3"
REALM = "company"
MAIN = "io.quarkus.bootstrap.runner.QuarkusEntryPoint"
JAVA = (
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    (
        "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
        "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
    ),
    *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("util", "util.concurrent", "security", "lang")),
)
MISSING = (
    f"these tests need the identity provider Keycloak {VERSION} unpacked in ~/.cache/meshwright-tests, "
    "or where KEYCLOAK_HOME says: tests/install-servers brings it"
)


def home() -> Path:
    """The folder of Keycloak. A missing one fails."""
    known = os.environ.get("KEYCLOAK_HOME", "")
    found = Path(known) if known else Path.home() / ".cache" / "meshwright-tests" / f"keycloak-{VERSION}"
    assert (found / "bin" / "kc.sh").exists(), MISSING
    assert shutil.which("java"), "these tests need Java (Debian: apt-get install openjdk-17-jre-headless)"
    return found


def mapper(name: str, kind: str, **config: str) -> dict[str, Any]:
    shown = {"access.token.claim": "true", "claim.name": name, "jsonType.label": "String"}
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": kind,
        "config": {**shown, **{key.replace("__", "."): value for key, value in config.items()}},
    }


def realm(password: str, secret: str) -> dict[str, Any]:
    """People and programs: ada sells in the EU, bob is in marketing in the US, the service account etl."""
    mappers = [
        mapper("groups", "oidc-group-membership-mapper", full__path="false"),
        mapper("region", "oidc-usermodel-attribute-mapper", user__attribute="region"),
        mapper("clearance", "oidc-usermodel-attribute-mapper", user__attribute="clearance", jsonType__label="int"),
        mapper("audience", "oidc-audience-mapper", included__custom__audience="mesh"),
        mapper("name", "oidc-usermodel-property-mapper", user__attribute="username", claim__name="oid"),
    ]
    people = [("ada", "sales_team", "EU", "3"), ("bob", "marketing_team", "US", "1")]
    return {
        "realm": REALM,
        "enabled": True,
        "sslRequired": "none",
        "accessTokenLifespan": 300,
        "groups": [{"name": group} for _, group, _, _ in people],
        "clients": [
            {
                "clientId": "desk",
                "publicClient": True,
                "directAccessGrantsEnabled": True,
                "protocolMappers": mappers,
            },
            {
                "clientId": "etl",
                "secret": secret,
                "serviceAccountsEnabled": True,
                "standardFlowEnabled": False,
                "protocolMappers": mappers[3:4],
            },
            {"clientId": "elsewhere", "publicClient": True, "directAccessGrantsEnabled": True},
        ],
        "users": [
            {
                "username": name,
                "enabled": True,
                "email": f"{name}@example.org",
                "emailVerified": True,
                "firstName": name,
                "lastName": name,
                "groups": [f"/{group}"],
                "attributes": {"region": [region], "clearance": [clearance]},
                "credentials": [{"type": "password", "value": password, "temporary": False}],
            }
            for name, group, region, clearance in people
        ],
    }


@dataclass
class IdentityServer:
    """A Keycloak on 127.0.0.1 with one realm."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def started(cls) -> Iterator[IdentityServer]:
        """A new server, running; gone with all it knows at the end."""
        folder = Path(tempfile.mkdtemp(prefix="keycloak-"))
        server = cls(folder)
        try:
            server._start()
            yield server
        finally:
            if server.process is not None:
                server.process.kill()
                server.process.wait(timeout=SECONDS_MAX)
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def issuer(self) -> str:
        """What its tokens have as `iss`."""
        return f"http://127.0.0.1:{self.port}/realms/{REALM}"

    def _start(self) -> None:
        settings = {
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": self.password,
        }
        options = [
            "--http-enabled=true",
            f"--http-port={self.port}",
            "--http-host=127.0.0.1",
            "--hostname-strict=false",
        ]
        # Its own script would start Java behind itself, where nobody ends it.
        command = [
            "java",
            "-Xms64m",
            "-Xmx512m",
            *JAVA,
            f"-Dkc.home.dir={home()}",
            f"-Djboss.server.config.dir={home()}/conf",
        ]
        command += ["-cp", str(home() / "lib" / "quarkus-run.jar"), MAIN, "start", "--optimized", *options]
        self.process = start(
            command, self.folder, is_ready=self._is_ready, env=os.environ | settings, at_death="KILL", seconds=180
        )
        made = self._administer("POST", "", realm(self.password, self.password))
        assert made.status == 201, made.data

    def _is_ready(self) -> bool:
        try:
            master = f"http://127.0.0.1:{self.port}/realms/master"
            return urllib3.request("GET", master, timeout=2, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _administer(self, method: str, place: str, content: object = None) -> urllib3.BaseHTTPResponse:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": self.password}
        headers = {"Authorization": f"Bearer {self._asked('master', form)}"}
        url = f"http://127.0.0.1:{self.port}/admin/realms{place}"
        return urllib3.request(method, url, headers=headers, json=content, timeout=SECONDS_MAX)

    def token(self, user: str = "ada", client: str = "desk") -> str:
        """An access token of *user*, as its password gives it."""
        form = {"grant_type": "password", "client_id": client, "username": user, "password": self.password}
        return self._asked(REALM, form)

    def service_token(self) -> str:
        """An access token of the service account etl."""
        return self._asked(
            REALM, {"grant_type": "client_credentials", "client_id": "etl", "client_secret": self.password}
        )

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is known no more."""
        found = self._administer("GET", f"/{REALM}/components?type=org.keycloak.keys.KeyProvider").json()
        (old,) = [one for one in found if one["providerId"] == "rsa-generated"]
        new = {key: old[key] for key in ("providerId", "providerType", "parentId")}
        named = {**new, "name": f"rsa-{secrets.token_hex(4)}", "config": {"priority": ["200"]}}
        made = self._administer("POST", f"/{REALM}/components", named)
        assert made.status == 201, made.data
        assert self._administer("DELETE", f"/{REALM}/components/{old['id']}").status == 204

    def _asked(self, realm_name: str, form: dict[str, str]) -> str:
        place = f"http://127.0.0.1:{self.port}/realms/{realm_name}/protocol/openid-connect/token"
        answer = urllib3.PoolManager().request("POST", place, fields=form, encode_multipart=False, timeout=SECONDS_MAX)
        assert answer.status == 200, answer.data
        token: str = answer.json()["access_token"]
        return token
