"""The verbs suppress_overlaps and roi_align against their operators in numpy, which the frontend's tests hold
to ONNX's."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.op import Op, evaluate, wrong_elements
from edgerun.ir.regions import RoiAlign
from edgerun.ir.suppression import SuppressOverlaps
from edgerun.ir.types import FLOAT32, INT64, Array, TensorType
from edgerun.plan.lower import lower
from edgerun.plan.program import bind


def run(op: Op, verb: str, feeds: dict[str, Array]) -> list[Array]:
    """The results of a graph of `op` alone, which has to be the verb."""
    values = [Value(name, TensorType(a.shape, a.dtype)) for name, a in feeds.items()]
    results = [Value(f"y{i}", kind) for i, kind in enumerate(op.infer(*(v.type for v in values)))]
    plan = lower(Graph("test", values, results, [Node(op, values, results)]))
    assert [step.verb for step in plan.steps] == [verb]
    got = bind(plan, 1).runner(1).run(feeds)
    return [got[value.name] for value in results]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("centred", [False, True])
def test_suppression(centred: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    b, classes, n = (int(d) for d in rng.integers(1, 5, 3) * (1, 1, 30))
    op = SuppressOverlaps(int(rng.integers(1, n + 1)), float(rng.uniform(0, 0.8)), 0.2, centred)
    feeds = {
        "boxes": rng.uniform(0, 1, (b, n, 4)).astype(np.float32),
        "scores": (rng.integers(0, 40, (b, classes, n)) / 40).astype(np.float32),
    }
    feeds["boxes"][0, 0, seed % 4] = np.nan
    feeds["scores"][0, 0, 1] = np.nan
    got = run(op, "suppress_overlaps", feeds)
    types = [TensorType(a.shape, FLOAT32) for a in feeds.values()]
    want = evaluate(op, types, list(feeds.values()))
    assert int(want[1]) > 0
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("half_pixel", [False, True])
@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("samples", [0, 2])
def test_regions_that_make_no_sense(samples: int, largest: bool, half_pixel: bool) -> None:
    """Those that are turned round, infinite or no numbers, very large, or of an image that is not there."""
    odd = [np.nan, np.inf, -np.inf, 1e30, -1e30, 5, 3e9, -7]
    regions = np.array(odd, np.float32)[np.random.default_rng(0).integers(0, 8, (40, 4))]
    feeds = {
        "x": np.random.default_rng(1).standard_normal((2, 3, 6, 5)).astype(np.float32),
        "regions": np.concatenate([regions, np.float32([[1, 1, 4, 4], [4, 4, 1, 1]])]),
        "images": np.concatenate([np.arange(40) % 4 - 1, [1, 0]]),
    }
    op = RoiAlign((2, 3), samples, 0.5, largest, half_pixel)
    kinds = (FLOAT32, FLOAT32, INT64)
    types = [TensorType(a.shape, kind) for a, kind in zip(feeds.values(), kinds, strict=True)]
    got = run(op, "roi_align", feeds)
    assert got[0][40].any()
    assert not wrong_elements(op, types, list(feeds.values()), got)[0].any()
