"""Small nets of our own writer, as bytes, and a way to run a script in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cases import Net
from edgerun.formats.tflite_writer import ModelBuilder
from edgerun.ir.types import Array
from edgerun.plan import program


def classifier_net(batch: int = 1, side: int = 24) -> bytes:
    """image int8 [batch, side, side, 3] -> conv, depthwise, 1x1 + skip, mean, dense, softmax -> int8
    [batch, 10]."""
    net, rng = ModelBuilder("classifier"), np.random.default_rng(7)

    def act(name: str, *shape: int, scale: float = 0.05, zero: int = -3) -> int:
        return net.tensor(name, shape, "int8", scale=scale, zero_point=zero)

    def weights(name: str, *shape: int, axis: int = 0) -> int:
        data = rng.integers(-127, 128, shape, np.int8)
        scales = rng.uniform(0.001, 0.003, shape[axis])
        return net.tensor(name, shape, "int8", scale=scales, axis=axis, data=data)

    def bias(name: str, n: int) -> int:
        return net.tensor(name, [n], "int32", scale=1e-4, data=rng.integers(-900, 900, n, np.int32))

    x = act("image", batch, side, side, 3)
    stem = act("stem", batch, side, side, 32)
    options = {"padding": "same", "stride_w": 1, "stride_h": 1, "fused_activation_function": "relu"}
    net.operator("CONV_2D", [x, weights("w0", 32, 3, 3, 3), bias("b0", 32)], [stem], options)
    deep = act("deep", batch, side, side, 32)
    options = {**options, "depth_multiplier": 1}
    net.operator(
        "DEPTHWISE_CONV_2D", [stem, weights("w1", 1, 3, 3, 32, axis=3), bias("b1", 32)], [deep], options
    )
    point = act("point", batch, side, side, 32)
    options = {"padding": "valid", "stride_w": 1, "stride_h": 1}
    net.operator("CONV_2D", [deep, weights("w2", 32, 1, 1, 32), bias("b2", 32)], [point], options)
    joined = act("joined", batch, side, side, 32, scale=0.08)
    net.operator("ADD", [point, stem], [joined], {})
    mean = act("mean", batch, 32, scale=0.02)
    axes = net.tensor("axes", [2], "int32", data=np.array([1, 2], np.int32))
    net.operator("MEAN", [joined, axes], [mean], {"keep_dims": False})
    logits = act("logits", batch, 10, scale=0.01)
    net.operator("FULLY_CONNECTED", [mean, weights("w3", 10, 32), bias("b3", 10)], [logits], {})
    y = net.tensor("scores", [batch, 10], "int8", scale=1 / 256, zero_point=-128)
    net.operator("SOFTMAX", [logits], [y], {"beta": 1.0})
    net.metadata("note", b"made by a test")
    return net.finish([x], [y])


def pair_net() -> bytes:
    """a, b int8 [1, 4, 4, 8] -> sum [1, 4, 4, 8] and joined [1, 4, 4, 16]."""
    net = ModelBuilder("pair")
    a, b, total = (
        net.tensor(name, [1, 4, 4, 8], "int8", scale=0.1, zero_point=2) for name in ("a", "b", "sum")
    )
    joined = net.tensor("joined", [1, 4, 4, 16], "int8", scale=0.1, zero_point=2)
    net.operator("ADD", [a, b], [total], {})
    net.operator("CONCATENATION", [a, b], [joined], {"axis": 3})
    return net.finish([a, b], [total, joined])


def float_border_net() -> bytes:
    """x float32 [1, 40] -> quantised to int8 -> softmax -> y float32 [1, 40]."""
    net = ModelBuilder("border")
    x = net.tensor("x", [1, 40], "float32")
    q = net.tensor("q", [1, 40], "int8", scale=0.037, zero_point=5)
    s = net.tensor("s", [1, 40], "int8", scale=1 / 256, zero_point=-128)
    y = net.tensor("y", [1, 40], "float32")
    net.operator("QUANTIZE", [x], [q], {})
    net.operator("SOFTMAX", [q], [s], {"beta": 1.0})
    net.operator("DEQUANTIZE", [s], [y], {})
    return net.finish([x], [y])


@pytest.fixture(scope="session")
def classifier() -> bytes:
    return classifier_net()


@pytest.fixture
def stateful() -> bytes:
    """y = x + v, then v = y."""
    net = Net()
    x, v, y = (net.q(name, (1, 4)) for name in ("x", "v_value", "y"))
    handle = net.tensor("v", (), "RESOURCE")
    net.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    net.operator("READ_VARIABLE", [handle], [v])
    net.operator("ADD", [x, v], [y])
    net.operator("ASSIGN_VARIABLE", [handle, y], [])
    return net.finish([x], [y])


@pytest.fixture(scope="session")
def make_classifier() -> Callable[..., bytes]:
    return classifier_net


@pytest.fixture(scope="session")
def pair() -> bytes:
    return pair_net()


@pytest.fixture(scope="session")
def float_border() -> bytes:
    return float_border_net()


@pytest.fixture
def many_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets even the smallest step use all threads."""
    monkeypatch.setattr(program, "_LANE_US", 1e-9)


@pytest.fixture
def images() -> Callable[..., list[Array]]:
    """Random int8 inputs of the classifier."""

    def make(count: int, batch: int = 1, side: int = 24) -> list[Array]:
        rng = np.random.default_rng(11)
        return [rng.integers(-128, 128, (batch, side, side, 3), np.int8) for _ in range(count)]

    return make


@pytest.fixture
def run_script() -> Callable[..., str]:
    """Runs Python code, or a file of it, with arguments in a process of its own; gives what it prints. A
    script that fails, or does not end, fails the test."""

    def run(script: str | Path, *arguments: str, seconds: float = 120) -> str:
        source = ["-c", script] if isinstance(script, str) else [str(script)]
        done = subprocess.run(
            [sys.executable, *source, *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
