"""Bits of integers."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Importer
from edgerun.ir.bits import Bitcast, BitwiseXor, RightShift

IMPORTERS: Mapping[str, Importer] = {
    "BITCAST": lambda task: Bitcast(task.out),
    "BITWISE_XOR": lambda task: BitwiseXor(),
    "RIGHT_SHIFT": lambda task: RightShift(),
}
