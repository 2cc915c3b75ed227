"""Recurrent operators over many runs: what they remember is what LiteRT and TFLite Micro remember."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cases import CASES, Case
from edgerun.frontends import load_graph
from edgerun.ir.types import Array
from edgerun.session import Session
from shared_material import needs_shared, shared

RUNS = 50
Run = Callable[[Array], Array]


def litert_runner(model: bytes) -> Run:
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    reference = interpreters.OpResolverType.BUILTIN_REF
    interpreter = interpreters.Interpreter(
        model_content=model, experimental_op_resolver_type=reference
    )
    interpreter.allocate_tensors()
    (x,), (y,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(value: Array) -> Array:
        interpreter.set_tensor(x["index"], value)
        interpreter.invoke()
        return interpreter.get_tensor(y["index"])

    return run


def micro_runner(model: bytes) -> Run:
    runtime = pytest.importorskip("tflite_micro").runtime
    interpreter = runtime.Interpreter.from_bytes(model)

    def run(value: Array) -> Array:
        interpreter.set_input(value, 0)
        interpreter.invoke()
        return interpreter.get_output(0)

    return run


def compare(model: bytes, truth: Run, tolerance: float = 0.0, varies: bool = True) -> None:
    session = Session(model, 1)
    (info,) = session.inputs
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(RUNS):
        if info.dtype.kind == "f":
            x = rng.normal(0, 1, info.shape).astype(info.dtype)
        else:
            limits = np.iinfo(info.dtype)
            x = rng.integers(limits.min, limits.max + 1, info.shape).astype(info.dtype)
        (mine,) = session.run(x).values()
        np.testing.assert_allclose(mine, truth(x), rtol=0, atol=tolerance)
        seen.add(mine.tobytes())
    assert len(seen) > 1 or not varies
    session.reset()
    first = session.run(x)
    session.run(x)
    session.reset()
    np.testing.assert_array_equal(*(next(iter(r.values())) for r in (first, session.run(x))))


def recurrent(litert: bool) -> list[Case]:
    return [c for c in CASES if c.operator in ("Lstm", "Svdf", "Rnn") and c.litert == litert]


@pytest.mark.parametrize("case", recurrent(True), ids=lambda case: case.id)
def test_many_runs_against_litert(case: Case) -> None:
    model = case.build()
    is_float = load_graph(model).inputs[0].type.is_float
    compare(model, litert_runner(model), 2e-5 if is_float else 0.0)


@pytest.mark.parametrize(
    "case", [c for c in recurrent(False) if "state=int8" in c.id], ids=lambda case: case.id
)
def test_many_runs_against_tflite_micro(case: Case) -> None:
    if "bias=False" in case.id:
        pytest.skip("TFLite Micro wants a bias")
    compare(case.build(), micro_runner(case.build()))


@pytest.mark.parametrize(
    ("name", "make", "tolerance"),
    [
        ("lstm/mnist_lstm_int8", litert_runner, 0),
        ("denoise/dtln_noise_suppression_int8", litert_runner, 0),
        ("keyword/keyword_scrambled_8bit", micro_runner, 0),
        ("lstm/mnist_lstm_float32", litert_runner, 1e-5),
    ],
)
@pytest.mark.shared
def test_shared_models_over_many_runs(
    name: str, make: Callable[[bytes], Run], tolerance: float
) -> None:
    model = shared(f"models/{name}.tflite").read_bytes()
    # The weights of the scrambled model are noise: it is always sure of the same.
    compare(model, make(model), tolerance, varies="scrambled" not in name)


test_shared_models_over_many_runs.pytestmark += needs_shared
