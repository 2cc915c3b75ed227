"""The cheapest pairing of rows with columns.

Shortest augmenting paths with potentials, O(n^2 m): R. Jonker and A. Volgenant, "A shortest augmenting path
algorithm for dense and sparse linear assignment problems", Computing 38 (1987).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_FORBIDDEN = 1e9  # stands for infinity: sums of it are still numbers


def assign(costs: npt.ArrayLike, limit: float = np.inf) -> list[tuple[int, int]]:
    """Pairs (row, column) of float [n, m] `costs`, each row and each column in one at most.

    As many pairs as can be made of costs up to `limit`, and of all such pairings one whose sum is least; in
    the order of the rows. A cost that is infinite or NaN is never taken.
    """
    given = np.asarray(costs, np.float64)
    if given.ndim != 2 or 0 in given.shape:
        return []
    allowed = (given <= limit) & np.isfinite(given)
    table = np.where(allowed, given, _FORBIDDEN)
    if given.shape[0] > given.shape[1]:
        pairs = [(row, column) for column, row in enumerate(_columns_of_rows(table.T))]
    else:
        pairs = list(enumerate(_columns_of_rows(table)))
    return sorted((row, column) for row, column in pairs if allowed[row, column])


def _columns_of_rows(costs: npt.NDArray[np.float64]) -> list[int]:
    """For each row of [n, m], n <= m, its column."""
    n, m = costs.shape
    row_price, column_price = np.zeros(n), np.zeros(m + 1)
    row_of = np.full(m + 1, -1)  # of each column; the last one is where a path begins
    for row in range(n):
        row_of[m] = row
        at = m
        cheapest = np.full(m, np.inf)
        before = np.full(m, m)
        used = np.zeros(m + 1, bool)
        while True:  # until a column that is free
            used[at] = True
            here = row_of[at]
            reduced = costs[here] - row_price[here] - column_price[:m]
            closer = ~used[:m] & (reduced < cheapest)
            cheapest[closer], before[closer] = reduced[closer], at
            following = int(np.argmin(np.where(used[:m], np.inf, cheapest)))
            step = cheapest[following]
            row_price[row_of[used]] += step
            column_price[used] -= step
            cheapest[~used[:m]] -= step
            at = following
            if row_of[at] < 0:
                break
        while at != m:
            row_of[at] = row_of[before[at]]
            at = int(before[at])
    found = np.empty(n, int)
    taken = row_of[:m] >= 0
    found[row_of[:m][taken]] = np.flatnonzero(taken)
    return [int(column) for column in found]
