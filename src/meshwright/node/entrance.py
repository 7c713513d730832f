"""Who calls a mesh, and what that one may read and change."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from meshwright.node.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from meshwright.governance.authority import Authority
    from meshwright.operating.admission import Admission
    from meshwright.operating.council import Council
    from meshwright.operating.credentials import Credentials
    from meshwright.operating.explaining import Explained, Question
    from meshwright.operating.known_names import KnownNames
    from meshwright.operating.rights import Rights
    from meshwright.operating.sign_in import Caller
    from meshwright.reading.reader import Reader
    from meshwright.workspace.loading import Workspace

# The door of commands, each of which reads once.
CLI = "cli"


class Entrance(Stores):
    """A mesh's stores as the caller may use them."""

    @cached_property
    def workspace(self) -> Workspace:
        """The mesh's files, read once per node."""
        from meshwright.workspace.loading import load

        return load(self.root, cache=self.cache)

    def reader(self, environment: str, *, acting: str | None = None, purpose: str = "", door: str = CLI) -> Reader:
        """Reads what is published in *environment*, as the mesh's owner or as the one who is *acting*, for a *purpose*.

        Raises NotFound when nobody is called so, InvalidInput for an empty name: a variable that is not set makes nobody the
        owner.
        """
        from meshwright.model.principal import require_named
        from meshwright.reading.reader import Reader

        require_named(acting)
        if self.caller.principal.is_owner and acting is None:
            return Reader(registry=self.registry, warehouse=self.warehouse, environment=environment)
        from dataclasses import replace

        from meshwright.governance.authority import Authority
        from meshwright.operating.gate import Gate

        caller = self.caller
        if acting is not None:
            self.rights(environment).administer()
            caller = replace(caller, principal=self.council.known(acting))
        authority = Authority(self.policies, environment=environment)
        gate = Gate(
            facts=self.council.facts,
            authority=authority,
            caller=caller,
            purpose=purpose,
            environment=environment,
            access=self.access,
            now=self.now,
            door=door,
        )
        if door != CLI:
            # Who stays will ask again.
            self.sql_gate.spare = 1
        names = self._names_for(caller, authority, environment)
        return replace(self._copying_reader(environment), guard=gate, told=names.ports, gate=self.sql_gate)

    def _copying_reader(self, environment: str) -> Reader:
        """A reader that makes governed copies, and is not restricted yet."""
        from meshwright.reading.masks import Keys
        from meshwright.reading.reader import Reader

        return Reader(
            registry=self.registry,
            warehouse=self.warehouse,
            environment=environment,
            keys=Keys(pseudonym=self.pseudonym_key),
            copies=self.copies,
        )

    def warm(self, environment: str, products: Iterable[str]) -> int:
        """Make the governed copies of *products* that those want who read them lately; for how many restrictions."""
        import logging

        from meshwright.model.errors import MeshwrightError

        made = 0
        for product in sorted(self.copies.products(environment) & set(products)):
            try:
                made += self._warm(environment, product)
            except (MeshwrightError, OSError) as error:
                # Copies are a help, and nobody waits for these.
                logging.getLogger(__name__).warning("%s was not copied: %s", product, error)
        return made

    def _warm(self, environment: str, product: str) -> int:
        head, made = self.registry.head(environment, product), 0
        for port in head.ports if head is not None else ():
            if self.copies.wanted(environment, product, port.name):
                made += self._copying_reader(environment).warm(f"{product}.{port.name}@{port.major}")
        return made

    @cached_property
    def caller(self) -> Caller:
        """Who calls: the bearer of the token in MESH_TOKEN, else the owner of a mesh on this machine. Raises Denied."""
        import os

        from meshwright.model.errors import Denied
        from meshwright.model.principal import Principal
        from meshwright.operating.sign_in import Caller, SignIn

        text = os.environ.get("MESH_TOKEN")
        if text == "":
            raise Denied(
                "MESH_TOKEN is set and empty: unset it, or put a token there (a command that was to print one may have failed)"
            )
        if text is None:
            return Caller(principal=Principal(id=self.owner.removeprefix("local:"), is_owner=True))
        return SignIn(lambda: self.workspace.mesh, self.tokens, self.settings.issuers, self.now).caller(text)

    @property
    def principal(self) -> str:
        """Who calls, as records name it."""
        principal = self.caller.principal
        return self.owner if principal.is_owner else str(principal)

    def names(self, environment: str) -> KnownNames | None:
        """The names that the caller may be told of by what binds in *environment*; None for the owner: all."""
        if self.caller.principal.is_owner:
            return None
        from meshwright.governance.authority import Authority

        return self._names_for(self.caller, Authority(self.policies, environment=environment), environment)

    def _names_for(self, caller: Caller, authority: Authority, environment: str) -> KnownNames:
        from meshwright.operating.known_names import KnownNames
        from meshwright.operating.rights import Rights

        rights = Rights(caller, authority, self.access, environment=environment, now=self.now)
        return KnownNames(registry=self.registry, rights=rights, domains=self.workspace.mesh.domains)

    def told_products(self, environment: str) -> Callable[[], Collection[str]] | None:
        """Gives the ids of products that may be suggested to the caller; None for the owner: all."""
        names = self.names(environment)
        return None if names is None else lambda: names.products(environment)

    def rights(self, environment: str) -> Rights:
        """What the caller may change."""
        from meshwright.governance.authority import Authority
        from meshwright.operating.rights import Rights

        authority = Authority(self.policies, environment=environment)
        return Rights(self.caller, authority, self.access, environment=environment, now=self.now)

    def admission(self, environment: str, *, purpose: str = "") -> Admission | None:
        """What decides about the inputs of products in *environment*, for a *purpose* or the one that each declares.

        None as long as no policies are published.
        """
        from meshwright.governance.authority import Authority
        from meshwright.governance.identity import principal_of
        from meshwright.model.principal import PRODUCT
        from meshwright.operating.admission import Admission
        from meshwright.reading.masks import Keys

        if not self.policies.newest():
            return None
        return Admission(
            facts=self.council.facts,
            authority=Authority(self.policies, environment=environment),
            access=self.access,
            environment=environment,
            asked_by=self.principal,
            known=lambda product: principal_of(product, PRODUCT, self.workspace.mesh),
            purpose_of=(lambda _: purpose) if purpose else self._purpose_of,
            open_keys=lambda: Keys(pseudonym=self.pseudonym_key),
            now=self.now,
        )

    def _purpose_of(self, product: str) -> str:
        """What *product* reads others for, as its file here says; "" unspecified."""
        found = self.workspace.mesh.products.get(product)
        return found.purpose if found is not None else ""

    def require(self, action: str, products: Iterable[str], environment: str) -> None:
        """Raise Denied, naming each of *products* that the caller may not do *action* to."""
        if self.caller.principal.is_owner:
            return
        from meshwright.operating.rights import product_targets

        heads, names = self.registry.heads(environment), self.names(environment)

        def is_hidden(product: str) -> bool:
            return names is not None and product in heads and product not in names.products(environment)

        targets = product_targets(sorted(products), self.workspace.mesh, heads)
        self.rights(environment).require(action, targets, is_hidden=is_hidden)

    def described(self, product: str, environment: str) -> dict[str, Any] | None:
        """What *product* serves, as far as the caller may be told of it; None for the owner, who sees it all. Raises NotFound."""
        from meshwright.operating.describing import described_product

        names = self.names(environment)
        return described_product(names, product, environment) if names is not None else None

    def explain(self, question: Question) -> Explained:
        """What somebody may read of a port and why, as the caller may be told it. Raises Denied, InvalidInput, NotFound."""
        from meshwright.operating.explaining import explain

        environment = question.environment
        return explain(question, self.council, self.rights(environment), self.names(environment))

    @property
    def credentials(self) -> Credentials:
        """Tokens, as the caller may deal with them."""
        from meshwright.model.environment import PROD
        from meshwright.operating.credentials import Credentials

        rights = self.rights(PROD)
        return Credentials(self.workspace.mesh, self.tokens, rights, by=self.principal, now=self.now)

    @cached_property
    def council(self) -> Council:
        """Works on the policies in this mesh's files."""
        from meshwright.model.environment import PROD
        from meshwright.operating.council import Council

        return Council(
            self.workspace,
            policies=self.policies,
            registry=self.registry,
            rights=self.rights(PROD),
            principal=self.principal,
        )
