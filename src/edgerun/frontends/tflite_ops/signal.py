"""The audio front end of TFLite Micro: custom operators whose options are FlexBuffers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.formats import flexbuffer
from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.graph import Value
from edgerun.ir.op import Op
from edgerun.ir.signal import (
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
from edgerun.ir.types import UINT32, TensorType


def integers(task: Import, *names: str) -> dict[str, int]:
    """The integer options with these names."""
    options = flexbuffer.read(task.operator.custom_options)
    if not isinstance(options, dict):
        raise FormatError(f"The options of {task.operator.name} are not a map.")
    for name in names:
        value = options.get(name)
        if not isinstance(value, int) or not -(1 << 31) <= value < 1 << 31:
            raise FormatError(f"The option {name!r} must be an integer of 32 bits, got {value!r}.")
    return {name: options[name] for name in names}


def operands(task: Import, count: int) -> None:
    """Refuses another number of operands than `count`."""
    if len(task.inputs) != count or None in task.inputs:
        raise FormatError(f"{task.operator.name} needs {count} inputs, got {len(task.inputs)}.")


def window(task: Import) -> Op:
    operands(task, 2)
    return SignalWindow(**integers(task, "shift"))


def fft_auto_scale(task: Import) -> Op:
    operands(task, 1)
    return SignalFftAutoScale()


def rfft(task: Import) -> Op:
    return _transform(task, SignalRfft)


def irfft(task: Import) -> Op:
    return _transform(task, SignalIrfft)


def _transform(task: Import, op: type[SignalRfft] | type[SignalIrfft]) -> Op:
    operands(task, 1)
    dtype = task.type(0).dtype.name
    if dtype not in ("int16", "int32", "float32"):
        raise FormatError(f"{op.__name__} does not transform {dtype}.")
    return op(**integers(task, "fft_length"), dtype=dtype)


def energy(task: Import) -> Op:
    operands(task, 1)
    options = integers(task, "start_index", "end_index")
    return SignalEnergy(options["start_index"], options["end_index"])


def filter_bank(task: Import) -> Op:
    operands(task, 6)
    op = SignalFilterBank(**integers(task, "num_channels"))
    types = [task.type(i) for i in range(6)]
    op.infer(*types)
    constants = [task.value(i).data for i in range(1, 6)]
    if any(c is None for c in constants):
        raise UnsupportedOperatorError("its bands are computed at run time")
    op.bands(types, *(c for c in constants[2:] if c is not None))
    return op


def square_root(task: Import) -> Op:
    operands(task, 2)
    return SignalFilterBankSquareRoot()


def spectral_subtraction(task: Import) -> Op:
    operands(task, 1)
    names = (
        "num_channels",
        "smoothing",
        "one_minus_smoothing",
        "alternate_smoothing",
        "alternate_one_minus_smoothing",
        "min_signal_remaining",
        "smoothing_bits",
        "spectral_subtraction_bits",
    )
    op = SignalFilterBankSpectralSubtraction(
        **integers(task, *names), clamping=bool(integers(task, "clamping")["clamping"])
    )
    if len(task.outputs) != 2:
        raise FormatError(f"{op.name} needs 2 outputs, got {len(task.outputs)}.")
    if not 0 < op.num_channels == task.type(0).size:
        raise FormatError(f"{op} does not fit {task.type(0)}.")
    noise = task.outputs[1]
    kind = TensorType((op.num_channels,), UINT32)
    before, after = (Value(f"{noise.name}/{when}", kind) for when in ("before", "after"))
    task.inputs.append(before)
    task.states.append((before, after, np.zeros(op.num_channels, np.uint32)))
    return op


def pcan(task: Import) -> Op:
    operands(task, 3)
    return SignalPCAN(**integers(task, "snr_shift"))


def log(task: Import) -> Op:
    operands(task, 1)
    return SignalFilterBankLog(**integers(task, "output_scale", "input_correction_bits"))


IMPORTERS: Mapping[str, Importer] = {
    "SignalWindow": window,
    "SignalFftAutoScale": fft_auto_scale,
    "SignalRfft": rfft,
    "SignalIrfft": irfft,
    "SignalEnergy": energy,
    "SignalFilterBank": filter_bank,
    "SignalFilterBankSquareRoot": square_root,
    "SignalFilterBankSpectralSubtraction": spectral_subtraction,
    "SignalPCAN": pcan,
    "SignalFilterBankLog": log,
}
