"""The names that one check has in dbt_utils, dbt_expectations and their successors, and tests that a contract makes needless."""

from __future__ import annotations

from typing import Final

EXPECT: Final = "dbt_expectations.expect_"
# Other names of the same checks: those of dbt_utils, and of dbt_expectations and its successors.
ALIASES: Final = {
    "dbt_utils.relationships_where": "relationships",
    "dbt_utils.not_accepted_values": "rejected_values",
    **{
        f"dbt_utils.{name}": name
        for name in (
            "expression_is_true", "unique_combination_of_columns", "accepted_range", "not_null_proportion",
            "equal_rowcount", "recency", "not_empty_string", "at_least_one", "not_constant",
        )
    },
    f"{EXPECT}column_values_to_not_be_null": "not_null",
    f"{EXPECT}column_values_to_be_unique": "unique",
    f"{EXPECT}column_values_to_be_in_set": "accepted_values",
    f"{EXPECT}column_values_to_not_be_in_set": "rejected_values",
    f"{EXPECT}column_values_to_be_between": "accepted_range",
    f"{EXPECT}column_values_to_match_regex": "matches_regex",
    f"{EXPECT}column_value_lengths_to_equal": "length",
    f"{EXPECT}column_value_lengths_to_be_between": "length",
    f"{EXPECT}table_row_count_to_be_between": "row_count",
    f"{EXPECT}compound_columns_to_be_unique": "unique_combination_of_columns",
    "dbt_expectations.expression_is_true": "expression_is_true",
}  # fmt: skip
IMPLIED: Final = frozenset(
    f"{EXPECT}{name}"
    for name in (
        "column_to_exist", "column_values_to_be_of_type", "column_values_to_be_in_type_list", "table_column_count_to_equal",
        "table_columns_to_match_ordered_list", "table_columns_to_match_set", "table_columns_to_contain_set",
    )
)  # fmt: skip
