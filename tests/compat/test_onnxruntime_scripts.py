"""Scripts as applications have them, run on ONNX Runtime and, with another import line, on edgerun."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerun.backends.onnxruntime import DTYPES
from edgerun.compat import onnxruntime as compat
from edgerun.compat import onnxruntime_errors as errors
from onnx_models import SHARED_MODELS, feeds
from twins import LINES, assert_same, both, mistake

onnx = pytest.importorskip("onnx")
peer = pytest.importorskip("onnxruntime")
helper, FLOAT, INT64 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
peer.set_default_logger_severity(4)


def value(name: str, shape: list[int | str | None], dtype: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: Any = ()) -> bytes:
    graph = helper.make_graph(nodes, "net", inputs, outputs, list(constants), doc_string="a small net")
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made.producer_name, made.model_version, made.domain, made.doc_string = "tests", 3, "org.example", "said"
    helper.set_model_props(made, {"names": "{0: 'cat'}", "stride": "32"})
    return bytes(made.SerializeToString())


def classifier() -> bytes:
    """image float32 ["batch", 3, 8, 8] -> convolution, mean, dense -> probabilities ["batch", 5], labels."""
    rng = np.random.default_rng(7)
    constants = [
        onnx.numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)
        for name, shape in (("w", (4, 3, 3, 3)), ("b", (4,)), ("d", (5, 4)), ("e", (5,)))
    ]
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["m"]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("Gemm", ["f", "d", "e"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    outputs = [value("logits", ["batch", 5]), value("probabilities", ["batch", 5])]
    return model(nodes, [value("image", ["batch", 3, 8, 8])], outputs, constants)


def pair() -> bytes:
    """total = a + b, twice = total + total; a float32 ["n", 3], b ["n", None]."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["total"]),
        helper.make_node("Add", ["total"] * 2, ["twice"]),
    ]
    inputs = [value("a", ["n", 3]), value("b", ["n", None])]
    return model(nodes, inputs, [value("total", ["n", 3]), value("twice", ["n", 3])])


def old() -> bytes:
    """y = x * k, float32 [2, 3]; the constant k is listed among the inputs, as older files do."""
    k = onnx.numpy_helper.from_array(np.full((2, 3), 1.5, np.float32), "k")
    node = helper.make_node("Mul", ["x", "k"], ["y"])
    return model([node], [value("x", [2, 3]), value("k", [2, 3])], [value("y", [2, 3])], [k])


def long_only() -> bytes:
    """The mean of windows of 4 of x float32 [1, 1, "length"], which must not be shorter."""
    node = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[4, 1], strides=[1, 1])
    return model([node], [value("x", [1, 1, "length", 1])], [value("y", [1, 1, "windows", 1])])


NETS = {"classifier": classifier, "pair": pair, "old": old, "long_only": long_only}


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of the models by name."""
    folder = tmp_path_factory.mktemp("onnx")
    for name, make in NETS.items():
        (folder / f"{name}.onnx").write_bytes(make())
    return {name: str(folder / f"{name}.onnx") for name in NETS}


SCRIPTS: dict[str, tuple[str, str]] = {
    "classification": (
        "classifier",
        """
import onnxruntime as ort
session = ort.InferenceSession(MODEL, providers=['CUDAExecutionProvider', 'CPUExecutionProvider'])
name, shape = session.get_inputs()[0].name, session.get_inputs()[0].shape
x = np.random.default_rng(0).random([1 if isinstance(d, str) else d for d in shape]).astype(np.float32)
probabilities = session.run([session.get_outputs()[1].name], {name: x})[0]
result = probabilities, int(probabilities.argmax()), shape, session.get_providers(), ort.get_device()
""",
    ),
    "other batches, all outputs, an order of its own": (
        "classifier",
        """
