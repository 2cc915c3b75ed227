"""Between real numbers and quanta."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.op import Op, supported
from edgerun.ir.quantize import Cast, Dequantize, FakeQuantize, Quantize, Requantize
from edgerun.ir.spectrum import Real
from edgerun.ir.types import COMPLEX64, FLOAT32


def quantize(task: Import) -> Op:
    return Quantize(task.out) if task.type(0).dtype == FLOAT32 else Requantize(task.out)


def fake_quant(task: Import) -> Op:
    options = task.options
    supported(not options["narrow_range"], "a narrow range of FAKE_QUANT is not supported")
    return FakeQuantize(float(options["min"]), float(options["max"]), int(options["num_bits"]))


def dequantize(task: Import) -> Op:
    return Dequantize()


def cast(task: Import) -> Op:
    if task.type(0).dtype == COMPLEX64 and task.out.dtype == FLOAT32:
        return Real()
    return Cast(task.out.dtype)


IMPORTERS: Mapping[str, Importer] = {
    "CAST": cast,
    "DEQUANTIZE": dequantize,
    "FAKE_QUANT": fake_quant,
    "QUANTIZE": quantize,
}
