"""Ways to run: by dict, by array, from the session's own input, into arrays of the caller."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import edgerun
from edgerun.frontends import load_graph
from edgerun.ir.types import Array


def by_eval(model: bytes, feeds: dict[str, Array]) -> dict[str, Array]:
    """The outputs by the numpy reference of each operator."""
    graph = load_graph(model)
    known = {value: feeds[value.name] for value in graph.inputs}
    for node in graph.nodes:
        arrays = [None if v is None else v.data if v.data is not None else known[v] for v in node.inputs]
        known |= dict(zip(node.outputs, node.op.eval(node.types(), *arrays), strict=True))
    return {value.name: known[value] for value in graph.outputs}


def test_dict_array_and_call_are_the_same(classifier, images):
    session = edgerun.Session(classifier, threads=1)
    (x,) = images(1)
    want = by_eval(classifier, {"image": x})["scores"]
    assert len(np.unique(want)) > 3
    for result in (session.run({"image": x}), session.run(x), session(x), session({"image": x})):
        assert list(result) == ["scores"]
        assert result["scores"].dtype == np.int8
        np.testing.assert_array_equal(result["scores"], want)


def test_several_inputs_and_outputs_have_names(pair):
    session = edgerun.Session(pair)
    rng = np.random.default_rng(0)
    feeds = {name: rng.integers(-128, 128, (1, 4, 4, 8), np.int8) for name in ("b", "a")}
    results = session.run(feeds)
    for name, want in by_eval(pair, feeds).items():
        np.testing.assert_array_equal(results[name], want)
    np.testing.assert_array_equal(results["joined"], np.concatenate([feeds["a"], feeds["b"]], axis=3))


def test_the_own_input_is_read_when_nothing_is_fed(classifier, images):
    session = edgerun.Session(classifier)
    own = session.input("image")
    assert own.shape == (1, 24, 24, 3)
    assert own.dtype == np.int8
    assert own.flags.writeable
    for x in images(3):
        own[...] = x
        np.testing.assert_array_equal(session.run()["scores"], session.run(x)["scores"])
        np.testing.assert_array_equal(own, x)  # a run leaves its inputs alone
    assert np.shares_memory(own, session.input("image"))


def test_results_belong_to_the_caller(classifier, images):
    session = edgerun.Session(classifier)
    a, b = images(2)
    first = session.run(a)["scores"]
    kept = first.copy()
    second = session.run(b)["scores"]
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)
    first[...] = 0
    np.testing.assert_array_equal(session.run(a)["scores"], kept)


def test_results_outlive_the_session(classifier, images):
    (x,) = images(1)
    session = edgerun.Session(classifier)
    own, result = session.input("image"), session.run(x)["scores"]
    want = result.copy()
    del session
    own[...] = x
    np.testing.assert_array_equal(result, want)


def test_inputs_are_not_changed(classifier, images):
    (x,) = images(1)
    x.flags.writeable = False
    before = x.copy()
    edgerun.Session(classifier).run(x)
    np.testing.assert_array_equal(x, before)


def test_arrays_that_lie_oddly_in_memory(classifier, float_border, images):
    session = edgerun.Session(classifier)
    (x,) = images(1)
    want = session.run(x)["scores"]
    wide = np.zeros((1, 24, 48, 3), np.int8)
    wide[:, :, ::2] = x
    for odd in (wide[:, :, ::2], np.asfortranarray(x)):
        np.testing.assert_array_equal(session.run(odd)["scores"], want)
    mirrored = x[:, ::-1]
    want = session.run(mirrored.copy())["scores"]
    np.testing.assert_array_equal(session.run(mirrored)["scores"], want)

    session = edgerun.Session(float_border)
    f = np.linspace(-4, 4, 40, dtype=np.float32).reshape(1, 40)
    shifted = np.frombuffer(b"\0" + f.tobytes(), np.uint8)[1:].view(np.float32).reshape(1, 40)
    assert not shifted.flags.aligned
    np.testing.assert_array_equal(session.run(shifted)["y"], session.run(f)["y"])


def test_run_into_writes_into_arrays_of_the_caller(classifier, pair, images):
    session = edgerun.Session(classifier)
    (x,) = images(1)
    want = session.run(x)["scores"]
    out = np.zeros((1, 10), np.int8)
    assert session.run_into(x, out) is None
    np.testing.assert_array_equal(out, want)
    out[...] = 0
    session.run_into({"image": x}, {"scores": out})
    np.testing.assert_array_equal(out, want)
    out[...] = 0
    session.input("image")[...] = x
    session.run_into(None, out)
    np.testing.assert_array_equal(out, want)

    session = edgerun.Session(pair)
    feeds = {"a": np.ones((1, 4, 4, 8), np.int8), "b": np.full((1, 4, 4, 8), 5, np.int8)}
    into = {"joined": np.zeros((1, 4, 4, 16), np.int8), "sum": np.zeros((1, 4, 4, 8), np.int8)}
    session.run_into(feeds, into)
    for name, array in session.run(feeds).items():
        np.testing.assert_array_equal(into[name], array)


def test_run_into_allocates_no_python_memory(classifier, images):
    session = edgerun.Session(classifier, threads=1)
    (x,) = images(1)
    feeds, into = {"image": x}, {"scores": np.zeros((1, 10), np.int8)}
    session.run_into(feeds, into)
    tracemalloc.start()
    try:
        session.run_into(feeds, into)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(100):
            session.run_into(feeds, into)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 256
    assert peak - before < 1024


def test_inputs_and_outputs_are_described(classifier):
    session = edgerun.Session(classifier)
    (given,), (made,) = session.inputs, session.outputs
    assert (given.name, given.shape, given.dtype) == ("image", (1, 24, 24, 3), np.int8)
    assert given.quantization is not None
    assert (given.quantization.step, given.quantization.zero) == (pytest.approx(0.05), -3)
    assert (made.name, made.shape, made.dtype) == ("scores", (1, 10), np.int8)


def test_other_shapes(make_classifier, images):
    one, three = (
        edgerun.Session(make_classifier()),
        edgerun.Session(make_classifier(), shapes={"image": (3, 24, 24, 3)}),
    )
    assert three.inputs[0].shape == (3, 24, 24, 3)
    assert three.outputs[0].shape == (3, 10)
    pictures = images(3)
    together = three.run(np.concatenate(pictures))["scores"]
    np.testing.assert_array_equal(
        together, np.concatenate([one.run(picture)["scores"] for picture in pictures])
    )
    other = edgerun.Session(make_classifier(), shapes={"image": (1, 15, 9, 3)})
    (x,) = images(1)
    want = by_eval_resized(make_classifier(), (1, 15, 9, 3), x[:, :15, :9].copy())
    np.testing.assert_array_equal(other.run(x[:, :15, :9])["scores"], want)


def by_eval_resized(model: bytes, shape: tuple[int, ...], x: Array) -> Array:
    graph = load_graph(model, {"image": shape})
    known = {graph.inputs[0]: x}
    for node in graph.nodes:
        arrays = [None if v is None else v.data if v.data is not None else known[v] for v in node.inputs]
        known |= dict(zip(node.outputs, node.op.eval(node.types(), *arrays), strict=True))
    return known[graph.outputs[0]]
