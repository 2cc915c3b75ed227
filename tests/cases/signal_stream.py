"""The audio front end of TFLite Micro between runs; tests/ops/test_signal.py has the truth."""

from __future__ import annotations

from cases.base import Case, make
from cases.signal import TYPE_CODES, SignalNet


def delay(n: int = 20, delay_length: int = 7, outer: tuple[int, ...] = ()) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (*outer, n), "int16")
    return net.model("SignalDelay", [x], [("y", (*outer, n), "int16")], delay_length=delay_length)


def framer(
    size: int = 24, step: int = 10, steps: int = 2, outer: tuple[int, ...] = (), prefill: bool = False
) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (*outer, step * steps), "int16")
    outputs = [("y", (*outer, steps, size), "int16"), ("valid", (), "bool")]
    return net.model("SignalFramer", [x], outputs, frame_size=size, frame_step=step, prefill=prefill)


def overlap_add(
    size: int = 24, step: int = 10, frames: int = 3, outer: tuple[int, ...] = (), dtype: str = "int16"
) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (*outer, frames, size), dtype)
    y = ("y", (*outer, frames * step), dtype)
    return net.model("SignalOverlapAdd", [x], [y], T=TYPE_CODES[dtype], frame_step=step)


def stacker(channels: int = 5, left: int = 2, right: int = 3, step: int = 2) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (channels,), "int16")
    outputs = [("y", ((left + 1 + right) * channels,), "int16"), ("valid", (), "bool")]
    options = {"stacker_left_context": left, "stacker_right_context": right, "stacker_step": step}
    return net.model("SignalStacker", [x], outputs, num_channels=channels, **options)


CASES: list[Case] = [
    *make("SignalDelay", delay, {}, {"delay_length": 15, "n": 20, "outer": (2, 3)}, litert=False),
    *make("SignalFramer", framer, {}, {"prefill": True}, {"outer": (2,), "steps": 5}, litert=False),
    *make("SignalOverlapAdd", overlap_add, {}, {"dtype": "float32", "outer": (2,)}, litert=False),
    *make("SignalStacker", stacker, {}, {"left": 0, "right": 0, "step": 1}, litert=False),
]
