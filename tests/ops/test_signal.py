"""The audio front end against TFLite Micro's own, operator by operator: equal bits, over random sizes,
options and all bits of the operands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import evaluate
from cases import signal as models
from cases import signal_stream as models_stream
from edgerun.errors import EdgerunError, FormatError, UnsupportedOperatorError
from edgerun.frontends import load_graph
from edgerun.ir import fft
from edgerun.ir.types import Array
from edgerun.session import Session
from engine import assert_equal

some = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 1 << 32)
outer = st.sampled_from([(), (1,), (2, 3)])
lengths = st.sampled_from([n for n in range(4, 600, 2) if fft.is_length(n)])


class Micro:
    """A model in TFLite Micro, with inputs and outputs by name."""

    def __init__(self, model: bytes) -> None:
        runtime = pytest.importorskip("tflite_micro").runtime
        self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 20)
        graph = load_graph(model)
        self._inputs = [value.name for value in graph.inputs]
        self._outputs = [(value.name, value.type) for value in graph.outputs]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        for i, name in enumerate(self._inputs):
            self._interpreter.set_input(feeds[name], i)
        self._interpreter.invoke()
        return {
            name: np.array(self._interpreter.get_output(i)).reshape(kind.shape)
            for i, (name, kind) in enumerate(self._outputs)
        }


def any_bits(model: bytes, seed: int, quiet: bool = True) -> dict[str, Array]:
    """Random inputs, of all values of integers; if `quiet`, with numbers of all magnitudes."""
    rng = np.random.default_rng(seed)
    feeds: dict[str, Array] = {}
    for value in load_graph(model).inputs:
        dtype, shape = value.type.dtype, value.type.shape
        if dtype.kind == "f":
            feeds[value.name] = rng.normal(0, 3, shape).astype(dtype)
            continue
        bits = np.frombuffer(rng.bytes(8 * value.type.size), np.int64)
        least = 64 - 8 * dtype.itemsize
        down = rng.integers(least, 64, value.type.size) if quiet else np.full(value.type.size, least)
        shifted = bits >> down if dtype.kind == "i" else bits.view(np.uint64) >> down.astype(np.uint64)
        feeds[value.name] = shifted.astype(dtype).reshape(shape)
    return feeds


def check(model: bytes, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of TFLite Micro, which eval and the engine have too."""
    expected = Micro(model).run(feeds)
    assert_equal(evaluate(load_graph(model), feeds), expected)
    assert_equal(Session(model, 1).run(feeds), expected)
    return expected


@some
@given(st.integers(1, 100), st.integers(1, 4), st.integers(0, 20), seeds)
def test_window(n: int, rows: int, shift: int, seed: int) -> None:
    model = models.window(n, rows, shift, spread=32767)
    check(model, any_bits(model, seed))


@some
@given(st.integers(1, 60), st.integers(0, 16), seeds)
def test_fft_auto_scale(n: int, down: int, seed: int) -> None:
    model = models.fft_auto_scale(n)
    x = any_bits(model, seed, quiet=False)["x"]
    check(model, {"x": (x.astype(np.int32) >> down).astype(np.int16)})


@pytest.mark.parametrize("last", [[0, 0], [5, -6], [-6, 5], [-1, -1], [32767, 0]])
def test_fft_auto_scale_after_the_value_without_a_negative(last: list[int]) -> None:
    model = models.fft_auto_scale(4)
    check(model, {"x": np.array([7, -32768, *last], np.int16)})


@some
@given(lengths, st.integers(1, 600), st.sampled_from(["int16", "int32"]), outer, seeds)
def test_rfft(length: int, n: int, dtype: str, outer: tuple[int, ...], seed: int) -> None:
    model = models.rfft(min(n, length), length, dtype, outer)
    check(model, any_bits(model, seed, quiet=False))


@some
@given(lengths, st.sampled_from(["int16", "int32"]), outer, seeds)
def test_irfft(length: int, dtype: str, outer: tuple[int, ...], seed: int) -> None:
    """Spectra of signals, and noise, whose sums overflow."""
    model = models.irfft(length, dtype, outer)
    feeds = any_bits(model, seed, quiet=False)
    check(model, feeds)
    check(model, {"x": feeds["x"] >> 3})


@some
@given(lengths, outer, seeds, st.booleans())
def test_float_fft(length: int, outer: tuple[int, ...], seed: int, inverse: bool) -> None:
    n = (length,) if inverse else (length, length)
    model = (models.irfft if inverse else models.rfft)(*n, "float32", outer)
    feeds = any_bits(model, seed)
    expected = Micro(model).run(feeds)["y"]
    for got in (evaluate(load_graph(model), feeds), Session(model, 1).run(feeds)):
        np.testing.assert_allclose(got["y"], expected, rtol=0, atol=3e-6 * np.abs(feeds["x"]).sum())


