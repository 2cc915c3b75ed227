"""How activations are quantised before hybrid products: LiteRT's quanta, also where rounding decides."""

from __future__ import annotations

import numpy as np
import pytest

from cases import Net
from edgerun.ir.types import Array
from edgerun.session import Session
from engine import ISAS, bound_for

SIZE = 64


def identity(asymmetric: bool) -> bytes:
    """A fully connected layer whose outputs are its inputs as they are quantised."""
    net = Net()
    x = net.tensor("x", (1, SIZE), "float32")
    w = net.tensor("w", (SIZE, SIZE), "int8", scale=1.0, zero_point=0, data=np.eye(SIZE, dtype=np.int8))
    y = net.tensor("y", (1, SIZE), "float32")
    net.operator("FULLY_CONNECTED", [x, w], [y], {"asymmetric_quantize_inputs": asymmetric})
    return net.finish([x], [y])


def ties(seed: int) -> Array:
    """Values half-way between quanta, in a range whose zero point may be half-way too."""
    rng = np.random.default_rng(seed)
    scale = np.float32(rng.choice([1, 0.5, 0.3, 1 / 255, 3e-3, rng.uniform(1e-3, 2)]))
    low = rng.integers(0, 255) + rng.choice([0, 0.5])
    halves = rng.integers(-int(low), 255 - int(low), SIZE) + rng.choice([-0.5, 0.5], SIZE)
    x = np.clip(halves, -low, 255 - low) * scale
    x[:2] = -low * scale, (255 - low) * scale
    return x.astype(np.float32).reshape(1, SIZE)


@pytest.mark.parametrize("asymmetric", [False, True])
def test_quanta_equal_litert(asymmetric: bool) -> None:
    litert = pytest.importorskip("litert")
    model = identity(asymmetric)
    sessions = []
    for isa in ISAS:
        with bound_for(isa):
            sessions.append(Session(model, 1))
    for seed in range(200):
        x = ties(seed)
        expected = litert.run(model, {"x": x})["y"]
        for session in sessions:
            np.testing.assert_array_equal(session.run({"x": x})["y"], expected)


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("value", [0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38])
def test_strange_values_harm_nobody(asymmetric: bool, value: float) -> None:
    x = np.full((1, SIZE), value, np.float32)
    for isa in ISAS:
        with bound_for(isa):
            y = Session(identity(asymmetric), 1).run({"x": x})["y"]
        assert y.shape == (1, SIZE)
        if value == 0:
            np.testing.assert_array_equal(y, 0)
