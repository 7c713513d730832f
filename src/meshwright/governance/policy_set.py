"""A version of the policies, compiled: sliced by domain and action, so that a decision reads only what can matter."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from meshwright.governance.conditions import asked_attributes, asks_a_name, is_resource, may_be_principal
from meshwright.governance.policy_text import ROW_ACTION, applies, document, parse, unseen_rows
from meshwright.governance.residuals import PRESENCE
from meshwright.governance.vocabulary import CONTRADICTION, schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshwright.governance.policy_text import Policy, PolicyFile

# What compares text.
COMPARED: Final = frozenset({"==", "!=", "contains", "containsAll", "containsAny", "like"})


class PolicySet:
    """The policies of *files*, which were checked when they were published. Safe to use from several threads.

    *attributes* are those of principals that they were checked with, by Cedar type; whoever has another that they ask for is
    denied. A file that cannot be parsed after all makes the set `broken`: every decision then denies.
    """

    def __init__(self, files: Sequence[PolicyFile], *, attributes: Mapping[str, str], version: str = "") -> None:
        self.version = version
        self.policies: list[Policy] = []
        self.broken = ""
        for file in files:
            policies, findings = parse(file)
            self.policies += policies
            wrong = [*findings, *(one for policy in policies for one in unseen_rows(policy))]
            self.broken = self.broken or next((str(finding) for finding in wrong), "")
        unknown = {
            name for policy in self.policies for name in asked_attributes(policy.body, may_be_principal)
        } - attributes.keys()
        self.attributes = {**attributes, **dict.fromkeys(unknown, CONTRADICTION)}
        self._slices: dict[tuple[str, str], Any] = {}

    @cached_property
    def by_id(self) -> Mapping[str, Policy]:
        """Every policy by its id."""
        return {policy.id: policy for policy in self.policies}

    @cached_property
    def schema(self) -> Any:  # noqa: ANN401 - cedarpy is imported where it is used
        """What entities are checked against before anything is decided about them; rows, which are not known, are not."""
        import cedarpy

        return cedarpy.Schema.from_str(schema({}, self.attributes))

    @cached_property
    def row_attributes(self) -> frozenset[str]:
        """The columns that row policies ask for, of any port."""
        rows = [policy for policy in self.policies if applies(policy, ROW_ACTION)]
        return frozenset(name for policy in rows for name in asked_attributes(policy.body, is_resource))

    @cached_property
    def asks_the_time(self) -> bool:
        """Whether a decision may change as time goes by."""
        return '"attr": "now"' in self._text

    @cached_property
    def names_columns(self) -> bool:
        """Whether a policy tells columns apart by name: only then do two with the same tags need two decisions."""
        return '"type": "Column"' in self._text or '"attr": "name"' in self._text

    @cached_property
    def asks_types(self) -> bool:
        """Whether a policy tells columns apart by type."""
        return '"attr": "type"' in self._text

    @cached_property
    def _text(self) -> str:
        """All policies as Cedar's JSON: an entity has `type` and `id`, what is asked of one is an `attr`."""
        return json.dumps(document(self.policies))

    def slice(self, domain: str, action: str) -> Any:  # noqa: ANN401 - cedarpy is imported where it is used
        """The compiled policies that can matter to *action* on something of *domain*, each under its id."""
        import cedarpy

        key = (domain, action)
        if key not in self._slices:
            chosen = [_of_any(one) for one in self.policies if applies(one, action) and _reaches(one, domain)]
            chosen = [_with_presence(one) if action == ROW_ACTION else _in_small_letters(one) for one in chosen]
            self._slices[key] = cedarpy.PolicySet.from_json_str(json.dumps(document(chosen)))
        return self._slices[key]


def _reaches(policy: Policy, domain: str) -> bool:
    """Whether something of *domain* can be the policy's resource."""
    scope = policy.body.get("resource", {})
    entity = scope.get("entity") or (scope.get("in") or {}).get("entity")
    if entity is None or entity.get("type") not in {"Domain", "Product", "Port", "Column", "Row"}:
        return True
    return str(entity.get("id", "")).partition(".")[0] == domain


def _of_any(policy: Policy) -> Policy:
    """*policy* without its condition on the action, which chose it already: partial evaluation cannot decide that."""
    return replace(policy, body={**policy.body, "action": {"op": "All"}})


def _with_presence(policy: Policy) -> Policy:
    """*policy* with `resource has column` as an attribute of its own: partial evaluation would take it for settled."""
    return replace(policy, body=_rewritten(policy.body))


def _in_small_letters(policy: Policy) -> Policy:
    """*policy* with every name of a column in small letters, as columns have them when policies are asked."""
    return replace(policy, body=_lowered(policy.body, is_name=False))


def _lowered(node: Any, *, is_name: bool) -> Any:  # noqa: ANN401 - a JSON value
    """*node* with the columns that it means in small letters, and all text where *is_name* says that names are compared."""
    if isinstance(node, list):
        return [_lowered(value, is_name=is_name) for value in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "Column" and isinstance(node.get("id"), str):
        return {**node, "id": node["id"].lower()}
    if is_name and isinstance(node.get("Value", node.get("Literal")), str):
        return {key: value.lower() for key, value in node.items()}
    return {
        key: _lowered(value, is_name=is_name or (key in COMPARED and asks_a_name(value))) for key, value in node.items()
    }


def _rewritten(node: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(node, dict):
        asked = node.get("has")
        if isinstance(asked, dict) and asked.get("left") == {"Var": "resource"}:
            return {".": {"left": {"Var": "resource"}, "attr": f"{PRESENCE}{asked['attr']}"}}
        return {key: _rewritten(value) for key, value in node.items()}
    return [_rewritten(value) for value in node] if isinstance(node, list) else node
