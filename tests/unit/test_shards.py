"""Shards are whole groups, and the groups do not depend on how many shards there are."""

from hypothesis import given
from hypothesis import strategies as st

from memat.shards import groups_of_shard, n_shards, share


@given(st.integers(1, 300), st.integers(1, 20), st.integers(1, 10))
def test_groups_are_the_same_however_facts_are_cut(n_facts, together, groups_a_shard):
    size = together * groups_a_shard
    found = [
        list(range(n_facts))[group]
        for shard in range(n_shards(n_facts, size))
        for group in groups_of_shard(n_facts, shard, size, together)
    ]
    assert found == [
        list(range(start, min(start + together, n_facts))) for start in range(0, n_facts, together)
    ]


@given(st.integers(0, 300), st.integers(1, 20))
def test_without_a_shard_size_the_first_shard_holds_all_groups(n_facts, together):
    assert groups_of_shard(n_facts, 0, None, together) == groups_of_shard(
        n_facts, 0, together * max(n_facts, 1), together
    )


@given(st.lists(st.integers(), max_size=40), st.integers(1, 50))
def test_shares_are_the_groups_in_order_each_once(groups, shards):
    shares = [list(share(groups, shard, shards)) for shard in range(shards)]
    assert [group for own in shares for group in own] == groups
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
