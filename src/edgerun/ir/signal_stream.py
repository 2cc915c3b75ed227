"""The audio front end of TFLite Micro between runs: operators that remember samples.

The last operands are what the operator remembers, the last results what it remembers then; all of it is 0
at first. csrc/ops/signal_stream.cc and the lowering have the same arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import BOOL, FLOAT32, INT16, INT32, Array, TensorType


class Stream(Op, abstract=True):
    """An operator that remembers."""

    def states(self, x: TensorType) -> tuple[TensorType, ...]:
        """What it remembers of an operand x."""
        raise NotImplementedError

    def check(self, types: Sequence[TensorType], *dtypes: np.dtype[np.generic]) -> tuple[TensorType, ...]:
        """The states, which the operands behind the first must have; the first has one of `dtypes`."""
        x = types[0]
        expect(x.dtype in dtypes and x.shape != (), f"{self} does not fit {x}.")
        states = self.states(x)
        expect(
            [(t.shape, t.dtype) for t in types[1:]] == [(t.shape, t.dtype) for t in states],
            f"{self} remembers {', '.join(map(str, states))}, got {', '.join(map(str, types[1:]))}.",
        )
        return states


@dataclass(frozen=True)
class SignalDelay(Stream):
    """x [..., n], samples before [..., delay_length] -> what came delay_length samples earlier [..., n],
    samples after; int16."""

    delay_length: int

    def states(self, x: TensorType) -> tuple[TensorType, ...]:
        return (TensorType((*x.shape[:-1], self.delay_length), x.dtype),)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        supported(self.delay_length > 0, f"{self} delays nothing.")
        return (TensorType(types[0].shape, INT16), *self.check(types, INT16))

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, before = arrays
        joined = np.concatenate([before, x], axis=-1)
        return joined[..., : x.shape[-1]], joined[..., x.shape[-1] :]


@dataclass(frozen=True)
class SignalFramer(Stream):
    """x [..., n * frame_step], samples before [..., held], unless prefill started [held / frame_step] ->
    frames [..., n, frame_size], valid bool [], the samples and `started` after; int16.

    Frames begin frame_step samples apart. With prefill zeros are before the first sample, and the first
    frame ends with the first step. Without it all of a frame's samples must have come: `valid` says whether
    those of this run's frames have, and each of `started` whether a step has. (TFLite Micro does not write
    other frames; here their missing samples are 0.)
    """

    frame_size: int
    frame_step: int
    prefill: bool

    @property
    def held(self) -> int:
        """Samples that the first frame of a run has from before it; without prefill, whole steps."""
        size = self.frame_size
        return (size if self.prefill else -(-size // self.frame_step) * self.frame_step) - self.frame_step

    def states(self, x: TensorType) -> tuple[TensorType, ...]:
        samples = TensorType((*x.shape[:-1], self.held), x.dtype)
        return (samples,) if self.prefill else (samples, TensorType((self.held // self.frame_step,), BOOL))

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        supported(0 < self.frame_step < self.frame_size, f"{self} has frames that do not overlap.")
        states, shape = self.check(types, INT16), types[0].shape
        expect(
            shape[-1] > 0 and shape[-1] % self.frame_step == 0,
            f"{self} needs whole steps of samples, got {types[0]}.",
        )
        frames = TensorType((*shape[:-1], shape[-1] // self.frame_step, self.frame_size), INT16)
        return frames, TensorType((), BOOL), *states

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, before, *started = arrays
        joined = np.concatenate([before, x], axis=-1)
        count = x.shape[-1] // self.frame_step
        starts = [i * self.frame_step for i in range(count)]
        frames = np.stack([joined[..., s : s + self.frame_size] for s in starts], axis=-2)
        samples = joined[..., x.shape[-1] :]
        if not started:
            return frames, np.array(True), samples
        steps = np.concatenate([started[0], np.ones(count, np.bool_)])
        return frames, np.array(steps[0]), samples, steps[count:]


@dataclass(frozen=True)
class SignalOverlapAdd(Stream):
    """frames [..., n, size], sums before [..., size] -> signal [..., n * frame_step], sums after: each frame
    is added frame_step samples behind the one before it; int16, saturated, or float32."""

    frame_step: int

    def states(self, x: TensorType) -> tuple[TensorType, ...]:
        return (TensorType((*x.shape[:-2], x.shape[-1]), x.dtype),)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        shape = types[0].shape
        expect(
            len(shape) >= 2 and 0 < self.frame_step <= shape[-1],
            f"{self} does not fit {types[0]}.",
        )
        states = self.check(types, INT16, FLOAT32)
        return TensorType((*shape[:-2], shape[-2] * self.frame_step), types[0].dtype), *states

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        frames, sums = arrays
        wide = np.int32 if frames.dtype == INT16 else np.float32
        pieces = []
        for i in range(frames.shape[-2]):
            total = sums.astype(wide) + frames[..., i, :].astype(wide)
            if frames.dtype == INT16:
                total = np.clip(total, -32768, 32767)
            pieces.append(total[..., : self.frame_step])
            rest = total[..., self.frame_step :]
            sums = np.concatenate([rest, np.zeros_like(pieces[-1])], axis=-1)
        signal = np.concatenate(pieces, axis=-1)
        return signal.astype(frames.dtype), sums.astype(frames.dtype)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        wide = self.eval(types, *(np.abs(a.astype(np.float32)) for a in arrays))
        return tuple(np.maximum(y.astype(np.float64), 1e-6) for y in wide)


@dataclass(frozen=True)
class SignalStacker(Stream):
    """x [num_channels], frames before [size, num_channels], count int32 [] -> the last `size` = left_context
    + 1 + right_context frames as one vector, valid bool [], frames and count after; int16.

    The first frame stands for the left_context before it. `valid` once all frames of the context have come,
    and then after each `step` runs; count is 1 more than the number of new frames, 0 before the first.
    """

    num_channels: int
    left_context: int
    right_context: int
    step: int

    @property
    def size(self) -> int:
        return self.left_context + 1 + self.right_context

    def states(self, x: TensorType) -> tuple[TensorType, ...]:
        return TensorType((self.size, self.num_channels), x.dtype), TensorType((), INT32)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        expect(
            min(self.left_context, self.right_context) >= 0 and types[0].shape == (self.num_channels,),
            f"{self} does not fit {types[0]}.",
        )
        supported(1 <= self.step <= self.size, f"{self} steps over frames that it never gives.")
        states = self.check(types, INT16)
        return TensorType((math.prod(states[0].shape),), INT16), TensorType((), BOOL), *states

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, frames, count = arrays[0], arrays[1], int(arrays[2])
        if count == 0:
            frames = np.broadcast_to(x, frames.shape)
            count = self.left_context + 2
        else:
            frames = np.concatenate([frames[1:], x[None]])
            count += 1
        valid = count > self.size
        after = np.array(count - self.step if valid else count, np.int32)
        return frames.reshape(-1), np.array(valid), frames, after