from onnxruntime import InferenceSession, SessionOptions
options = SessionOptions()
options.intra_op_num_threads = 1
session = InferenceSession(MODEL, options)
result = []
for batch in (1, 4, 2, 4):
    x = np.random.default_rng(batch).random((batch, 3, 8, 8)).astype(np.float32)
    result.append(session.run(None, {'image': x}))
    result.append(session.run(['probabilities', 'logits', 'logits'], {'image': x}))
    result.append(session.run([], {'image': np.asfortranarray(x)}))
""",
    ),
    "from bytes, with lists": (
        "pair",
        """
import onnxruntime
session = onnxruntime.InferenceSession(open(MODEL, 'rb').read(), providers=['CPUExecutionProvider'])
result = session.run(['twice'], {'a': [[1, 2, 3]], 'b': [[0.5, 0.25, 4]]}), session.get_provider_options()
""",
    ),
    "what there is to know": (
        "pair",
        """
import onnxruntime as ort
session = ort.InferenceSession(MODEL)
def told(args):
    return [(a.name, a.type, a.shape) for a in args]
meta = session.get_modelmeta()
result = (told(session.get_inputs()), told(session.get_outputs()),
    told(session.get_overridable_initializers()), sorted(meta.custom_metadata_map.items()),
    meta.producer_name, meta.graph_name, meta.domain, meta.description,
    meta.graph_description, meta.version, session.end_profiling())
""",
    ),
    "constants among the inputs": (
        "old",
        """
import onnxruntime as ort
session = ort.InferenceSession(MODEL)
result = ([a.name for a in session.get_inputs()], [a.name for a in session.get_overridable_initializers()],
    session.run(None, {'x': np.ones((2, 3), np.float32)}))
""",
    ),
    "sizes for open dimensions": (
        "pair",
        """
import onnxruntime as ort
options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
options.inter_op_num_threads = 1
options.log_severity_level = 3
options.add_session_config_entry('session.intra_op.allow_spinning', '0')
options.add_free_dimension_override_by_name('n', 2)
session = ort.InferenceSession(MODEL, sess_options=options)
x = np.arange(6, dtype=np.float32).reshape(2, 3)
result = ([a.shape for a in session.get_inputs()], [a.shape for a in session.get_outputs()],
    session.run(None, {'a': x, 'b': x}), options.get_session_config_entry('session.intra_op.allow_spinning'))
""",
    ),
    "a length that the file leaves open": (
        "long_only",
        """
import onnxruntime as ort
session = ort.InferenceSession(MODEL)
result = []
for length in (5, 9, 4):
    x = np.arange(length, dtype=np.float32).reshape(1, 1, length, 1)
    result.append(session.run(None, {'x': x}))
""",
    ),
    "bound arrays": (
        "pair",
        """
import onnxruntime as ort
session = ort.InferenceSession(MODEL)
x = np.arange(6, dtype=np.float32).reshape(2, 3)
place, binding = np.zeros((2, 3), np.float32), session.io_binding()
binding.bind_cpu_input('a', x)
binding.bind_input('b', 'cpu', 0, np.float32, [2, 3], x.ctypes.data)
binding.bind_output('twice')
binding.bind_output('total', 'cpu', 0, np.float32, [2, 3], place.ctypes.data)
session.run_with_iobinding(binding)
result = [binding.copy_outputs_to_cpu(), place.copy(), [v.shape() for v in binding.get_outputs()]]
x += 1
session.run_with_iobinding(binding)
result += [place.copy(), binding.copy_outputs_to_cpu()]
a = ort.OrtValue.ortvalue_from_numpy(x * 2)
target = ort.OrtValue.ortvalue_from_shape_and_type([2, 3], np.float32)
binding.clear_binding_outputs()
binding.bind_ortvalue_input('a', a)
binding.bind_ortvalue_output('total', target)
session.run_with_iobinding(binding)
result += [target.numpy().copy(), len(binding.get_outputs())]
""",
    ),
    "values": (
        "pair",
        """
