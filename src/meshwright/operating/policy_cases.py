"""Policy cases tried on the policies in the files: each one passes or fails by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshwright.governance.drafts import differences
from meshwright.model.environment import PROD
from meshwright.model.errors import Denied, InvalidInput, NotFound

if TYPE_CHECKING:
    from meshwright.governance.drafts import Case
    from meshwright.operating.council import Council


class Tried(NamedTuple):
    """A case, and how the decision is not what it expects; nothing when it is."""

    case: Case
    differences: list[str]


def try_cases(council: Council) -> list[Tried]:
    """Every policy case of the mesh, tried. Raises InvalidMesh while the cases or what policies stand on have errors."""
    council.require_sound()
    return [Tried(case, _differences(case, council)) for case in council.cases()]


def _differences(case: Case, council: Council) -> list[str]:
    try:
        decision, facts = council.decide(
            case.port, acting=case.principal, purpose=case.purpose, environment=PROD, from_files=True
        )
    except (Denied, InvalidInput, NotFound) as error:
        return [str(error)]
    return differences(case, decision, facts)
