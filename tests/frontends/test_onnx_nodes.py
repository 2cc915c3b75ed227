"""ONNX's own node tests through the engine: what passes passes, what does not is in onnx_nodes.txt."""

from __future__ import annotations

import numpy as np
import pytest
from bench.onnx_nodes import cases, check, compare, operator_of, read_table

KNOWN = read_table()
OPERATORS = sorted({operator_of(case) for case in cases().values()})


@pytest.mark.parametrize("operator", OPERATORS)
def test_cases_of(operator):
    """The table is right both ways: who is not in it passes, who is in it fails for its reason."""
    reasons = {name: check(case) for name, case in cases().items() if operator_of(case) == operator}
    listed = {name: reason for name, (of, reason) in KNOWN.items() if of == operator}
    assert {name: reason for name, reason in reasons.items() if reason} == listed


def test_the_table_lists_cases_that_exist():
    assert set(KNOWN) <= set(cases())


def test_the_comparison_tells_apart():
    one = np.ones(3, np.float32)
    assert not compare(one, one, 1e-3, 1e-7)
    assert compare(one, one * 1.01, 1e-3, 1e-7) == "another result"
    assert compare(one, one.astype(np.int32), 1e-3, 1e-7) == "a result of another dtype"
    assert compare(one, one[:2], 1e-3, 1e-7) == "a result of another shape"