import onnxruntime as ort
session = ort.InferenceSession(MODEL)
x = np.arange(6, dtype=np.float32).reshape(2, 3)
a, b = ort.OrtValue.ortvalue_from_numpy(x), ort.OrtValue.ortvalue_from_numpy(x + 1, 'cpu', 0)
made = session.run_with_ort_values(['total'], {'a': a, 'b': b})
result = [made[0].numpy(), made[0].shape(), made[0].data_type(), made[0].element_type(), a.device_name(),
    a.is_tensor(), a.has_value(), a.tensor_size_in_bytes(), session.run(['total'], {'a': a, 'b': x})]
a.update_inplace(x * 3)
result += [a.numpy().copy(), x, [ort.OrtValue.ortvalue_from_numpy(np.zeros(2, t)).element_type() for t in
    ('f4', 'u1', 'i1', 'u2', 'i2', 'i4', 'i8', '?', 'f2', 'f8', 'u4', 'u8')]]
""",
    ),
    "in the background": (
        "pair",
        """
import onnxruntime as ort
import threading
session = ort.InferenceSession(MODEL)
x = np.arange(6, dtype=np.float32).reshape(2, 3)
done, result = threading.Event(), []
def finished(results, user_data, error):
    result.append((list(results), user_data, error))
    done.set()
session.run_async(['total'], {'a': x, 'b': x}, finished, 'ticket')
assert done.wait(60)
""",
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_end_alike(nets: dict[str, str], name: str) -> None:
    net, script = SCRIPTS[name]
    theirs, ours = both(script, MODEL=nets[net])
    assert_close(ours, theirs)


def assert_close(ours: Any, theirs: Any) -> None:
    """Alike, floats within 1e-5: each runtime adds in an order of its own."""
    if isinstance(theirs, np.ndarray) and theirs.dtype.kind == "f":
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_close(a, b)
    else:
        assert_same(ours, theirs)


X = "np.zeros((2, 3), np.float32)"
MISTAKES: dict[str, tuple[str, bool]] = {  # what the script does, and whether the messages are the same too
    "no file": ("ort.InferenceSession('none.onnx')", True),
    "no model": ("ort.InferenceSession(b'xxxx')", True),
    "empty": ("ort.InferenceSession(b'')", True),
    "cut off": ("ort.InferenceSession(open(MODEL, 'rb').read()[:-9])", False),
    "a number": ("ort.InferenceSession(3)", True),
    "a bytearray": ("ort.InferenceSession(bytearray(9))", True),
    "options of another type": ("ort.InferenceSession(MODEL, 5)", False),
    "a missing input": (f"session.run(None, {{'a': {X}}})", True),
    "a wrong input": (f"session.run(None, {{'a': {X}, 'b': {X}, 'c': {X}}})", True),
    "a wrong output": (f"session.run(['x'], {{'a': {X}, 'b': {X}}})", True),
    "a string of outputs": (f"session.run('total', {{'a': {X}, 'b': {X}}})", False),
    "a list of inputs": (f"session.run(None, [{X}])", True),
    "a wrong dtype": (f"session.run(None, {{'a': {X}.astype(np.float64), 'b': {X}}})", True),
    "too few dimensions": (f"session.run(None, {{'a': {X}[0], 'b': {X}}})", True),
    "a wrong size": (f"session.run(None, {{'a': {X}[:, :2], 'b': {X}}})", True),
    "a number for an array": (f"session.run(None, {{'a': np.float32(1), 'b': {X}}})", True),
    "run options of another type": (f"session.run(None, {{'a': {X}, 'b': {X}}}, 5)", False),
    "told to terminate": (
        f"o = ort.RunOptions(); o.terminate = True; session.run(None, {{'a': {X}, 'b': {X}}}, o)",
        True,
    ),
    "nothing bound": ("session.run_with_iobinding(session.io_binding())", True),
    "an input bound by a wrong name": (f"session.io_binding().bind_cpu_input('q', {X})", True),
    "another session's binding": (
        "session.run_with_iobinding(ort.InferenceSession(MODEL).io_binding())",
        True,
    ),
    "a value of another size": (f"ort.OrtValue.ortvalue_from_numpy({X}).update_inplace({X}[0])", True),
    "an option that is not there": ("ort.SessionOptions().colour = 1", False),
    "threads that are no number": ("ort.SessionOptions().intra_op_num_threads = 'a'", False),
    "a level that is a number": ("ort.SessionOptions().graph_optimization_level = 99", False),
    "a key that is not there": ("ort.SessionOptions().get_session_config_entry('k')", True),
    "providers that are no list": ("ort.InferenceSession(MODEL, providers=5)", True),
    "providers that are numbers": ("ort.InferenceSession(MODEL, None, [5], enable_fallback=0)", True),
    "options for no provider": (
        "ort.InferenceSession(MODEL, None, ['CPUExecutionProvider'], [], enable_fallback=0)",
        True,
    ),
    "an operator of nobody's": ("ort.InferenceSession(NOBODY)", False),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_end_alike(nets: dict[str, str], name: str) -> None:
    """The same exception, and where it does not tell ONNX Runtime's inside, the same words."""
    code, same_words = MISTAKES[name]
    nobody = model([helper.make_node("Nonesuch", ["x"], ["y"])], [value("x", ["n"])], [value("y", ["n"])])
    line = "import onnxruntime as ort"
    ends = []
    for first in (line, LINES[line]):
        script = f"{first}\nsession = ort.InferenceSession(MODEL)\n{code}"
        ends.append(mistake(script, MODEL=nets["pair"], NOBODY=nobody))
    (theirs, their_words), (ours, our_words) = ends
    assert ours == theirs
    if same_words:
        assert our_words == their_words