@some
@given(st.integers(1, 60), st.data(), seeds)
def test_energy(n: int, data: st.DataObject, seed: int) -> None:
    start = data.draw(st.integers(0, n))
    end = data.draw(st.integers(start, n))
    model = models.energy(n, start, end)
    feeds = any_bits(model, seed)
    got, want = Session(model, 1).run(feeds)["y"], Micro(model).run(feeds)["y"]
    np.testing.assert_array_equal(got[start:end], want[start:end])
    assert not got[:start].any() and not got[end:].any()  # TFLite Micro leaves these as they were
    assert_equal(evaluate(load_graph(model), feeds), {"y": got})


def test_the_largest_energy() -> None:
    model = models.energy(2, 0, 2)
    check(model, {"x": np.array([-32768, -32768, 32767, -32768], np.int16)})


@some
@given(st.integers(1, 80), st.integers(1, 20), seeds)
def test_filter_bank(n: int, channels: int, seed: int) -> None:
    model = models.filter_bank(n, channels)
    check(model, any_bits(model, seed))


@some
@given(st.integers(1, 200), st.integers(0, 31), seeds)
def test_square_root(n: int, bits: int, seed: int) -> None:
    model = models.square_root(n)
    check(model, {"x": any_bits(model, seed)["x"], "bits": np.array(bits, np.int32)})


def test_square_root_at_its_steps() -> None:
    roots = [0, 1, 2, 3, 255, 65534, 65535, 65536, 2**31, 2**32 - 2, 2**32 - 1]
    x = [r * r + d for r in roots for d in (-1, 0, 1, r, r + 1) if 0 <= r * r + d < 2**64]
    model = models.square_root(len(x))
    check(model, {"x": np.array(x, np.uint64), "bits": np.array(0, np.int32)})


@some
@given(
    st.integers(1, 50),
    st.fixed_dictionaries(
        {
            **{
                name: st.integers(-(2**31), 2**31 - 1) | st.integers(0, 16384)
                for name in models.SUBTRACTION
                if name.endswith(("smoothing", "remaining"))
            },
            "smoothing_bits": st.integers(0, 31),
            "spectral_subtraction_bits": st.integers(0, 40),
            "clamping": st.booleans(),
        }
    ),
    seeds,
)
def test_spectral_subtraction_remembers_the_noise(n: int, options: dict[str, Any], seed: int) -> None:
    model = models.spectral_subtraction(n, **options)
    micro, session = Micro(model), Session(model, 1)
    first = None
    for run in range(4):
        feeds = any_bits(model, seed + run)
        expected = micro.run(feeds)
        first = first or (feeds, expected)
        assert_equal(session.run(feeds), expected)
    session.reset()
    assert first is not None
    assert_equal(session.run(first[0]), first[1])


@some
@given(st.integers(1, 80), st.integers(0, 40), st.sampled_from(["gentle", "any"]), seeds)
def test_pcan(n: int, snr_shift: int, gains: str, seed: int) -> None:
    model = models.pcan(n, snr_shift, gains)
    check(model, any_bits(model, seed))


@some
@given(st.integers(1, 200), st.sampled_from([1, 64, 65536, 2**31 - 1, -3]), st.integers(0, 31), seeds)
def test_log(n: int, output_scale: int, bits: int, seed: int) -> None:
    model = models.log(n, output_scale, bits)
    check(model, any_bits(model, seed))


def test_log_of_every_piece_of_its_table() -> None:
    x = np.arange(1 << 12, 1 << 13, dtype=np.uint32)
    model = models.log(x.size, 2048, 0)
    logs = check(model, {"x": x})["y"]
    np.testing.assert_allclose(logs, np.log(x.astype(float)) * 2048, rtol=0, atol=6)


# -- what remembers samples --


