"""What is left of a batch normalisation behind a convolution goes into its weights."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import edgerun
from frontends.test_onnx import both, model, random


def normalised(nodes, extra=()):
    constants = {name: random(8, seed=i) for i, name in enumerate(("b", "s", "t", "m"))}
    constants |= {
        "v": np.abs(random(8)) + 0.1,
        "w": random(8, 8, 3, 3),
        "d": random(8, 1, 3, 3),
        "e": random(2, 8, 1, 1),
    }
    bn = helper.make_node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"])
    outputs = dict.fromkeys(("y", *extra), TensorProto.FLOAT)
    return model(
        [*nodes, bn, helper.make_node("Relu", ["n"], ["r"]), helper.make_node("Conv", ["r", "e"], ["y"])],
        {"x": [1, 8, 7, 6]},
        outputs,
        constants,
    )


@pytest.mark.parametrize("weights", ["w", "d"])
@pytest.mark.parametrize("bias", [[], ["b"]])
def test_a_batch_normalisation_is_folded(weights, bias):
    group = 8 if weights == "d" else 1
    proto = normalised([helper.make_node("Conv", ["x", weights, *bias], ["c"], group=group)])
    # The second convolution is why the transposes between meet, and the first stands next to what follows.
    names = [n.op.name for n in edgerun.Session(proto.SerializeToString())._graph.nodes]
    assert names == ["Transpose", "DepthwiseConv2d" if group > 1 else "Conv2d", "Conv2d", "Transpose"]
    got, wanted = both(proto, x=random(1, 8, 7, 6))
    np.testing.assert_allclose(got["y"], wanted["y"], rtol=1e-4, atol=1e-4)


def test_what_others_read_stays():
    proto = normalised([helper.make_node("Conv", ["x", "w", "b"], ["c"])], extra=["c"])
    got, wanted = both(proto, x=random(1, 8, 7, 6))
    for name in ("y", "c"):
        np.testing.assert_allclose(got[name], wanted[name], rtol=1e-4, atol=1e-4)
