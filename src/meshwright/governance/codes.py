"""The codes of what is wrong with policies, for `mesh explain`."""

from __future__ import annotations

from typing import Final

from meshwright.model.findings import Code

CODES: Final = (
    Code(
        "policy-arithmetic",
        "A forbid calculates",
        "Cedar skips a policy that errs, and a number that grows too large is an error: a forbid that adds or multiplies could be "
        "made to say nothing. Compare with a literal, or keep the calculated value in a column.",
    ),
    Code(
        "policy-id",
        "Two policies of one file have the same id",
        "Decisions, explanations and the audit log name policies by file and @id. Give each its own.",
    ),
    Code(
        "policy-invalid",
        "A policy speaks of something that the mesh does not have",
        "Policies are checked against the mesh's schema (`mesh policy schema`): entity types, actions, and the attributes of columns, "
        "rows and principals with their types. What may be missing is asked with `has` first, so that no policy errs when it is asked.",
    ),
    Code(
        "policy-mask",
        "There is no such mask",
        "A forbid on readClear names in @mask what is seen instead of the value: one of Iceberg's actions, `pseudonym`, or "
        "`generalise:N` (or `generalise:month`) for a range. Without @mask the value becomes NULL. On any other policy it means nothing.",
    ),
    Code(
        "policy-rows",
        "A row policy asks what no row can be asked",
        "What a row policy says becomes a condition on the port's columns: resource.COLUMN compared with a value or another column, "
        "`resource has COLUMN`, `like`, and [...].contains(resource.COLUMN), joined with &&, || and !. What reaches the row otherwise "
        "would be decided as if the row had no columns.",
    ),
    Code(
        "policy-scope",
        "A domain's policy speaks of more than its domain",
        'A domain may only permit and forbid what is its own: write `resource in Domain::"name"` (or one of its products or ports) in '
        "the policy's head. What binds everybody belongs into the mesh's own policies/ folder.",
    ),
    Code(
        "policy-unasked",
        "A policy asks for what is nowhere",
        "`has` of a column or an attribute that nothing has is a plain no, so that a misspelt name makes a policy say nothing. A row policy "
        "asks for text, whole numbers up to 64 bits and booleans; where a port has its column in another type, nobody whom it concerns reads "
        "that port. This is a warning: the column may come later.",
    ),
    Code(
        "purpose",
        "A declared purpose is not one",
        "`purposes` in mesh.yaml names what data is read for beside the usual purposes, each with the wider one that it is a part of, "
        "or nothing. A usual purpose cannot be declared anew, and none can be a part of itself.",
    ),
    Code(
        "policy-syntax",
        "A policy file is not Cedar",
        "Every policy is `permit (principal, action, resource)` or `forbid (…)`, perhaps with `when { … }` and `unless { … }`, and ends "
        "with a semicolon. A file that cannot be read is never published.",
    ),
)
