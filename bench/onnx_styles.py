"""One network in the four styles that quantisers write: signed or unsigned activations, QDQ or QOperator.

    python bench/onnx_styles.py [--rounds 60] [--threads 1]

A made-up network in the manner of MobileNet with random weights. The four files run in turns, by edgerun and
by ONNX Runtime; printed are medians and their ratios to that of unsigned QDQ. The machine should be idle.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import edgerun

SIDE = 112
STYLES = [(dtype, style) for style in ("QDQ", "QOperator") for dtype in (np.uint8, np.int8)]


class Writer:
    """Writes one style. Zero points are said for int8 and moved for uint8."""

    def __init__(self, dtype: type, qdq: bool) -> None:
        self.dtype, self.qdq = dtype, qdq
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.rng = np.random.default_rng(7)

    def const(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **attributes))
        return name

    def quantisation(self, scale: float, zero: int) -> list[str]:
        zero = zero + 128 if self.dtype is np.uint8 else zero
        return [self.const(np.float32(scale)), self.const(self.dtype(zero))]

    def quantized(self, x: str, scale: float, zero: int) -> tuple[str, list[str], float]:
        """The integers, their quantisation's names, and their scale."""
        q = self.quantisation(scale, zero)
        return self.node("QuantizeLinear", [x, *q]), q, scale

    def real(self, x: tuple[str, list[str], float]) -> str:
        return self.node("DequantizeLinear", [x[0], *x[1]])

    def conv(
        self,
        x: tuple[str, list[str], float],
        ins: int,
        outs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
    ) -> tuple[str, list[str], float]:
        depth = ins // groups * kernel**2
        w = self.rng.integers(-127, 128, (outs, ins // groups, kernel, kernel), np.int8)
        scales = (self.rng.uniform(0.5, 1.5, outs) / (74 * depth**0.5)).astype(np.float32)
        b = self.rng.integers(-2000, 2000, outs, np.int32)
        form = {
            "kernel_shape": [kernel] * 2,
            "strides": [stride] * 2,
            "pads": [kernel // 2] * 4,
            "group": groups,
        }
        weights = [self.const(w), self.const(scales), self.const(np.zeros(outs, np.int8))]
        out = 0.02
        if not self.qdq:
            q = self.quantisation(out, -128)
            operands = [x[0], *x[1], *weights, *q, self.const(b)]
            return self.node("QLinearConv", operands, **form), q, out
        steps = (np.float32(x[2]) * scales).astype(np.float32)
        bias = [self.const(b), self.const(steps), self.const(np.zeros(outs, np.int32))]
        operands = [
            self.real(x),
            self.node("DequantizeLinear", weights, axis=0),
            self.node("DequantizeLinear", bias, axis=0),
        ]
        return self.quantized(self.node("Conv", operands, **form), out, -128)

    def add(
        self, a: tuple[str, list[str], float], b: tuple[str, list[str], float]
    ) -> tuple[str, list[str], float]:
        if self.qdq:
            return self.quantized(self.node("Add", [self.real(a), self.real(b)]), 0.03, -128)
        q = self.quantisation(0.03, -128)
        operands = [a[0], *a[1], b[0], *b[1], *q]
        return self.node("QLinearAdd", operands, "com.microsoft"), q, 0.03

    def pool(self, x: tuple[str, list[str], float]) -> tuple[str, list[str], float]:
        if self.qdq:
            return self.quantized(self.node("GlobalAveragePool", [self.real(x)]), 0.02, -128)
        q = self.quantisation(0.02, -128)
        made = self.node("QLinearGlobalAveragePool", [x[0], *x[1], *q], "com.microsoft", channels_last=0)
        return made, q, 0.02


def network(dtype: type, qdq: bool) -> bytes:
    """float32 [1, 3, SIDE, SIDE] -> float32 [1, 128, 1, 1]."""
    net = Writer(dtype, qdq)
    x = net.quantized("x", 0.02, 0)
    x = net.conv(x, 3, 16, 3, 2)
    channels = 16
    for wider, stride in ((32, 1), (64, 2), (96, 2), (128, 2)):
        x = net.conv(x, channels, 3 * channels, 1)
        x = net.conv(x, 3 * channels, 3 * channels, 3, stride, 3 * channels)
        x = net.conv(x, 3 * channels, wider, 1)
        x = net.add(x, net.conv(x, wider, wider, 3))
        channels = wider
    net.nodes.append(helper.make_node("DequantizeLinear", [(y := net.pool(x))[0], *y[1]], ["y"]))
    graph = helper.make_graph(
        net.nodes,
        "styles",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, channels, 1, 1))],
        net.constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def theirs(data: bytes, threads: int) -> Callable[[Any], Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def ours(data: bytes, threads: int) -> Callable[[Any], Any]:
    session = edgerun.Session(data, threads=threads)
    return lambda x: session.run(x)["y"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    files = [network(dtype, style == "QDQ") for dtype, style in STYLES]
    runs = [[make(data, arguments.threads) for data in files] for make in (ours, theirs)]
    x = np.random.default_rng(1).normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)
    results = [[run(x) for run in row] for row in runs]
    times: list[list[list[float]]] = [[[] for _ in row] for row in runs]
    order = [(side, i) for side in range(2) for i in range(len(files))]
    for _ in range(arguments.rounds):
        random.shuffle(order)  # whoever follows a long run finds colder caches
        for side, i in order:
            runs[side][i](x)
            start = time.perf_counter()
            for _ in range(4):
                runs[side][i](x)
            times[side][i].append((time.perf_counter() - start) / 4 * 1e3)
    medians = [[statistics.median(samples) for samples in kept] for kept in times]
    print("| activations | style | edgerun ms | ratio | ONNX Runtime ms | ratio | results that differ |")
    print("|---|---|---|---|---|---|---|")
    for i, (dtype, style) in enumerate(STYLES):
        cells = [f"{value:.3f} | {value / row[0]:.3f}" for row in medians for value in (row[i],)]
        differ = int(np.count_nonzero(results[0][i] != results[0][0]))
        print(f"| {dtype.__name__} | {style} | {' | '.join(cells)} | {differ} of {results[0][i].size} |")


if __name__ == "__main__":
    main()
