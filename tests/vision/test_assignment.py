"""The cheapest pairing, against all pairings there are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerun.vision.assignment import assign


def best_of_all(costs: np.ndarray, limit: float) -> tuple[int, float]:
    """(most pairs, least sum of these), by trying every pairing."""
    n, m = costs.shape
    if n > m:
        return best_of_all(costs.T, limit)
    best = (0, 0.0)
    for columns in permutations(range(m), n):
        taken = [costs[r, c] for r, c in enumerate(columns) if costs[r, c] <= limit]
        best = max(best, (len(taken), -sum(taken)))
    return best[0], -best[1]


@settings(max_examples=300, deadline=None)
@given(
    n=st.integers(1, 5),
    m=st.integers(1, 6),
    seed=st.integers(0, 1 << 30),
    limit=st.sampled_from([0.3, 0.7, np.inf]),
)
def test_no_pairing_is_better(n: int, m: int, seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 8, (n, m)) / 8 if seed % 2 else rng.random((n, m))  # ties, too
    costs[rng.random((n, m)) < 0.2] = np.inf
    pairs = assign(costs, limit)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)
    total = sum(costs[r, c] for r, c in pairs)
    many, least = best_of_all(np.where(np.isfinite(costs), costs, 1e9), min(limit, 1e8))
    assert len(pairs) == many
    assert total == pytest.approx(least)


def test_nothing_to_pair() -> None:
    assert assign(np.empty((0, 3))) == []
    assert assign(np.empty((3, 0))) == []
    assert assign([[np.nan, np.inf]]) == []


def test_a_large_table_with_a_known_answer() -> None:
    rng = np.random.default_rng(3)
    answer = rng.permutation(120)
    costs = rng.random((120, 120)) + 1
    costs[np.arange(120), answer] = rng.random(120) * 0.5
    assert assign(costs) == list(enumerate(answer))
