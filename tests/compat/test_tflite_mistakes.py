"""The same exceptions as LiteRT's for the same mistakes: types always, messages mostly."""

from __future__ import annotations

import gc
import logging
import pickle
import re

import numpy as np
import pytest

from edgerun.compat import tflite
from twins import mistake

# Mistakes whose message is LiteRT's too. In what LiteRT says comes what it said before; ours is its end.
SAME_MESSAGE = {
    "nothing given": "Interpreter()",
    "both given": "Interpreter(model_path=MODEL, model_content=b'x')",
    "empty content": "Interpreter(model_content=b'')",
    "no threads": "Interpreter(MODEL, num_threads=0)",
    "negative threads": "Interpreter(MODEL, num_threads=-1)",
    "half a thread": "Interpreter(MODEL, num_threads=1.5)",
    "threads as text": "Interpreter(MODEL, num_threads='2')",
    "another resolver": "Interpreter(MODEL, experimental_op_resolver_type=7)",
    "a path that is a number": "Interpreter(model_path=3)",
    "an unknown argument": "Interpreter(MODEL, nothing=1)",
    "set before allocation": "Interpreter(MODEL).set_tensor(0, X)",
    "get before allocation": "Interpreter(MODEL).get_tensor(0)",
    "view before allocation": "Interpreter(MODEL).tensor(0)()",
    "invoke before allocation": "Interpreter(MODEL).invoke()",
    "wrong dtype": "i.set_tensor(0, X.astype(np.float32))",
    "wrong sign": "i.set_tensor(0, X.astype(np.int8))",
    "a list": "i.set_tensor(0, X.tolist())",
    "float16": "i.set_tensor(0, X.astype(np.float16))",
    "bool": "i.set_tensor(0, X.astype(bool))",
    "complex": "i.set_tensor(0, X.astype(np.complex64))",
    "text": "i.set_tensor(0, 'hello')",
    "nothing": "i.set_tensor(0, None)",
    "ragged": "i.set_tensor(0, [[1], [1, 2]])",
    "wrong rank": "i.set_tensor(0, X[0])",
    "wrong size": "i.set_tensor(0, X[:, :5])",
    "wrong batch": "i.set_tensor(0, np.zeros((2, 8, 8, 3), np.uint8))",
    "set of an index too high": "i.set_tensor(1000, X)",
    "set of an index too low": "i.set_tensor(-1, X)",
    "get of an index too high": "i.get_tensor(1000)",
    "get of an index too low": "i.get_tensor(-1)",
    "view of an index too high": "i.tensor(1000)()",
    "get of a subgraph": "i.get_tensor(0, 3)",
    "details of a subgraph": "i.get_tensor_details(5)",
    "details of a tensor": "i._get_tensor_details(1000, 0)",
    "details of an operator": "i._get_op_details(1000)",
    "resize in two dimensions": "i.resize_tensor_input(0, [[1, 2]])",
    "resize to text": "i.resize_tensor_input(0, 'abc')",
    "strict resize": "i.resize_tensor_input(0, [1, 9, 8, 3], strict=True)",
    "resize of a constant": "i.resize_tensor_input(2, [3])",
    "invoke after resize": "i.resize_tensor_input(0, [2, 8, 8, 3]); i.invoke()",
    "set after resize": "i.resize_tensor_input(0, [2, 8, 8, 3]); i.set_tensor(0, np.concatenate([X, X]))",
    "get after resize": "i.resize_tensor_input(0, [2, 8, 8, 3]); i.get_tensor(0)",
    "no signature": "i.get_signature_runner()",
    "unknown signature": "i.get_signature_runner('nothing')",
    "signature without interpreter": "SignatureRunner(None, 'x')",
    "signature without key": "SignatureRunner(i, '')",
    "with": "with i: pass",
    "no library": "load_delegate('libno_such_delegate.so')",
    "no delegate": "load_delegate('libc.so.6')",
}

SAME_TYPE = {
    "no file": "Interpreter('/no/such/file.tflite')",
    "a folder": "Interpreter('/')",
    "garbage": "Interpreter(model_content=b'garbage' * 20)",
    "one byte": "Interpreter(model_content=b'x')",
    "a truncated file": "Interpreter(model_content=open(MODEL, 'rb').read()[:900])",
    "content as text": "Interpreter(model_content='abc')",
    "index as text": "i.set_tensor('a', X)",
    "index as float": "i.get_tensor(1.0)",
    "index of nothing": "i.tensor(None)()",
    "resize of an index too high": "i.resize_tensor_input(1000, [1])",
    "resize of an index too low": "i.resize_tensor_input(-1, [1])",
    "strict resize to another rank": "i.resize_tensor_input(0, [8, 8, 3], strict=True)",
    "resize to a negative size": "i.resize_tensor_input(0, [-1, 8, 8, 3])",
    "a size that does not fit": "i.resize_tensor_input(0, [1, 8, 8, 4]); i.allocate_tensors()",
    "invoke with a view": "v = i.tensor(0)(); i.invoke()",
    "invoke with a slice of a view": "v = i.tensor(0)()[0, 1:]; i.invoke()",
    "allocate with a view": "v = i.tensor(0)(); i.allocate_tensors()",
    "resize with a view": "v = i.tensor(0)(); i.resize_tensor_input(0, [1, 8, 8, 3])",
    "pickle": "import pickle; pickle.dumps(i)",
    "deepcopy": "import copy; copy.deepcopy(i)",
}

BEGIN = "from {} import *\nfrom {} import SignatureRunner\n"
READY = "i = Interpreter(MODEL); i.allocate_tensors()\n"