def test_exceptions_are_where_scripts_find_them(nets: dict[str, str]) -> None:
    script = """
import onnxruntime as ort
session = ort.InferenceSession(MODEL)
try:
    session.run(None, {'x': np.zeros(3, np.float32)})
except ort.capi.onnxruntime_pybind11_state.InvalidArgument as error:
    result = str(error)
"""
    theirs, ours = both(script, MODEL=nets["old"])
    assert ours == theirs


def test_every_exception_of_onnxruntime_has_its_name_and_code() -> None:
    state = peer.capi.onnxruntime_pybind11_state
    names = {kind.__name__ for kind in errors.OrtError.__subclasses__()}
    assert len(names) == 11
    assert all(issubclass(getattr(state, name), Exception) for name in names)
    assert str(errors.NotImplemented("x")) == "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : x"


def test_options_begin_as_those_of_onnxruntime() -> None:
    for name in ("SessionOptions", "RunOptions"):
        theirs, ours = getattr(peer, name)(), getattr(compat, name)()
        for field in dir(ours):
            if not field.startswith("_") and not callable(getattr(ours, field)):
                their = getattr(theirs, field, getattr(ours, field))  # an older one has not all
                assert getattr(their, "name", their) == getattr(
                    getattr(ours, field), "name", getattr(ours, field)
                )


def test_an_operator_that_is_not_there_is_named() -> None:
    net = model([helper.make_node("Bernoulli", ["x"], ["y"])], [value("x", [2])], [value("y", [2])])
    with pytest.raises(errors.NotImplemented, match="Bernoulli"):
        compat.InferenceSession(net)


def test_a_constant_cannot_be_replaced() -> None:
    x = np.ones((2, 3), np.float32)
    with pytest.raises(errors.NotImplemented, match="does not replace the constant k"):
        compat.InferenceSession(old()).run(None, {"x": x, "k": x})


def test_threads_are_obeyed() -> None:
    options = compat.SessionOptions()
    for given, wanted in ((1, 1), (3, 3)):
        options.intra_op_num_threads = given
        session = compat.InferenceSession(pair(), options)
        assert session._source.session({}).threads == wanted


