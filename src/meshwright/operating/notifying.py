"""Notifying: after each pass of a runner, webhooks are told of what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.build.states import product_states
from meshwright.model.connection import Connection
from meshwright.model.errors import MeshwrightError, Unavailable
from meshwright.operating.courier import Courier, Message
from meshwright.operating.events import Troubled
from meshwright.operating.health import healths
from meshwright.operating.notices import changes
from meshwright.workspace.root import MESH_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshwright.model.webhook import Webhook
    from meshwright.operating import RunningMesh
    from meshwright.operating.clock import Clock
    from meshwright.operating.events import RunEvent
    from meshwright.operating.outlook import Outlook


class Notifying:
    """Tells the webhooks of a mesh at *root*; never raises for what fails on the way, but tells the runner."""

    def __init__(self, root: Path, *, tell: Callable[[RunEvent], None], clock: Clock) -> None:
        self._root = root
        self._tell = tell
        self._courier = Courier(tell=tell, now=clock.now)

    def after(self, mesh: RunningMesh, outlook: Outlook) -> None:
        """Look at every product's health, and tell of what has changed."""
        if not mesh.workspace.mesh.settings.webhooks:
            return
        try:
            self._tell_changes(mesh, outlook)
        except MeshwrightError as error:
            self._tell(Troubled(message=f"webhooks were not told: {error}", exit_code=error.exit_code))

    def _tell_changes(self, mesh: RunningMesh, outlook: Outlook) -> None:
        environment, written = outlook.environment, mesh.workspace.mesh
        # Other checkouts know the schedules of their own products, and tell of these.
        own = {name: head for name, head in outlook.published.items() if name in outlook.products}
        states = product_states(mesh.registry, environment, outlook.products, own, outlook.now)
        for notice in changes(written, healths(states, outlook), mesh.runs, environment, outlook.now):
            for webhook in written.settings.webhooks:
                if notice.told in webhook.on and self._is_about(webhook, notice.product):
                    self._courier.send(Message(webhook, notice, self._looking_up(webhook)))

    @staticmethod
    def _is_about(webhook: Webhook, product: str) -> bool:
        return not webhook.domains or product.partition(".")[0] in webhook.domains

    def _looking_up(self, webhook: Webhook) -> Callable[[str, Any], str]:
        from meshwright.sources.secrets import look_up

        def looked_up(name: str, value: Any) -> str:  # noqa: ANN401 - text or a reference
            connection = Connection(name=webhook.name, type="webhook", settings={name: value}, path=MESH_FILE)
            return str(look_up(connection, self._root).settings[name])

        return looked_up

    def close(self, seconds: float) -> None:
        """Wait up to *seconds* until everybody was told."""
        left = self._courier.close(seconds)
        if left:
            message = f"{left} notice{'s' if left > 1 else ''} could not be delivered before the end"
            self._tell(Troubled(message=message, exit_code=Unavailable.exit_code))
