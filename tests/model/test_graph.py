from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meshwright.model.graph import build_order, reachable, reverse

graphs = st.dictionaries(st.integers(0, 12).map(str), st.lists(st.integers(0, 12).map(str), max_size=4), max_size=13)


@given(graphs)
def test_every_node_comes_after_its_inputs_or_is_stuck_behind_a_cycle(inputs: dict[str, list[str]]) -> None:
    order, cycles = build_order(inputs)
    place = {node: at for at, node in enumerate(order)}
    assert len(place) == len(order)
    for node in order:
        assert all(place[up] < place[node] for up in inputs[node] if up in inputs)
    assert (len(order) == len(inputs)) is (not cycles)


@given(graphs)
def test_each_cycle_is_a_real_one(inputs: dict[str, list[str]]) -> None:
    _, cycles = build_order(inputs)
    for cycle in cycles:
        assert cycle[0] == cycle[-1] == min(cycle)
        assert all(read in inputs[reader] for reader, read in pairwise(cycle))


def test_a_cycle_is_named_in_reading_order_from_its_smallest_name() -> None:
    order, cycles = build_order({"c": ["a"], "a": ["b"], "b": ["c"], "d": ["a"], "e": []})
    assert order == ["e"]
    assert cycles == [["a", "b", "c", "a"]]


def test_reading_oneself_is_a_cycle() -> None:
    assert build_order({"a": ["a"]}) == ([], [["a", "a"]])


def test_downstream_is_upstream_turned_round() -> None:
    upstream = {"c": ["b"], "b": ["a"], "d": []}
    assert reachable(["a"], reverse(upstream)) == {"a", "b", "c"}
    assert reachable(["c"], upstream) == {"a", "b", "c"}
