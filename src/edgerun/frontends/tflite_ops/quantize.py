"""Between real numbers and quanta."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.op import Op, supported
from edgerun.ir.quantize import Cast, Dequantize, FakeQuantize, Quantize, Requantize
from edgerun.ir.types import FLOAT32


def quantize(task: Import) -> Op:
    return Quantize(task.out) if task.type(0).dtype == FLOAT32 else Requantize(task.out)


def fake_quant(task: Import) -> Op:
    options = task.options
    supported(not options["narrow_range"], "a narrow range of FAKE_QUANT is not supported")
    return FakeQuantize(float(options["min"]), float(options["max"]), int(options["num_bits"]))


def dequantize(task: Import) -> Op:
    return Dequantize()


IMPORTERS: Mapping[str, Importer] = {
    "CAST": lambda task: Cast(task.out.dtype),
    "DEQUANTIZE": dequantize,
    "FAKE_QUANT": fake_quant,
    "QUANTIZE": quantize,
}