def check_stream(model: bytes, seed: int, runs: int = 6, valid: str = "") -> int:
    """As `check`, over several runs and after a reset; where the output named `valid` is false, the others
    do not count. The number of runs that counted."""
    micro, graph = Micro(model), load_graph(model)
    remembered = {state.read: state.initial for state in graph.states}
    session = Session(model, 1)
    first, counted = None, 0
    for run in range(runs):
        feeds = any_bits(model, seed + run, quiet=run % 2 == 0)
        expected = micro.run(feeds)
        got = session.run(feeds)
        first = first or (feeds, got)
        (node,) = graph.nodes
        values = {**remembered, **{v: feeds[v.name] for v in graph.inputs}}
        results = node.op.eval(node.types(), *(values[v] for v in node.inputs if v is not None))
        evaluated = dict(zip(node.outputs, results, strict=True))
        remembered = {state.read: evaluated[state.written] for state in graph.states}
        assert_equal({v.name: evaluated[v] for v in graph.outputs}, got)
        if valid and not expected[valid]:
            assert not got[valid]
            continue
        assert_equal(got, expected)
        counted += 1
    session.reset()
    assert first is not None
    assert_equal(session.run(first[0]), first[1])
    return counted


@some
@given(st.integers(1, 30), st.integers(1, 100), outer, seeds)
def test_delay(n: int, delay_length: int, outer: tuple[int, ...], seed: int) -> None:
    check_stream(models_stream.delay(n, delay_length, outer), seed)


@some
@given(st.integers(2, 40), st.data(), st.integers(1, 5), outer, st.booleans(), seeds)
def test_framer(
    size: int, data: st.DataObject, steps: int, outer: tuple[int, ...], prefill: bool, seed: int
) -> None:
    step = data.draw(st.integers(1, size - 1))
    model = models_stream.framer(size, step, steps, outer, prefill)
    waiting = 0 if prefill else -(-size // step) - 1  # steps before the first frame
    assert check_stream(model, seed, valid="valid") == max(0, 6 - -(-waiting // steps))


@some
@given(st.integers(1, 40), st.data(), st.integers(1, 5), outer, st.sampled_from(["int16", "float32"]), seeds)
def test_overlap_add(
    size: int, data: st.DataObject, frames: int, outer: tuple[int, ...], dtype: str, seed: int
) -> None:
    step = data.draw(st.integers(1, size))
    check_stream(models_stream.overlap_add(size, step, frames, outer, dtype), seed)


@some
@given(st.integers(1, 20), st.integers(0, 4), st.integers(0, 4), st.data(), seeds)
def test_stacker(channels: int, left: int, right: int, data: st.DataObject, seed: int) -> None:
    step = data.draw(st.integers(1, left + 1 + right))
    model = models_stream.stacker(channels, left, right, step)
    assert check_stream(model, seed, runs=12, valid="valid") == len(range(right, 12, step))


# -- what is refused --


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (models.window(shift=32), FormatError, "shifts by a number of bits"),
        (models.rfft(length=98), UnsupportedOperatorError, "not twice a product of 2, 3 and 5"),
        (models.rfft(n=4, length=1 << 16), UnsupportedOperatorError, "not twice a product"),
        (models.rfft(n=66, length=64), FormatError, "does not fit"),
        (models.energy(33, 0, 34), FormatError, "does not fit"),
        (models.energy(33, 9, 8), FormatError, "does not fit"),
        (models.spectral_subtraction(5, num_channels=6), FormatError, "does not fit"),
        (models.spectral_subtraction(5, smoothing_bits=32), FormatError, "shifts by a number of bits"),
        (models.pcan(snr_shift=-1), FormatError, "shifts by a number of bits"),
        (models.log(input_correction_bits=1 << 40), FormatError, "must be an integer of 32 bits"),
        (models_stream.delay(delay_length=0), UnsupportedOperatorError, "delays nothing"),
        (models_stream.delay(delay_length=-3), UnsupportedOperatorError, "delays nothing"),
        (models_stream.framer(size=10, step=10), UnsupportedOperatorError, "do not overlap"),
        (models_stream.overlap_add(step=0), FormatError, "does not fit"),
        (models_stream.overlap_add(size=4, step=5), FormatError, "does not fit"),
        (models_stream.stacker(step=7), UnsupportedOperatorError, "steps over frames"),
        (models_stream.stacker(right=-1), FormatError, "does not fit"),
    ],
)
def test_refusals(model: bytes, error: type[EdgerunError], message: str) -> None:
    with pytest.raises(error, match=message):
        load_graph(model)


def test_a_band_outside_of_the_spectrum_is_refused() -> None:
    net = models.SignalNet()
    x = net.tensor("x", (8,), "uint32")
    tables = [[1, 2, 3], [1, 2, 3], [0, 6], [0, 0], [2, 3]]
    constants = tuple(net.constant(f"c{i}", t) for i, t in enumerate(tables))
    outputs = [("y", (1,), "uint64")]
    model = net.model("SignalFilterBank", [x], outputs, constants, num_channels=1)
    with pytest.raises(FormatError, match=r"a band of 3 from frequency 6 .* 8 frequencies"):
        load_graph(model)