def test_other_providers_are_passed_over_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="'CUDAExecutionProvider' is not in available provider names"):
        session = compat.InferenceSession(pair(), providers=[("CUDAExecutionProvider", {"device_id": 0})])
    assert session.get_providers() == compat.get_available_providers() == ["CPUExecutionProvider"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compat.InferenceSession(pair(), providers=["CPUExecutionProvider"])
    with pytest.warns(UserWarning, match="Falling back"):
        compat.InferenceSession(pair(), providers=[5])


def test_errors_of_a_background_run_go_to_the_callback() -> None:
    import threading

    done, got = threading.Event(), []

    def finished(*words: Any) -> None:
        got.append(words)
        done.set()

    x = np.zeros((2, 3))
    compat.InferenceSession(pair()).run_async(None, {"a": x, "b": x}, finished, 7)
    assert done.wait(60)
    ((results, user_data, error),) = got
    assert (results, user_data) == ([], 7)
    assert "Unexpected input data type" in error


def test_a_profile_is_a_trace_of_runs_and_their_operators(tmp_path: Path) -> None:
    def events(runtime: Any, prefix: str) -> list[dict[str, Any]]:
        options = runtime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(tmp_path / prefix)
        session = runtime.InferenceSession(pair(), options)
        for batch in (1, 2):
            x = np.ones((batch, 3), np.float32)
            session.run(None, {"a": x, "b": x})
        path = session.end_profiling()
        assert Path(path).name.startswith(f"{prefix}_")
        assert session.end_profiling() == ""
        found: list[dict[str, Any]] = json.loads(Path(path).read_text())
        return found

    theirs, ours = events(peer, "theirs"), events(compat, "ours")
    for trace in (theirs, ours):
        assert [e["name"] for e in trace].count("model_run") == 2
        steps = [e for e in trace if e["cat"] == "Node" and e["name"].endswith("_kernel_time")]
        assert [e["args"]["op_name"] for e in steps] == ["Add"] * 4
    keys: Callable[[list[dict[str, Any]]], set[str]] = lambda trace: set.intersection(*map(set, trace))  # noqa: E731
    assert keys(ours) == keys(theirs)
    assert sorted(p.name.split("_")[0] for p in tmp_path.iterdir()) == ["ours", "theirs"]


def test_tflite_files_run_too() -> None:
    from compat.conftest import float_border

    session = compat.InferenceSession(float_border())
    ((x,), (y,)) = session.get_inputs(), session.get_outputs()
    assert (x.name, x.type, x.shape) == ("x", "tensor(float)", [1, 6, 6, 3])
    (result,) = session.run(None, {"x": np.ones((1, 6, 6, 3), np.float32)})
    assert list(result.shape) == y.shape


def test_onnxruntime_is_not_imported() -> None:
    script = "import sys, edgerun.compat.onnxruntime; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"onnxruntime", "onnx", "cv2", "edgerun.vision", "click"}


@pytest.mark.parametrize("path", SHARED_MODELS)
def test_shared_models_say_and_compute_the_same(path: Path) -> None:
    """Ports, metadata and, of float models, numbers, where edgerun has the operators."""
    try:
        ours = compat.InferenceSession(path)
    except errors.NotImplemented as error:
        pytest.skip(str(error)[:200])
    options = peer.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = peer.GraphOptimizationLevel.ORT_DISABLE_ALL
    theirs = peer.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for ports in ("get_inputs", "get_outputs", "get_overridable_initializers"):
        told = [sorted((a.name, a.type, a.shape) for a in getattr(s, ports)()) for s in (ours, theirs)]
        assert told[0] == told[1]
    for name in vars(ours.get_modelmeta()):
        assert getattr(ours.get_modelmeta(), name) == getattr(theirs.get_modelmeta(), name), name
    given = feeds(path, [(a.name, a.shape, DTYPES[a.type]) for a in theirs.get_inputs()])
    try:
        results = ours.run(None, given)
    except errors.NotImplemented as error:
        pytest.skip(str(error)[:200])
    for got, want in zip(results, theirs.run(None, given), strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        if "int8" not in path.stem:  # an 8-bit model may round elsewhere
            np.testing.assert_allclose(got, want, rtol=0, atol=max(4e-4 * np.abs(want).max(), 1e-6))
