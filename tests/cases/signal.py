"""The audio front end of TFLite Micro. LiteRT has none of it: tests/ops/test_signal.py has the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import Case, Net, make
from edgerun.formats import flexbuffer
from edgerun.ir.signal import PCAN_TABLE

TYPE_CODES = {"float32": 0, "int32": 2, "int16": 7}


class SignalNet(Net):
    """A Net of one custom operator."""

    def constant(self, name: str, values: Any, dtype: str = "int16") -> int:
        array = np.asarray(values).astype(dtype)
        return self.tensor(name, array.shape, dtype, data=array)

    def model(
        self,
        operator: str,
        inputs: list[int],
        outputs: list[tuple[str, tuple[int, ...], str]],
        constants: tuple[int, ...] = (),
        **options: Any,
    ) -> bytes:
        """The operator on inputs and constants behind them; outputs are (name, shape, dtype)."""
        made = [self.tensor(*output) for output in outputs]
        self.operator(operator, [*inputs, *constants], made, custom_options=flexbuffer.write(options))
        return self.finish(inputs, made)


def window(n: int = 48, outer: int = 1, shift: int = 12, spread: int = 4096) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (outer, n), "int16")
    weights = net.constant("weights", net.rng.integers(-spread, spread, n))
    return net.model("SignalWindow", [x], [("y", (outer, n), "int16")], (weights,), shift=shift)


def fft_auto_scale(n: int = 40) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (n,), "int16")
    return net.model("SignalFftAutoScale", [x], [("y", (n,), "int16"), ("bits", (), "int32")])


def rfft(n: int = 48, length: int = 64, dtype: str = "int16", outer: tuple[int, ...] = ()) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (*outer, n), dtype)
    y = ("y", (*outer, length + 2), dtype)
    return net.model("SignalRfft", [x], [y], T=TYPE_CODES[dtype], fft_length=length)


def irfft(length: int = 64, dtype: str = "int16", outer: tuple[int, ...] = ()) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (*outer, length + 2), dtype)
    y = ("y", (*outer, length), dtype)
    return net.model("SignalIrfft", [x], [y], T=TYPE_CODES[dtype], fft_length=length)


def energy(n: int = 33, start: int = 0, end: int = 33) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (2 * n,), "int16")
    y = ("y", (n,), "uint32")
    return net.model("SignalEnergy", [x], [y], start_index=start, end_index=end)


def filter_bank(n: int = 60, channels: int = 7) -> bytes:
    """Bands of random widths, one behind the other, over the first of n frequencies."""
    net = SignalNet()
    widths = net.rng.integers(0, n // (channels + 1) + 1, channels + 1)
    starts = np.cumsum(widths) - widths
    weights = [net.rng.integers(-200, 4096, max(int(widths.sum()), 1)) for _ in range(2)]
    tables = (*weights, starts, starts, widths)
    names = ("weights", "unweights", "frequency_starts", "weight_starts", "widths")
    constants = tuple(net.constant(f, t) for f, t in zip(names, tables, strict=True))
    x = net.tensor("x", (n,), "uint32")
    y = ("y", (channels,), "uint64")
    return net.model("SignalFilterBank", [x], [y], constants, num_channels=channels)


def square_root(n: int = 40) -> bytes:
    net = SignalNet()
    inputs = [net.tensor("x", (n,), "uint64"), net.tensor("bits", (), "int32")]
    return net.model("SignalFilterBankSquareRoot", inputs, [("y", (n,), "uint32")])


SUBTRACTION = {
    "smoothing": 409,
    "one_minus_smoothing": 15975,
    "alternate_smoothing": 983,
    "alternate_one_minus_smoothing": 15401,
    "min_signal_remaining": 819,
    "smoothing_bits": 10,
    "spectral_subtraction_bits": 14,
    "clamping": False,
}


def spectral_subtraction(n: int = 40, **options: Any) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (n,), "uint32")
    outputs = [("y", (n,), "uint32"), ("noise", (n,), "uint32")]
    options = {**SUBTRACTION, "num_channels": n, **options}
    return net.model("SignalFilterBankSpectralSubtraction", [x], outputs, **options)


def pcan(n: int = 40, snr_shift: int = 6, gains: str = "gentle") -> bytes:
    """gains: entries as those of a real table, or of any 16 bits."""
    net = SignalNet()
    inputs = [net.tensor("x", (n,), "uint32"), net.tensor("noise", (n,), "uint32")]
    low, high = (0, 32768) if gains == "gentle" else (-32768, 32768)
    table = net.constant("gains", net.rng.integers(low, high, PCAN_TABLE))
    return net.model("SignalPCAN", inputs, [("y", (n,), "uint32")], (table,), snr_shift=snr_shift)


def log(n: int = 40, output_scale: int = 64, input_correction_bits: int = 3) -> bytes:
    net = SignalNet()
    x = net.tensor("x", (n,), "uint32")
    options = {"output_scale": output_scale, "input_correction_bits": input_correction_bits}
    return net.model("SignalFilterBankLog", [x], [("y", (n,), "int16")], **options)


CASES: list[Case] = [
    *make("SignalWindow", window, {}, {"outer": 3, "n": 7}, {"shift": 0, "spread": 32768}, litert=False),
    *make("SignalFftAutoScale", fft_auto_scale, {}, {"n": 1}, litert=False),
    *make(
        "SignalRfft",
        rfft,
        *({"length": n, "dtype": d} for n in (64, 90, 120) for d in ("int16", "int32", "float32")),
        {"outer": (2, 3), "n": 5, "length": 12},
        {"n": 1, "length": 4},
        {"n": 480, "length": 512},
        litert=False,
    ),
    *make(
        "SignalIrfft",
        irfft,
        *({"length": n, "dtype": d} for n in (64, 90, 120) for d in ("int16", "int32", "float32")),
        {"outer": (2, 3), "length": 12},
        litert=False,
    ),
    *make("SignalEnergy", energy, {}, {"start": 5, "end": 30}, litert=False),
    *make("SignalFilterBank", filter_bank, {}, {"n": 20, "channels": 1}, litert=False),
    *make("SignalFilterBankSquareRoot", square_root, {}, litert=False),
    *make(
        "SignalFilterBankSpectralSubtraction",
        spectral_subtraction,
        {},
        {"clamping": True, "n": 7},
        {"smoothing": -5, "smoothing_bits": 3, "spectral_subtraction_bits": 20},
        litert=False,
    ),
    *make("SignalPCAN", pcan, {}, {"gains": "any"}, {"snr_shift": 20}, litert=False),
    *make("SignalFilterBankLog", log, {}, {"output_scale": 65536}, litert=False),
]
