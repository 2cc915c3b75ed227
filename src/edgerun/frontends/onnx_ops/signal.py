"""DFT and STFT as products with matrices of roots of unity; windows and mel weights, which are constants."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, axis_of, refuse
from edgerun.ir.conv import FullyConnected
from edgerun.ir.elementwise import Mul
from edgerun.ir.gather import Gather
from edgerun.ir.graph import Value
from edgerun.ir.shape import Reshape
from edgerun.ir.types import FLOAT32, INT64

Reals = npt.NDArray[np.float64]
_MOST = 1 << 24  # entries of a matrix


def _scalar(task: Import, i: int, name: str) -> float:
    value = task.constant(i, name)
    if value.size != 1:
        raise FormatError(f"its {name} has {value.size} entries, expected 1")
    return float(value.reshape(()))


def _matrix(entries: int, parts: int, length: int, inverse: bool, onesided: bool) -> Reals:
    """The weights [bins, parts of a bin, entries, parts of an entry] of a transform of `length`.

    Entries beyond the length do not count; those that lack are zeros. The inverse of a one-sided spectrum has
    only real parts, to which every bin but the first and the middle one adds its mirror image.
    """
    bins = length // 2 + 1 if onesided and not inverse else length
    used = min(entries, length // 2 + 1 if onesided and inverse else length)
    sign = 1 if inverse else -1
    turns = np.outer(np.arange(bins), np.arange(used)) % length
    cosine, sine = np.cos(2 * np.pi * turns / length), sign * np.sin(2 * np.pi * turns / length)
    if inverse:
        scale = np.full(used, 1 / length)
        if onesided:
            scale[1 : (length + 1) // 2] *= 2
        cosine, sine = cosine * scale, sine * scale
    full = np.zeros((bins, 2, entries, 2))
    full[:, 0, :used, 0], full[:, 0, :used, 1] = cosine, -sine
    full[:, 1, :used, 0], full[:, 1, :used, 1] = sine, cosine
    return full[:, : 1 if inverse and onesided else 2, :, :parts]


def _transformed(
    task: Import, x: Value, axis: int, length: int | None, inverse: bool, onesided: bool
) -> Value:
    """x [..., parts], transformed along an axis in front of the parts."""
    shape = x.type.shape
    if len(shape) < 2 or shape[-1] not in (1, 2) or axis >= len(shape) - 1 or x.type.dtype != FLOAT32:
        raise refuse(f"it transforms {x.type} along axis {axis}")
    entries, parts = shape[axis], shape[-1]
    if length is None:
        length = 2 * (entries - 1) if inverse and onesided else entries
    if length < 1 or entries < 1:
        raise FormatError(f"it transforms {entries} entries to {length}")
    if 4 * length * entries > _MOST:
        raise refuse(f"it transforms {entries} entries to {length}, which is too long")
    weights = _matrix(entries, parts, length, inverse, onesided)
    bins, results = weights.shape[:2]
    perm = (*(i for i in range(len(shape)) if i not in (axis, len(shape) - 1)), axis, len(shape) - 1)
    rest = tuple(shape[i] for i in perm[:-2])
    flat = task.emit(Reshape((*rest, entries * parts)), task.transpose(x, perm))
    roots = task.const(weights.reshape(bins * results, entries * parts), np.float32)
    y = task.emit(FullyConnected(FLOAT, keep_dims=True), flat, roots)
    y = task.emit(Reshape((*rest, bins, results)), y)
    return task.transpose(y, tuple(int(i) for i in np.argsort(perm)))


def _dft(task: Import) -> Value:
    x, rank = task.value(0), len(task.type(0).shape)
    length = int(_scalar(task, 1, "dft_length")) if task.has(1) else None
    default = 1 if task.opset < 20 else -2
    given = int(_scalar(task, 2, "axis")) if task.has(2) else int(task.get("axis", default))
    flags = bool(task.get("inverse", 0)), bool(task.get("onesided", 0))
    return _transformed(task, x, axis_of(given, rank), length, *flags)


def _stft(task: Import) -> Value:
    x = task.value(0)
    x = task.emit(Reshape((*x.type.shape, 1)), x) if len(x.type.shape) == 2 else x
    if len(x.type.shape) != 3:
        raise FormatError(f"{x.type} is no signal")
    step = int(_scalar(task, 1, "frame_step"))
    window = task.value(2) if task.has(2) else None
    size = window.type.size if window is not None else x.type.shape[1]
    size = int(_scalar(task, 3, "frame_length")) if task.has(3) else size
    if step < 1 or not 0 < size <= x.type.shape[1] or (window is not None and window.type.size != size):
        raise FormatError(f"frames of {size} in steps of {step} do not fit {x.type}")
    count = 1 + (x.type.shape[1] - size) // step
    task.afford(8 * count * size)
    places = step * np.arange(count)[:, None] + np.arange(size)
    frames = task.emit(Gather(1), x, task.const(places, INT64))
    if window is not None:
        frames = task.emit(Mul(FLOAT), frames, task.emit(Reshape((size, 1)), window))
    return _transformed(task, frames, 2, None, False, bool(task.get("onesided", 1)))


def _window(*terms: float) -> Callable[[Import], Value]:
    """The sum of terms[k] * cos(2 pi k n / N), N one less where it is not periodic."""

    def window(task: Import) -> Value:
        size = int(_scalar(task, 0, "size"))
        if size < 0:
            raise FormatError(f"its size is {size}")
        task.afford(32 * size)
        turns = np.arange(size) / max(size - (0 if task.get("periodic", 1) else 1), 1)
        values = sum(t * np.cos(2 * np.pi * k * turns) for k, t in enumerate(terms))
        return task.const(values, _dtype(task))

    return window


def _dtype(task: Import) -> np.dtype[np.generic]:
    from onnx import helper

    return np.dtype(helper.tensor_dtype_to_np_dtype(int(task.get("output_datatype", 1))))


def _mel_weights(task: Import) -> Value:
    """Triangles over the bins of a spectrum, equally wide in mel = 2595 log10(1 + hertz / 700)."""
    names = ("num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz")
    bands, length, rate, lower, upper = (_scalar(task, i, name) for i, name in enumerate(names))
    if min(bands, length, rate) < 1 or not -700 < lower <= upper:
        raise FormatError(f"its operands are {bands:g}, {length:g}, {rate:g}, {lower:g} and {upper:g}")
    first, last = (2595 * math.log10(1 + edge / 700) for edge in (lower, upper))
    count = int(bands)
    task.afford(32 * count * (int(length) // 2 + 1))
    mel = first + np.arange(count + 2) * (last - first) / (count + 2)
    edges = np.floor((length + 1) * (700 * (10 ** (mel / 2595) - 1)) / rate)
    bins = np.arange(int(length) // 2 + 1)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = np.where(centre > left, (bins - left) / np.maximum(centre - left, 1), bins == centre)
    falling = (right - bins) / np.maximum(right - centre, 1)
    up = (bins >= left) & (bins <= centre)
    weights = np.where((bins >= centre) & (bins < right), falling, np.where(up, rising, 0.0))
    return task.const(weights, _dtype(task))


IMPORTERS: dict[str, Importer] = {
    "BlackmanWindow": _window(0.42, -0.5, 0.08),
    "DFT": _dft,
    "HammingWindow": _window(25 / 46, -21 / 46),
    "HannWindow": _window(0.5, -0.5),
    "MelWeightMatrix": _mel_weights,
    "STFT": _stft,
}
