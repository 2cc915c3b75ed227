"""The ONNX Runtime backend: what a Session tells and takes, computed by ONNX Runtime."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import edgerun
from edgerun.backends.onnxruntime import OnnxruntimeBackend
from edgerun.errors import InputError, ModelError
from edgerun.ir.types import Array
from onnx_models import SHARED_MODELS, SIZES
from onnx_models import feeds as random_feeds

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
helper, TensorProto = onnx.helper, onnx.TensorProto

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model(nodes: list[object], inputs: list[object], outputs: list[object], **props: str) -> bytes:
    graph = helper.make_graph(nodes, "net", inputs, outputs)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, props)
    return bytes(made.SerializeToString())


def value(name: str, shape: list[int | str | None] | None, dtype: int = FLOAT) -> object:
    return helper.make_tensor_value_info(name, dtype, shape)


def total(**props: str) -> bytes:
    """total = a + b, twice = 2 * total; float32 ["batch", 3] and ["batch", None] of 3."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["total"]),
        helper.make_node("Add", ["total"] * 2, ["twice"]),
    ]
    inputs = [value("a", ["batch", 3]), value("b", ["batch", None])]
    return model(nodes, inputs, [value("total", ["batch", 3]), value("twice", ["batch", 3])], **props)


def relu(dtype: int = FLOAT) -> bytes:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    return model(nodes, [value("x", [2, 3], dtype)], [value("y", [2, 3], dtype)])


def feeds(batch: int) -> dict[str, Array]:
    rng = np.random.default_rng(batch)
    return {name: rng.standard_normal((batch, 3)).astype(np.float32) for name in "ab"}


def session(source: bytes | str | Path, **options: object) -> OnnxruntimeBackend:
    made = edgerun.Session(source, 1, backend="onnxruntime", **options)
    assert isinstance(made, OnnxruntimeBackend)
    return made


def test_it_tells_the_ports_and_metadata_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "total.onnx"
    path.write_bytes(total(author="nobody", stride="32"))
    made = session(str(path))
    assert [(i.name, i.shape, i.dtype) for i in made.inputs] == [
        ("a", ("batch", 3), np.float32),
        ("b", ("batch", -1), np.float32),
    ]
    assert [(o.name, o.shape) for o in made.outputs] == [("total", ("batch", 3)), ("twice", ("batch", 3))]
    assert made.metadata == {"author": b"nobody", "stride": b"32"}
    assert made.path == path


@pytest.mark.parametrize("optimized", [True, False])
def test_it_runs_any_size_of_an_open_dimension(optimized: bool) -> None:
    made = session(total(), optimized=optimized)
    for batch in (1, 4, 2):
        given = feeds(batch)
        for results in (made.run(given), made(given), made.twin().run(given)):
            assert list(results) == ["total", "twice"]
            np.testing.assert_array_equal(results["total"], given["a"] + given["b"])
            np.testing.assert_array_equal(results["twice"], 2 * results["total"])


def test_not_optimized_the_graph_is_run_as_it_is() -> None:
    for optimized, level in ((True, "ORT_ENABLE_ALL"), (False, "ORT_DISABLE_ALL")):
        made = session(relu(), optimized=optimized)
        for one in (made, made.twin()):
            assert one._session.get_session_options().graph_optimization_level.name == level


def test_the_threads_are_those_asked_for() -> None:
    made = edgerun.Session(relu(), threads=3, backend="onnxruntime")
    assert made.threads == 3
    assert made._session.get_session_options().intra_op_num_threads == 3
    assert made.twin().threads == 3
    with pytest.raises(InputError, match="threads must be at least 1, got 0"):
        edgerun.Session(relu(), threads=0, backend="onnxruntime")


def test_the_only_input_needs_no_name_and_no_layout() -> None:
    x = np.arange(-3, 3, dtype=np.float32).reshape(3, 2).T
    np.testing.assert_array_equal(session(relu()).run(x)["y"], np.maximum(x, 0))
    with pytest.raises(InputError, match="The model has 2 inputs: give a dict of arrays by name"):
        session(total()).run(x)


def test_shapes_are_given_to_open_dimensions() -> None:
    made = session(total(), shapes={"a": (4, 3), "b": (4, 3)})
    assert [i.shape for i in made.inputs] == [(4, 3), (4, 3)]
    assert [o.shape for o in made.outputs] == [(4, 3), (4, 3)]
    np.testing.assert_array_equal(made.run(feeds(4))["total"], feeds(4)["a"] + feeds(4)["b"])
    with pytest.raises(InputError, match=r"'a' must be float32 of shape \(4, 3\), got .* \(1, 3\)"):
        made.run(feeds(1))
    with pytest.raises(InputError, match=r"no input 'c'; the inputs are \['a', 'b'\]"):
        session(total(), shapes={"c": (4, 3)})
    with pytest.raises(InputError, match=r"'a' has the shape \('batch', 3\), and cannot have \(4, 5\)"):
        session(total(), shapes={"a": (4, 5)})


