"""The parse-tree nodes that a transformation may be made of, with the keys that DuckDB 2.0 gives each.

A node or key that is not here is refused: it is new in DuckDB, or it writes, or it looks at the system.
"""

from __future__ import annotations

from typing import Final

PLACE: Final = "query_location query_location_length"
EXPRESSION: Final = f"class type alias {PLACE}"
TABLE: Final = f"type alias sample {PLACE}"
NODE: Final = "type modifiers cte_map"

CALL: Final = "function_name schema catalog qualified_name arguments distinct"

# class → its types and their keys. Table references, query nodes and modifiers have no class.
COMPARISONS: Final = """
    COMPARE_EQUAL COMPARE_NOTEQUAL COMPARE_LESSTHAN COMPARE_LESSTHANOREQUALTO COMPARE_GREATERTHAN
    COMPARE_GREATERTHANOREQUALTO COMPARE_DISTINCT_FROM COMPARE_NOT_DISTINCT_FROM
"""
OPERATORS: Final = """
    ARRAY_CONSTRUCTOR ARRAY_EXTRACT ARRAY_SLICE COMPARE_IN COMPARE_NOT_IN GROUPING_FUNCTION OPERATOR_COALESCE
    OPERATOR_IS_NOT_NULL OPERATOR_IS_NULL OPERATOR_NOT OPERATOR_TRY OPERATOR_UNPACK STRUCT_EXTRACT
"""
WINDOWS: Final = """
    WINDOW_AGGREGATE WINDOW_CUME_DIST WINDOW_FILL WINDOW_FIRST_VALUE WINDOW_LAG WINDOW_LAST_VALUE WINDOW_LEAD
    WINDOW_NTH_VALUE WINDOW_NTILE WINDOW_PERCENT_RANK WINDOW_RANK WINDOW_RANK_DENSE WINDOW_ROW_NUMBER
"""
OVER: Final = """
    partitions orders arg_orders start end start_expr end_expr offset_expr default_expr filter_expr exclude_clause
    has_ignore_nulls ignore_nulls
"""
EXPRESSIONS: Final = {
    "BETWEEN": ("COMPARE_BETWEEN", "input lower upper"),
    "CASE": ("CASE_EXPR", "case_checks else_expr"),
    "CAST": ("OPERATOR_CAST", "child type_expr try_cast"),
    "COLLATE": ("COLLATE", "child collation"),
    "COLUMN_REF": ("COLUMN_REF", "column_names"),
    "COMPARISON": (COMPARISONS, "left right"),
    "CONJUNCTION": ("CONJUNCTION_AND CONJUNCTION_OR", "children"),
    "CONSTANT": ("VALUE_CONSTANT", "literal"),
    "FUNCTION": ("FUNCTION", f"{CALL} filter order_bys is_operator export_state"),
    "LAMBDA": ("LAMBDA", "lhs expr syntax_type"),
    "OPERATOR": (OPERATORS, "children"),
    "POSITIONAL_REFERENCE": ("POSITIONAL_REFERENCE", "index"),
    "STAR": ("STAR", "relation_name columns expr exclude_list qualified_exclude_list replace_list rename_list"),
    "SUBQUERY": ("SUBQUERY", "subquery subquery_type child comparison_type"),
    "TYPE": ("TYPE", "type_name schema catalog qualified_name children"),
    "WINDOW": (WINDOWS, f"{CALL} {OVER}"),
}
OTHERS: Final = {
    "BASE_TABLE": f"{TABLE} schema_name catalog_name table_name qualified_name column_name_alias at_clause",
    "EMPTY": TABLE,
    "EXPRESSION_LIST": f"{TABLE} expected_names expected_types values",
    "JOIN": f"{TABLE} left right condition join_type ref_type using_columns delim_flipped is_implicit"
    " duplicate_eliminated_columns ranking_expression nearest_count nearest_order_type nearest_approx",
    "PIVOT": f"{TABLE} source aggregates pivots groups include_nulls unpivot_names column_name_alias",
    "SUBQUERY": f"{TABLE} subquery column_name_alias",
    "TABLE_FUNCTION": f"{TABLE} function column_name_alias with_ordinality",
    "SELECT_NODE": f"{NODE} select_list from_table where_clause group_expressions group_sets aggregate_handling"
    " having qualify sample",
    "SET_OPERATION_NODE": f"{NODE} setop_type setop_all left right children",
    "RECURSIVE_CTE_NODE": f"{NODE} cte_name union_all left right aliases key_targets",
    "DISTINCT_MODIFIER": "type distinct_on_targets",
    "LIMIT_MODIFIER": "type limit limit_type offset",
    "ORDER_MODIFIER": "type orders",
    "ORDER_DEFAULT": "type expression null_order",
    "ASCENDING": "type expression null_order",
    "DESCENDING": "type expression null_order",
}
NODES: Final = {
    (kind, type_name): frozenset(f"{EXPRESSION} {keys}".split())
    for kind, (types, keys) in EXPRESSIONS.items()
    for type_name in types.split()
} | {("", type_name): frozenset(keys.split()) for type_name, keys in OTHERS.items()}

# Parts of nodes that have no type of their own, by their keys.
PARTS: Final = frozenset(
    frozenset(keys.split())
    for keys in (
        "path",
        "map",
        "key value",
        "aliases key_targets materialized payload_aggregates query_node",
        "expression name",
        "then_expr when_expr",
        "kind text",
        "named_param_map node",
        "entries pivot_enum pivot_expressions unpivot_names",
        "alias star_expr values",
        "catalog column schema table",
        "is_percentage method repeatable sample_rate sample_size seed",
    )
)

# What the refused nodes are called where people read of them, and the word that they begin with.
REFUSED: Final = {
    "COPY_QUERY_NODE": ("COPY in a WITH clause writes a file", "copy"),
    "INSERT_QUERY_NODE": ("INSERT in a WITH clause writes", "insert"),
    "UPDATE_QUERY_NODE": ("UPDATE in a WITH clause writes", "update"),
    "DELETE_QUERY_NODE": ("DELETE in a WITH clause writes", "delete"),
    "MERGE_QUERY_NODE": ("MERGE in a WITH clause writes", "merge"),
    "SHOW_REF": ("SHOW, DESCRIBE and SUMMARIZE look at the system", ""),
    "VALUE_PARAMETER": ("a parameter has no value here", ""),
    "VALUE_DEFAULT": ("DEFAULT belongs into INSERT", ""),
}
