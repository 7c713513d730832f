"""Purposes: what data is read for, in the words of the W3C's Data Privacy Vocabulary (DPV), and those of the mesh.

A policy that allows a purpose allows those below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.model.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

# Purpose → the wider one, "" for none. Source: https://w3id.org/dpv, the terms that a company's data is mostly used for.
DPV: Final = {
    "AccountManagement": "",
    "CommunicationManagement": "",
    "CustomerManagement": "",
    "CustomerRelationshipManagement": "CustomerManagement",
    "CustomerOrderManagement": "CustomerManagement",
    "EnforceSecurity": "",
    "FraudPreventionAndDetection": "EnforceSecurity",
    "FulfilmentOfObligation": "",
    "LegalCompliance": "FulfilmentOfObligation",
    "HumanResourceManagement": "",
    "Marketing": "",
    "Advertising": "Marketing",
    "DirectMarketing": "Marketing",
    "OrganisationGovernance": "",
    "Personalisation": "",
    "PublicBenefit": "",
    "RecordManagement": "",
    "ResearchAndDevelopment": "",
    "AcademicResearch": "ResearchAndDevelopment",
    "CommercialResearch": "ResearchAndDevelopment",
    "ServiceManagement": "",
    "ServiceOptimisation": "ServiceManagement",
    "ServiceProvision": "ServiceManagement",
    "VendorManagement": "",
}
# What a reader means who names none.
UNSPECIFIED: Final = "unspecified"


def known_purposes(declared: Mapping[str, str]) -> dict[str, str]:
    """The usual purposes and those *declared*, each with its wider one; what is usual stays as it is."""
    return {**declared, **DPV}


def wrong_purposes(declared: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with *declared* purposes, by name."""
    known = known_purposes(declared)
    found = {}
    for name, wider in declared.items():
        if name in DPV:
            found[name] = "is a usual purpose, and stays what it is"
        elif wider and wider not in known:
            guess = nearest(wider, known)
            found[name] = f"is part of '{wider}', which there is not" + (f": did you mean {guess}?" if guess else "")
        elif name in ancestors(name, known):
            found[name] = "is part of itself"
    return found


def ancestors(purpose: str, wider: Mapping[str, str]) -> tuple[str, ...]:
    """Every purpose that *purpose* is a part of, the nearest first; a circle ends where it begins."""
    found: list[str] = []
    while (purpose := wider.get(purpose, "")) and purpose not in found:
        found.append(purpose)
    return tuple(found)
