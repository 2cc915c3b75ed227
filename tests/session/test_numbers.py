"""The same bits on every instruction set, every thread count, in every rounding mode of the caller."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import edgerun
from edgerun import session as session_module
from edgerun.errors import ConfigError, ModelError
from edgerun.ir.elementwise import Softmax
from edgerun.plan import program
from edgerun.session import fixed_inputs
from shared_material import needs_shared, shared

ISAS = program.machine()["isas"]
# fesetround's number for "towards plus infinity".
UPWARD = {"x86_64": 0x800, "aarch64": 0x400000, "armv7l": 0x400000}.get(platform.machine())


@contextmanager
def rounding_upward() -> Iterator[None]:
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    assert libm.fesetround(UPWARD) == 0
    try:
        yield
        # fegetround alone would not see a lost SSE mode.
        assert libm.fegetround() == UPWARD
        assert rounds_upward()
    finally:
        libm.fesetround(0)


def rounds_upward() -> bool:
    one, little = (float(text) for text in ("1", "1e-20"))
    return one + little > 1


def keeps_subnormals() -> bool:
    return float(np.float64(2.3e-308) / np.float64(4)) > 0


@pytest.mark.usefixtures("many_lanes")
def test_threads_do_not_change_a_bit(classifier, images):
    alone = edgerun.Session(classifier, threads=1)
    for threads in (2, 3, 8):
        session = edgerun.Session(classifier, threads=threads)
        assert max(bound.lanes for bound in session._program.steps) == threads
        for x in images(4):
            np.testing.assert_array_equal(session.run(x)["scores"], alone.run(x)["scores"])


def test_large_steps_use_more_than_one_thread(make_classifier, images):
    (x,) = images(1, side=128)
    alone, both = (edgerun.Session(make_classifier(side=128), threads=n) for n in (1, 2))
    assert {bound.lanes for bound in alone._program.steps} == {1}
    assert {bound.lanes for bound in both._program.steps} == {1, 2}
    np.testing.assert_array_equal(alone.run(x)["scores"], both.run(x)["scores"])


def test_the_fingerprint_is_the_same_everywhere(classifier, monkeypatch):
    want = edgerun.Session(classifier, threads=1).fingerprint()
    # Computed once: it must not change from one machine, or one release, to another.
    assert want == "54f7c9aaf13411a8035c12ef27a4bec0 exact"
    for isa in ISAS:
        monkeypatch.setenv("EDGERUN_ISA", isa)
        for threads in (1, 2):
            session = edgerun.Session(classifier, threads=threads)
            assert session.fingerprint() == want
            assert session.twin().fingerprint() == want


def test_the_knob_caps_the_kernels(classifier, monkeypatch):
    monkeypatch.setenv("EDGERUN_ISA", "generic")
    kernels = {bound.kernel for bound in edgerun.Session(classifier)._program.steps}
    assert all(kernel.startswith("generic") for kernel in kernels)


def test_a_wrong_instruction_set_is_refused(classifier, monkeypatch):
    monkeypatch.setenv("EDGERUN_ISA", "sse9")
    with pytest.raises(ConfigError) as caught:
        edgerun.Session(classifier)
    assert str(caught.value) == (
        "EDGERUN_ISA must be one of generic, sse41, avx2, avxvnni, avx512vnni, amx, neon, dotprod, i8mm, "
        "got 'sse9'."
    )


@pytest.mark.skipif(UPWARD is None, reason="the rounding modes of this processor are not known here")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("isa", [ISAS[0], ISAS[-1]])
@pytest.mark.usefixtures("many_lanes")
def test_the_callers_float_environment(classifier, float_border, images, monkeypatch, threads, isa):
    monkeypatch.setenv("EDGERUN_ISA", isa)
    session, border = (edgerun.Session(m, threads=threads) for m in (classifier, float_border))
    f = np.linspace(-5, 5, 40, dtype=np.float32).reshape(1, 40)
    given = images(3)
    wants = [session.run(x)["scores"] for x in given]
    want = border.run(f)["y"]
    assert keeps_subnormals()
    with rounding_upward():
        results = [session.run(x)["scores"] for x in given]
        into = np.zeros_like(want)
        border.run_into(f, into)
        result = border.profile(f) and border.run(f)["y"]
    assert not rounds_upward()
    assert keeps_subnormals()
    for got, expected in zip(results, wants, strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(result, want)
    np.testing.assert_array_equal(into, want)


def test_verify_checks_every_step(classifier, images, monkeypatch):
    (x,) = images(1)
    want = edgerun.Session(classifier).run(x)["scores"]
    monkeypatch.setenv("EDGERUN_VERIFY", "1")
    session = edgerun.Session(classifier, threads=2)
    np.testing.assert_array_equal(session.run(x)["scores"], want)
    np.testing.assert_array_equal(session.twin().run({"image": x})["scores"], want)
    session.input("image")[...] = x
    np.testing.assert_array_equal(session.run()["scores"], want)
    checked = []
    monkeypatch.setattr(session_module, "check_steps", lambda graph, tensors: checked.append(tensors))
    session.run()
    np.testing.assert_array_equal(checked[0]["image"], x)
    monkeypatch.undo()
    monkeypatch.setenv("EDGERUN_VERIFY", "1")
    right = Softmax.eval

    def wrong(self, types, *arrays):
        (y,) = right(self, types, *arrays)
        y = y.copy()
        y.flat[3] ^= 1
        return (y,)

    monkeypatch.setattr(Softmax, "eval", wrong)
    with pytest.raises(ModelError) as caught:
        session.run(x)
    assert str(caught.value) == "<bytes>: Softmax 'scores' differs from its reference in 1 of 10 elements."
    monkeypatch.setenv("EDGERUN_VERIFY", "yes")
    with pytest.raises(ConfigError, match=r"^EDGERUN_VERIFY must be 0 or 1, got 'yes'\.$"):
        edgerun.Session(classifier)


def test_fixed_inputs_are_the_same_for_ever(classifier, float_border):
    (image,) = fixed_inputs(edgerun.Session(classifier).inputs).values()
    assert image.dtype == np.int8
    assert image.ravel()[:4].tolist() == [-30, 110, 6, -8]
    (x,) = fixed_inputs(edgerun.Session(float_border).inputs).values()
    assert x.dtype == np.float32
    assert ((x >= 0) & (x < 1)).all()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs_shared)
        for name in (
            "vww/person_detect_int8",
            "face/openmv_fomo_face_detection",
            "detection/ssd_mobilenet_v1_0.75_pets_uint8",
            "classification/tf2_mobilenet_v2_1.0_224_ptq",
        )
    ],
)
def test_real_models_have_one_fingerprint(name, monkeypatch):
    path = shared(f"models/{name}.tflite")
    want = edgerun.Session(path, threads=1).fingerprint()
    for isa in ISAS:
        monkeypatch.setenv("EDGERUN_ISA", isa)
        assert edgerun.Session(path, threads=2).fingerprint() == want


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs_shared)
        for name in (
            "keyword/kws_dscnn_int8",
            "anomaly/ad01_toycar_int8",
            "micro/hello_world_int8",
            "face/openmv_fomo_face_detection",
        )
    ],
)
def test_a_batch_of_three_is_three_runs(name):
    path = shared(f"models/{name}.tflite")
    one = edgerun.Session(path)
    info = one.inputs[0]
    x = np.random.default_rng(3).integers(-128, 128, (3, *info.shape[1:]), np.int8)
    three = edgerun.Session(path, shapes={info.name: x.shape})
    together = three.run(x)
    for output, array in together.items():
        np.testing.assert_array_equal(
            array, np.concatenate([one.run(x[i : i + 1])[output] for i in range(3)])
        )
