"""Purposes: what data is read for, in the words of the W3C's Data Privacy Vocabulary (DPV), and those of the mesh.

A policy that allows a purpose allows those below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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


def ancestors(purpose: str, wider: Mapping[str, str]) -> tuple[str, ...]:
    """Every purpose that *purpose* is a part of, the nearest first; a circle ends where it begins."""
    found: list[str] = []
    while (purpose := wider.get(purpose, "")) and purpose not in found:
        found.append(purpose)
    return tuple(found)
