"""Decide about a read of one port for PEOPLE different people; says how long that took, the first time and again.

Arguments: PEOPLE. Every domain has the policies of the starter, and twenty of its own: groups that may read, columns that are
masked by tag, rows by region and clearance.
"""

from __future__ import annotations

import statistics
import sys
import time

from bench.measuring import report

from meshwright.governance.decisions import Decider
from meshwright.governance.policy_set import PolicySet
from meshwright.governance.policy_text import PolicyFile
from meshwright.governance.port_facts import ColumnFacts, PortFacts
from meshwright.governance.purposes import DPV
from meshwright.model.datatype import DataType
from meshwright.model.principal import Principal
from meshwright.workspace.scaffold import STARTER_POLICIES

DOMAINS, OWN, COLUMNS = 50, 20, 30
AGAIN = 50_000
TAGS = ("personal", "financial", "internal", "health", "location")
people = int(sys.argv[1])


def own_policies(domain: str) -> str:
    """The policies of one domain."""
    found = []
    for number in range(OWN):
        kind = number % 4
        where = f'Domain::"{domain}"'
        if kind == 0:
            found.append(
                f'@id("group-{number}") permit (principal in Group::"{domain}_{number}", action == Action::"read", '
                f"resource is Port in {where});"
            )
        elif kind == 1:
            found.append(
                f'@id("mask-{number}") @mask("show-last-4") forbid (principal, action == Action::"readClear", '
                f'resource is Column in {where}) when {{ resource.tags.contains("{TAGS[number % 5]}") }} '
                f"unless {{ principal has clearance && principal.clearance >= {number % 4} }};"
            )
        elif kind == 2:
            found.append(
                f'@id("rows-{number}") forbid (principal, action == Action::"readRow", resource is Row in {where}) '
                f"when {{ resource has region && !(principal has region && resource.region == principal.region) && "
                f'!(principal in Group::"{domain}_all") }};'
            )
        else:
            found.append(
                f'@id("absent-{number}") forbid (principal, action == Action::"readMasked", resource is Column in {where}) '
                f'when {{ resource.classifications.contains("secret-{number}") }};'
            )
    return "\n".join(found)


files = [PolicyFile(path="policies/starter.cedar", text=STARTER_POLICIES, domain="")]
files += [
    PolicyFile(path=f"domains/d{number}/policies/own.cedar", text=own_policies(f"d{number}"), domain=f"d{number}")
    for number in range(DOMAINS)
]
started = time.perf_counter()
policies = PolicySet(files, attributes={"region": "String", "clearance": "Long"}, version="bench")
compiled = time.perf_counter() - started
port = PortFacts(
    product="d7.orders",
    port="orders",
    major=1,
    status="active",
    columns=tuple(
        ColumnFacts(
            number,
            "region" if number == 0 else f"c{number}",
            DataType.parse("VARCHAR" if number % 3 == 0 else "BIGINT"),
            (TAGS[number % 5],) if number % 2 else (),
            ("secret-3",) if number % 7 == 0 else (),
        )
        for number in range(COLUMNS)
    ),
)
actors = [
    Principal(
        id=f"person{number}",
        groups=tuple(f"d{(number + step) % DOMAINS}_{step}" for step in range(8)),
        domains=(f"d{number % DOMAINS}",),
        attributes={"region": ("EU", "US", "APAC")[number % 3], "clearance": number % 5},
    )
    for number in range(people)
]
decider = Decider(policies, purposes=DPV)
decider.read(Principal(id="first", groups=("d7_all",)), port)
taken = []
for one in actors:
    started = time.perf_counter()
    decision = decider.read(one, port)
    taken.append((time.perf_counter() - started) * 1000)
    assert decision.allowed, decision.reasons
taken.sort()
started = time.perf_counter()
for number in range(AGAIN):
    decider.read(actors[number % people], port)
again = time.perf_counter() - started
report(
    p50_ms=statistics.median(taken),
    p99_ms=taken[int(len(taken) * 0.99)],
    cached_per_second=AGAIN / again,
    compile_ms=compiled * 1000,
    policies=len(policies.policies),
)
