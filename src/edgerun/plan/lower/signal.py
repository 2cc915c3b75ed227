"""The audio front end of TFLite Micro: a verb for each operator, one for both directions of the FFT."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.ir.fft import twiddles
from edgerun.ir.graph import Node
from edgerun.ir.signal import (
    LOG_TABLE,
    SignalEnergy,
    SignalFftAutoScale,
    SignalFilterBank,
    SignalFilterBankLog,
    SignalFilterBankSpectralSubtraction,
    SignalFilterBankSquareRoot,
    SignalIrfft,
    SignalPCAN,
    SignalRfft,
    SignalWindow,
)
from edgerun.plan.lower.lowering import Lowering, constant, lowers
from edgerun.plan.plan import Attribute


def _step(
    lo: Lowering, node: Node, verb: str, attributes: Mapping[str, Attribute], inputs: int | None = None
) -> None:
    """A step over the first `inputs` operands."""
    tensors = tuple(map(lo.tensor, node.inputs[:inputs]))
    lo.step(f"signal_{verb}", tensors, tuple(map(lo.tensor, node.outputs)), attributes)


def _unsigned(value: int) -> int:
    """The uint32 with the bits of an int32."""
    return value & 0xFFFFFFFF


@lowers(SignalWindow)
def _window(lo: Lowering, node: Node) -> None:
    assert isinstance(node.op, SignalWindow)
    _step(lo, node, "window", {"shift": node.op.shift})


@lowers(SignalFftAutoScale)
def _auto_scale(lo: Lowering, node: Node) -> None:
    _step(lo, node, "auto_scale", {})


@lowers(SignalRfft, SignalIrfft)
def _fft(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, SignalRfft | SignalIrfft)
    inverse = isinstance(op, SignalIrfft)
    roots, last_roots = twiddles(op.fft_length, op.dtype, inverse)
    attributes: dict[str, Attribute] = {
        "length": op.fft_length,
        "inverse": int(inverse),
        "roots": roots,
        "last_roots": last_roots,
    }
    _step(lo, node, "fft", attributes)


@lowers(SignalEnergy)
def _energy(lo: Lowering, node: Node) -> None:
    assert isinstance(node.op, SignalEnergy)
    _step(lo, node, "energy", {"start": node.op.start, "end": node.op.end})


@lowers(SignalFilterBank)
def _filter_bank(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, SignalFilterBank)
    weights, unweights, *tables = (constant(node, i) for i in range(1, 6))
    attributes: dict[str, Attribute] = {"weights": weights, "unweights": unweights}
    bands = zip(*op.bands(node.types(), *tables), strict=True)
    attributes |= dict(zip(("frequency_starts", "weight_starts", "widths"), bands, strict=True))
    _step(lo, node, "filter_bank", attributes, inputs=1)


@lowers(SignalFilterBankSquareRoot)
def _square_root(lo: Lowering, node: Node) -> None:
    _step(lo, node, "square_root", {})


@lowers(SignalFilterBankSpectralSubtraction)
def _spectral_subtraction(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, SignalFilterBankSpectralSubtraction)
    attributes: dict[str, Attribute] = {
        "smoothing": (_unsigned(op.smoothing), _unsigned(op.alternate_smoothing)),
        "keeping": (_unsigned(op.one_minus_smoothing), _unsigned(op.alternate_one_minus_smoothing)),
        "min_signal_remaining": _unsigned(op.min_signal_remaining),
        "smoothing_bits": op.smoothing_bits,
        "bits": op.spectral_subtraction_bits,
        "clamping": int(op.clamping),
    }
    _step(lo, node, "spectral_subtraction", attributes)


@lowers(SignalPCAN)
def _pcan(lo: Lowering, node: Node) -> None:
    assert isinstance(node.op, SignalPCAN)
    _step(lo, node, "pcan", {"snr_shift": node.op.snr_shift})


@lowers(SignalFilterBankLog)
def _log(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, SignalFilterBankLog)
    attributes: dict[str, Attribute] = {
        "table": np.array(LOG_TABLE, np.int32),
        "output_scale": _unsigned(op.output_scale),
        "input_correction_bits": op.input_correction_bits,
    }
    _step(lo, node, "log", attributes)