def mistakes(script: str, model: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Types and messages of LiteRT and of edgerun."""
    setup = READY if re.search(r"\bi\b", script) else ""
    x = np.zeros((1, 8, 8, 3), np.uint8)
    return tuple(  # type: ignore[return-value]
        mistake(BEGIN.format(module, module) + setup + script, MODEL=model, X=x)
        for module in ("ai_edge_litert.interpreter", "edgerun.compat.tflite")
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # LiteRT's own __del__
@pytest.mark.parametrize("name", SAME_MESSAGE)
def test_the_same_mistake_has_the_same_message(name: str, models: dict[str, str]) -> None:
    theirs, ours = mistakes(SAME_MESSAGE[name], models["classifier"])
    gc.collect()  # now, while the filter holds
    assert ours[0] == theirs[0]
    assert theirs[1].strip().endswith(ours[1].strip())


@pytest.mark.parametrize("name", SAME_TYPE)
def test_the_same_mistake_has_the_same_type(name: str, models: dict[str, str]) -> None:
    theirs, ours = mistakes(SAME_TYPE[name], models["classifier"])
    assert ours[0] == theirs[0]
    assert ours[1]


SIGNATURE_MISTAKES = (
    "run()",
    "run(left=X)",
    "run(left=X, wrong=X)",
    "run(left=X, right=X.astype(np.uint8))",
    "run(left=X, right=[[1, 2, 3, 4]])",
    "run(X, X)",
)


@pytest.mark.parametrize("script", SIGNATURE_MISTAKES)
def test_mistakes_with_a_signature(script: str, models: dict[str, str]) -> None:
    begin = "from {} import *\nrun = Interpreter(MODEL).get_signature_runner('both')\n"
    names = {"MODEL": models["pair"], "X": np.zeros((1, 4), np.int8)}
    theirs, ours = (
        mistake(begin.format(module) + script, **names)
        for module in ("ai_edge_litert.interpreter", "edgerun.compat.tflite")
    )
    assert ours == theirs


def test_after_a_mistake_it_goes_on(models: dict[str, str]) -> None:
    interpreter = tflite.Interpreter(models["classifier"])
    interpreter.allocate_tensors()
    view = interpreter.tensor(0)()
    with pytest.raises(RuntimeError, match="reference to internal data"):
        interpreter.invoke()
    del view
    interpreter.invoke()
    interpreter.resize_tensor_input(0, [1, 8, 8, 4])
    with pytest.raises(RuntimeError, match=r"classifier\.tflite"):
        interpreter.allocate_tensors()
    interpreter.resize_tensor_input(0, [1, 8, 8, 3])
    interpreter.allocate_tensors()
    interpreter.invoke()


def test_messages_name_the_file(tmp_path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"garbage " * 9)
    with pytest.raises(ValueError, match=r"broken\.tflite.*TFL3"):
        tflite.Interpreter(str(path))
    with pytest.raises(ValueError, match=r"Could not open '.*absent'"):
        tflite.Interpreter(tmp_path / "absent")


def test_an_operator_that_is_missing_is_told_by_allocate_tensors() -> None:
    from cases.base import Net

    net = Net()
    x, y = net.q("x", (1, 4)), net.q("y", (1, 4))
    net.operator("fake-op-double", [x], [y])
    interpreter = tflite.Interpreter(model_content=net.finish([x], [y]))
    with pytest.raises(RuntimeError, match="fake-op-double"):
        interpreter.allocate_tensors()


def test_constants_and_intermediate_tensors_are_not_set(models: dict[str, str]) -> None:
    interpreter = tflite.Interpreter(models["classifier"])
    interpreter.allocate_tensors()
    by_name = {d["name"]: d for d in interpreter.get_tensor_details()}
    weights = interpreter.get_tensor(by_name["axes"]["index"])
    with pytest.raises(ValueError, match="is a constant"):
        interpreter.set_tensor(by_name["axes"]["index"], weights)
    logits = by_name["logits"]
    with pytest.raises(ValueError, match="unallocated"):
        interpreter.set_tensor(logits["index"], np.zeros(logits["shape"], np.uint8))


def test_intermediate_tensors_of_a_model_that_remembers_have_to_be_asked_for(models: dict[str, str]) -> None:
    """To compute them once more would change what it remembers."""
    interpreter = tflite.Interpreter(models["accumulator"])
    interpreter.allocate_tensors()
    interpreter.invoke()
    value = next(d for d in interpreter.get_tensor_details() if d["name"] == "v_value")
    with pytest.raises(ValueError, match=r"v_value.*experimental_preserve_all_tensors"):
        interpreter.get_tensor(value["index"])


def test_intermediate_tensors_of_a_model_that_decides_at_run_time_are_refused(models: dict[str, str]) -> None:
    interpreter = tflite.Interpreter(models["computed_shape"])
    interpreter.allocate_tensors()
    interpreter.set_tensor(1, np.array([3, 4], np.int32))
    interpreter.invoke()
    value = next(d for d in interpreter.get_tensor_details() if d["name"] == "y")
    with pytest.raises(ValueError, match="y, is an intermediate one"):
        interpreter.get_tensor(value["index"])


def test_what_is_not_used_is_said(models: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tflite.Interpreter(models["pair"], experimental_delegates=[object()])
        tflite.InterpreterWithCustomOps(["register_me"], model_path=models["pair"])
    assert [record.name for record in caplog.records] == ["edgerun.compat.tflite"] * 2
    assert "delegates are not used" in caplog.text
    assert "custom_op_registerers are not used" in caplog.text
    with pytest.warns(UserWarning, match="debugging"):
        tflite.Interpreter(models["pair"], experimental_preserve_all_tensors=True)
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(tflite.Interpreter(models["pair"]))