def test_one_name_of_several_unknown_dimensions_is_no_promise() -> None:
    ports = [value(name, ["?", "?"]) for name in "xy"]
    made = session(
        model([helper.make_node("Relu", ["x"], ["y"])], ports[:1], ports[1:]), shapes={"x": (2, 5)}
    )
    assert made.inputs[0].shape == (2, 5)
    assert made.run(np.ones((2, 5), np.float32))["y"].shape == (2, 5)


def test_results_go_into_arrays_of_the_caller() -> None:
    made, given = session(total()), feeds(2)
    results = {name: np.zeros((2, 3), np.float32) for name in ("total", "twice")}
    made.run_into(given, results)
    np.testing.assert_array_equal(results["total"], given["a"] + given["b"])
    np.testing.assert_array_equal(results["twice"], 2 * results["total"])
    whole = np.zeros((2, 3), np.float32)
    session(relu()).run_into(whole - 1, whole)
    for wrong, why in (
        ({"total": whole}, r"Expected the outputs \['total', 'twice'\], got \['total'\]"),
        ({"total": whole, "twice": whole[:, :2]}, r"'twice' must be float32 of shape \('batch', 3\)"),
        ({"total": whole, "twice": whole.astype(np.float64)}, "got float64"),
        ({"total": whole, "twice": np.zeros((3, 2), np.float32).T}, "C-contiguous"),
    ):
        with pytest.raises(InputError, match=why):
            made.run_into(given, wrong)
    with pytest.raises(ModelError, match="ONNX Runtime refuses"):
        made.run_into(given, {name: np.zeros((5, 3), np.float32) for name in results})


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"a": np.zeros((1, 3), np.float32)}, r"Expected the inputs \['a', 'b'\], got \['a'\]"),
        ({"a": 0, "b": 0, "c": 0}, r"got \['a', 'b', 'c'\]"),
        ({"a": np.zeros((1, 3)), "b": 0}, "Input 'a' must be float32 .*got float64"),
        ({"a": np.zeros((1, 4), np.float32), "b": 0}, r"got float32 of shape \(1, 4\)"),
        ({"a": np.zeros(3, np.float32), "b": 0}, r"got float32 of shape \(3,\)"),
    ],
)
def test_wrong_feeds_are_told(wrong: dict[str, Array], why: str) -> None:
    with pytest.raises(InputError, match=why):
        session(total()).run(wrong)


def test_sizes_that_do_not_go_together_are_the_model_s_error() -> None:
    with pytest.raises(ModelError, match=r"ONNX Runtime refuses the model.*Add"):
        session(total()).run({"a": feeds(2)["a"], "b": feeds(3)["b"]})


def test_every_dtype_of_numpy_goes_in_and_comes_out() -> None:
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        node = helper.make_node("Identity", ["x"], ["y"])
        made = session(model([node], [value("x", [2], kind)], [value("y", [2], kind)]))
        assert made.inputs[0].dtype == made.outputs[0].dtype == dtype
        x = np.array([0, 1], dtype)
        np.testing.assert_array_equal(made.run(x)["y"], x)


def test_what_is_no_array_is_refused() -> None:
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    port = helper.make_tensor_sequence_value_info("y", FLOAT, [2])
    with pytest.raises(ModelError, match=r"'y' is a seq\(tensor\(float\)\)"):
        session(model([node], [value("x", [2])], [port]))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"There is no model file '.*none\.onnx'"):
        session(tmp_path / "none.onnx")
    for content in (b"", b"no model", total()[:-40]):
        (tmp_path / "broken.onnx").write_bytes(content)
        with pytest.raises(ModelError, match=r"ONNX Runtime refuses .*broken\.onnx"):
            session(tmp_path / "broken.onnx")
        with pytest.raises(ModelError, match="ONNX Runtime refuses the model"):
            session(content)


def test_it_says_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError):
        session(total()).run({"a": feeds(2)["a"], "b": feeds(3)["b"]})
    assert capfd.readouterr() == ("", "")


def test_where_it_is_not_installed_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"pip install edgerun\[onnxruntime\]"):
        session(relu())


@pytest.mark.parametrize("path", SHARED_MODELS)
def test_shared_models_run_optimized_as_they_do_as_they_are(path: Path) -> None:
    shapes = SIZES.get(path.stem)
    made, plain = session(path, shapes=shapes), session(path, shapes=shapes, optimized=False)
    given = random_feeds(path, [(i.name, i.shape, i.dtype) for i in made.inputs])
    results, expected = made.run(given), plain.run(given)
    assert list(results) == list(expected) == [info.name for info in made.outputs]
    for info in made.outputs:
        got, want = results[info.name], expected[info.name]
        assert got.dtype == info.dtype
        assert got.shape == want.shape
        if "int8" not in path.stem:  # fused, 8-bit models round elsewhere
            np.testing.assert_allclose(got, want, rtol=1e-3, atol=max(1e-6, 1e-3 * np.abs(want).max()))
