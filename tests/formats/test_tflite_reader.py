"""The TFLite tables against generated code, the reader against real files and damaged ones."""

from __future__ import annotations

import importlib
import itertools
import math
import mmap
import os
import random
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite
from ai_edge_litert import schema_py_generated as litert

from edgerun.errors import EdgerunError, FormatError, QuantizationError, UnsupportedOperatorError
from edgerun.formats import flatbuffer_schema
from edgerun.formats import tflite_schema as schema
from edgerun.formats.tflite_checks import MAX_CALLS
from edgerun.formats.tflite_model import Model, Operator, SubGraph, Tensor
from edgerun.formats.tflite_reader import read_model
from edgerun.formats.tflite_writer import ModelBuilder, write_model
from sharing_builder import SharingBuilder

SHARED = Path(os.environ.get("EDGERUN_SHARED") or Path(__file__).parents[2] / "../shared").resolve()
MODELS = sorted((SHARED / "models").glob("**/*.tflite"))


# The tables.

ENUM_CLASSES = {
    "TensorType": "TensorType",
    "Padding": "Padding",
    "Activation": "ActivationFunctionType",
    "MirrorPadMode": "MirrorPadMode",
    "LSTMKernelType": "LSTMKernelType",
    "LSHProjectionType": "LSHProjectionType",
    "CombinerType": "CombinerType",
    "WeightsFormat": "FullyConnectedOptionsWeightsFormat",
    "DimensionType": "DimensionType",
    "RngAlgorithm": "RngAlgorithm",
    "AttributesFormat": "CustomOptionsFormat",
    "ReduceWindowFunction": "ReduceWindowFunction",
    "ComparisonDirection": "StablehloComparisonDirection",
    "ComparisonType": "StablehloComparisonType",
}
OPTIONS_TABLES = [table for table in schema.TABLES.values() if table.union]
# What the 2.18 package of the schema does not have yet.
NEWER = {"StablehloCaseOptions"}
NEWER_FIELDS = {"quantspec", "externalbuffer"}


def codes(cls: Any) -> dict[str, int]:
    values = vars(cls).items()  # Python 3.13 adds __firstlineno__
    return {name: value for name, value in values if isinstance(value, int) and not name.startswith("__")}


class Recorder:
    """Stands in for a flatbuffers.Builder and keeps the calls that generated code makes."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, args))


def generated(module: Any, table: str) -> dict[str, tuple[int, str, Any, int]]:
    """Fields of a table as generated code has them: slot, type, default, size of an element."""
    fields = {}
    for function in list(vars(module)):
        match = re.fullmatch(f"{table}Add([A-Z]\\w*)", function)
        if not match:
            continue
        recorder = Recorder()
        getattr(module, function)(recorder, 0)
        start = getattr(module, f"{table}Start{match[1]}Vector", None)
        if start:
            start(recorder, 1)
        name, (slot, _, default) = recorder.calls[0]
        element = recorder.calls[1][1][0] if start else 0
        kind = name.removeprefix("Prepend").removesuffix("Slot").lower()
        fields[match[1].lower()] = slot, kind, default, element
    return fields


def same_fields(table: flatbuffer_schema.Table, truth: dict[str, tuple[int, str, Any, int]]) -> None:
    for field in table.fields:
        slot, kind, default, element = truth[field.name.replace("_", "")]
        assert field.slot == slot, field.name
        if field.kind in ("scalar", "bool"):
            assert (field.of, field.default) == (kind, default), field.name
        elif field.kind == "enum":
            assert schema.ENUMS[field.of][0] == kind, field.name
            assert field.names.index(field.default) == default, field.name
        else:
            assert kind == "uoffsettrelative", field.name
        if field.kind == "vector":
            assert field.scalar.size == element, field.name
        else:
            assert element == (4 if field.kind == "tables" else 0), field.name


@pytest.mark.parametrize("table", OPTIONS_TABLES, ids=lambda table: table.name)
def test_options_table(table: flatbuffer_schema.Table) -> None:
    newest = generated(litert, table.name)
    same_fields(table, newest)
    assert len(table.fields) == len(newest)
    if table.name not in NEWER:
        older = generated(importlib.import_module(f"tflite.{table.name}"), table.name)
        kept = tuple(f for f in table.fields if f.name.replace("_", "") not in NEWER_FIELDS)
        same_fields(flatbuffer_schema.Table(table.name, kept, table.union, table.code), older)
        assert len(kept) == len(older)


@pytest.mark.parametrize(
    "table", [table for table in schema.TABLES.values() if not table.union], ids=lambda t: t.name
)
def test_file_table(table: flatbuffer_schema.Table) -> None:
    same_fields(table, generated(litert, table.name))


def test_operators() -> None:
    assert codes(litert.BuiltinOperator) == schema.OPERATOR_CODES
    assert codes(tflite.BuiltinOperator).items() <= schema.OPERATOR_CODES.items()


def test_tensor_types() -> None:
    assert codes(litert.TensorType) == schema.TENSOR_TYPE_CODES
    for kind in schema.TENSOR_TYPES:
        if kind.dtype is not None:
            assert kind.dtype.name.upper() == kind.name
            if kind.dtype.kind in "iu":
                info = np.iinfo(kind.dtype)
                assert kind.limits == (info.min, info.max)
    assert schema.TENSOR_TYPES[schema.TENSOR_TYPE_CODES["INT4"]].limits == (-8, 7)


def test_unions() -> None:
    for union, cls in (
        ("builtin_options", litert.BuiltinOptions),
        ("builtin_options_2", litert.BuiltinOptions2),
    ):
        ours = {table.name: table.code for table in OPTIONS_TABLES if table.union == union}
        assert {"NONE": 0, **ours} == codes(cls)
    vectors = [table and table.name for table in schema.SPARSE_INDEX_VECTORS]
    assert vectors == [name if name != "NONE" else None for name in codes(litert.SparseIndexVector)]


@pytest.mark.parametrize("name", schema.ENUMS)
def test_enum(name: str) -> None:
    truth = codes(getattr(litert, ENUM_CLASSES[name]))
    names = schema.ENUMS[name][1]
    assert len(names) == len(truth)
    for other, value in truth.items():
        assert other.lower() == names[value] or other.lower().endswith("_" + names[value])


def test_every_options_table_has_an_operator() -> None:
    used = {table.name for table in schema.OPTIONS.values()}
    assert used == {table.name for table in OPTIONS_TABLES}


# Real files.


@pytest.mark.shared
def test_shared_models_are_there() -> None:
    if not MODELS:
        pytest.skip(f"no shared models at {SHARED}: set EDGERUN_SHARED to run these tests")
    assert len(MODELS) > 30


def numbers(function: Any) -> tuple[int, ...]:
    values = function()
    return () if isinstance(values, int) else tuple(values.tolist())


def text(value: bytes | None) -> str:
    return (value or b"").decode()


def same_tensor(ours: Tensor, truth: Any, model: Any) -> None:
    assert ours.name == text(truth.Name())
    assert ours.shape == numbers(truth.ShapeAsNumpy)
    assert (ours.shape_signature or ()) == numbers(truth.ShapeSignatureAsNumpy)
    assert codes(tflite.TensorType)[ours.type_name] == truth.Type()
    assert ours.is_variable == truth.IsVariable()
    assert (ours.sparsity is None) == (truth.Sparsity() is None)
    content = b""
    if truth.Buffer() < model.BuffersLength():
        buffer = model.Buffers(truth.Buffer())
        content = buffer.DataAsNumpy().tobytes() if buffer.DataLength() else b""
    if ours.data is None:
        assert content == b""
    else:
        assert ours.data.tobytes() == content
        assert not ours.data.flags.writeable
        assert ours.data.dtype == (ours.dtype or np.uint8)
    quantization = truth.Quantization()
    if ours.quantization is None:
        assert quantization is None or quantization.ScaleLength() == 0
    else:
        assert tuple(ours.quantization.scale) == numbers(quantization.ScaleAsNumpy)
        assert tuple(ours.quantization.zero_point) == numbers(quantization.ZeroPointAsNumpy)
        if len(ours.shape) != 1:
            assert ours.quantization.axis == quantization.QuantizedDimension()


def same_operator(ours: Operator, truth: Any, model: Any) -> None:
    code = model.OperatorCodes(truth.OpcodeIndex())
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    assert ours.custom == (builtin == tflite.BuiltinOperator.CUSTOM)
    if ours.custom:
        assert ours.name == text(code.CustomCode())
        assert ours.options == {}
    else:
        assert codes(tflite.BuiltinOperator)[ours.name] == builtin
    assert ours.version == code.Version()
    assert ours.inputs == numbers(truth.InputsAsNumpy)
    assert ours.outputs == numbers(truth.OutputsAsNumpy)
    assert ours.intermediates == numbers(truth.IntermediatesAsNumpy)
    custom = truth.CustomOptionsAsNumpy() if truth.CustomOptionsLength() else np.zeros(0, np.uint8)
    assert bytes(ours.custom_options) == custom.tobytes()
    if truth.BuiltinOptionsType() == 0 or not ours.options:
        return
    table = schema.OPTIONS[ours.name]
    options = getattr(tflite, table.name)()
    options.Init(truth.BuiltinOptions().Bytes, truth.BuiltinOptions().Pos)
    accessors = {name.lower(): getattr(options, name) for name in dir(options)}
    for field in table.fields:
        name = field.name.replace("_", "")
        if name in NEWER_FIELDS:
            continue
        value = ours.options[field.name]
        if field.kind == "vector":
            assert value == numbers(accessors[name + "asnumpy"])
        elif field.kind == "enum":
            assert field.names.index(value) == accessors[name]()
        elif field.kind == "string":
            assert value == text(accessors[name]())
        else:
            assert value == accessors[name]()


@pytest.mark.shared
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_real_file(path: Path) -> None:
    content = path.read_bytes()
    ours = read_model(content, path=str(path))
    truth = tflite.Model.GetRootAs(content, 0)
    assert ours.version == truth.Version()
    assert ours.description == text(truth.Description())
    assert len(ours.subgraphs) == truth.SubgraphsLength()
    for index, subgraph in enumerate(ours.subgraphs):
        other = truth.Subgraphs(index)
        assert subgraph.name == text(other.Name())
        assert subgraph.inputs == numbers(other.InputsAsNumpy)
        assert subgraph.outputs == numbers(other.OutputsAsNumpy)
        assert len(subgraph.tensors) == other.TensorsLength()
        assert len(subgraph.operators) == other.OperatorsLength()
        for tensor in subgraph.tensors:
            same_tensor(tensor, other.Tensors(tensor.index), truth)
        for operator in subgraph.operators:
            same_operator(operator, other.Operators(operator.index), truth)
    metadata = {}
    for index in range(truth.MetadataLength()):
        entry = truth.Metadata(index)
        # One of the files has a name twice, the second time with nothing but zeros.
        content_ = truth.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
        metadata.setdefault(text(entry.Name()), content_)
    assert {name: bytes(content) for name, content in ours.metadata.items()} == metadata
    assert len(ours.signatures) == truth.SignatureDefsLength()
    for index, signature in enumerate(ours.signatures):
        other = truth.SignatureDefs(index)
        assert signature.key == text(other.SignatureKey())
        assert signature.subgraph == other.SubgraphIndex()
        entries = [other.Inputs(i) for i in range(other.InputsLength())]
        assert signature.inputs == {text(e.Name()): e.TensorIndex() for e in entries}
        entries = [other.Outputs(i) for i in range(other.OutputsLength())]
        assert signature.outputs == {text(e.Name()): e.TensorIndex() for e in entries}


@pytest.mark.shared
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_damaged_real_file(path: Path) -> None:
    content = bytearray(path.read_bytes())
    rng = random.Random(path.stem)
    for _ in range(8):
        damaged = content.copy()
        for _ in range(200):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        loads_or_fails(bytes(damaged))
    for _ in range(8):
        loads_or_fails(bytes(content[: rng.randrange(len(content))]))


@pytest.mark.shared
def test_bias_with_the_axis_of_its_weights() -> None:
    path = SHARED / "models/vww/person_detect_int8.tflite"
    if not path.exists():
        pytest.skip(f"{path} is not there: set EDGERUN_SHARED to run this test")
    (subgraph,) = read_model(path.read_bytes()).subgraphs
    biases = [t for t in subgraph.tensors if t.type_name == "INT32" and t.quantization]
    assert len(biases) > 10
    assert all(t.quantization is not None and t.quantization.axis == 0 for t in biases)


# Models of our own.


def builder() -> ModelBuilder:
    """A little of everything that a file can have."""
    b = ModelBuilder("a small net")
    b.tensor("x", (1, 4, 4, 3), "int8", scale=0.5, zero_point=-3, shape_signature=(-1, 4, 4, 3))
    weights = np.arange(2 * 9 * 3, dtype=np.int8).reshape(2, 3, 3, 3)
    b.tensor("w", (2, 3, 3, 3), "int8", scale=(0.25, 0.125), data=weights)
    b.tensor("b", (2,), "int32", scale=(0.125, 0.0625), axis=3, data=np.array([7, -7], np.int32))
    b.tensor("y", (1, 4, 4, 2), "int8", scale=1.0)
    b.tensor("shape", (2,), "int32", data=np.array([1, 32], np.int32))
    b.tensor("flat", (1, 32), "int8", scale=1.0)
    b.tensor("state", (1, 32), "float32", is_variable=True)
    b.tensor("custom", (1, 32), "float32")
    b.operator("CONV_2D", (0, 1, 2), (3,), {"padding": "valid", "stride_w": 1, "stride_h": 2})
    b.operator("RESHAPE", (3, 4), (5,), {"new_shape": (1, 32)})
    b.operator("mine", (5, -1, 6), (7,), custom_options=b"options")
    b.metadata("note", b"some bytes")
    return b


def fields() -> dict[str, Any]:
    return builder().fields((0,), (7,))


SMALL = write_model(fields())


def read(model: dict[str, Any]) -> Model:
    return read_model(write_model(model), path="m.tflite")


def loads_or_fails(data: bytes) -> bool:
    try:
        model = read_model(data)
    except EdgerunError:
        return False
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            if tensor.data is not None:
                tensor.data.tobytes()
    return True


def test_small_model() -> None:
    model = read_model(SMALL)
    assert model.description == "a small net"
    assert {name: bytes(data) for name, data in model.metadata.items()} == {"note": b"some bytes"}
    (subgraph,) = model.subgraphs
    assert (subgraph.inputs, subgraph.outputs) == ((0,), (7,))
    x, w, b, y, *_ = subgraph.tensors
    assert (x.name, x.shape, x.shape_signature) == ("x", (1, 4, 4, 3), (-1, 4, 4, 3))
    assert x.dtype == np.int8
    assert x.data is None
    assert x.quantization is not None
    assert (x.quantization.scale[0], x.quantization.zero_point[0]) == (0.5, -3)
    assert w.data is not None
    assert np.array_equal(w.data.ravel(), np.arange(54))
    assert w.quantization is not None
    assert w.quantization.axis == 0
    assert b.quantization is not None
    assert b.quantization.axis == 0
    assert y.quantization is not None
    assert subgraph.tensors[6].is_variable
    conv, reshape, custom = subgraph.operators
    assert (conv.name, conv.version, conv.inputs, conv.outputs) == ("CONV_2D", 3, (0, 1, 2), (3,))
    assert conv.options == {
        "padding": "valid",
        "stride_w": 1,
        "stride_h": 2,
        "fused_activation_function": "none",
        "dilation_w_factor": 1,
        "dilation_h_factor": 1,
        "quantized_bias_type": "float32",
    }
    assert reshape.options == {"new_shape": (1, 32)}
    assert (custom.name, custom.custom, custom.inputs) == ("mine", True, (5, -1, 6))
    assert bytes(custom.custom_options) == b"options"


def test_weights_are_views_of_the_file() -> None:
    writable = bytearray(SMALL)
    data = read_model(writable).subgraphs[0].tensors[1].data
    assert data is not None
    before = data.copy()
    position = writable.index(before.tobytes())
    writable[position] ^= 1
    assert data.ravel()[0] == before.ravel()[0] ^ 1
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 0


def test_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(SMALL)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    data = read_model(mapped).subgraphs[0].tensors[1].data
    assert data is not None
    assert np.array_equal(data.ravel(), np.arange(54))


def test_appended_archive() -> None:
    model = read_model(SMALL + b"PK\3\4 labels.txt and so on")
    assert len(model.subgraphs[0].operators) == 3


def test_unknown_builtin() -> None:
    model = fields()
    model["operator_codes"][1].update(builtin_code=999, deprecated_builtin_code=127)
    operator = read(model).subgraphs[0].operators[1]
    assert (operator.name, operator.custom, operator.options) == ("BUILTIN_999", False, {})


def test_old_files_have_only_the_deprecated_code() -> None:
    model = fields()
    del model["operator_codes"][0]["builtin_code"]
    assert read(model).subgraphs[0].operators[0].name == "CONV_2D"


def test_options_left_out_are_defaults() -> None:
    model = fields()
    operator = model["subgraphs"][0]["operators"][0]
    operator.update(builtin_options=None, builtin_options_type=0)
    options = read(model).subgraphs[0].operators[0].options
    assert (options["padding"], options["dilation_w_factor"]) == ("same", 1)


def test_data_behind_the_flatbuffer() -> None:
    model = fields()
    weights = model["buffers"][1]["data"]
    model["buffers"][1] = {"offset": 2**40, "size": len(weights)}
    data = write_model(model)
    with pytest.raises(FormatError, match="inside the file"):
        read_model(data)
    model["buffers"][1]["offset"] = len(data)
    data = write_model(model) + weights
    tensor = read_model(data).subgraphs[0].tensors[1]
    assert tensor.data is not None
    assert tensor.data.tobytes() == weights


def test_custom_options_behind_the_flatbuffer() -> None:
    model = fields()
    operator = model["subgraphs"][0]["operators"][2]
    operator.update(
        custom_options=b"", large_custom_options_offset=2**40, large_custom_options_size=7
    )
    operator["large_custom_options_offset"] = len(write_model(model))
    data = write_model(model) + b"OPTIONS"
    assert bytes(read_model(data).subgraphs[0].operators[2].custom_options) == b"OPTIONS"


def test_signature() -> None:
    model = fields()
    model["signature_defs"] = [
        {
            "signature_key": "serving_default",
            "inputs": [{"name": "image", "tensor_index": 0}],
            "outputs": [{"name": "result", "tensor_index": 7}],
        }
    ]
    (signature,) = read(model).signatures
    assert (signature.key, signature.subgraph) == ("serving_default", 0)
    assert (signature.inputs, signature.outputs) == ({"image": 0}, {"result": 7})
    model["signature_defs"][0]["outputs"][0]["tensor_index"] = 8
    with pytest.raises(FormatError, match="signature 0"):
        read(model)


def test_sparse_tensor() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (4, 4), "float32", data=np.array([1, 2, 3], "<f4").tobytes())
    model = b.fields((), (x,))
    model["subgraphs"][0]["tensors"][0]["sparsity"] = {
        "traversal_order": (0, 1),
        "dim_metadata": [
            {"format": "dense", "dense_size": 4},
            {
                "format": "sparse_csr",
                "array_segments_type": 1,
                "array_segments": ("Int32Vector", {"values": (0, 1, 1, 3, 3)}),
                "array_indices_type": 3,
                "array_indices": ("Uint8Vector", {"values": (2, 0, 3)}),
            },
        ],
    }
    tensor = read(model).subgraphs[0].tensors[0]
    assert tensor.data is not None
    assert tensor.data.tolist() == [1, 2, 3]
    assert tensor.sparsity is not None
    assert tensor.sparsity.traversal_order == (0, 1)
    dense, sparse = tensor.sparsity.dimensions
    assert (dense.format, dense.dense_size, dense.segments) == ("dense", 4, None)
    assert sparse.segments is not None
    assert (sparse.segments.dtype, sparse.segments.tolist()) == (np.int32, [0, 1, 1, 3, 3])
    assert sparse.indices is not None
    assert (sparse.indices.dtype, sparse.indices.tolist()) == (np.uint8, [2, 0, 3])


def test_constant_without_elements() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1,), "float32")
    shape = b.tensor("shape", (0,), "int32", data=np.zeros(0, np.int32))
    y = b.tensor("y", (), "float32")
    b.operator("RESHAPE", (x, shape), (y,))
    tensor = read_model(b.finish((x,), (y,))).subgraphs[0].tensors[shape]
    assert tensor.data is not None
    assert (tensor.data.shape, tensor.data.dtype) == ((0,), np.int32)


def test_packed_and_unsized_types() -> None:
    b = ModelBuilder()
    b.tensor("packed", (5,), "INT4", scale=1.0, data=b"\x21\x43\x05")
    b.tensor("text", (1,), "STRING", data=b"\1\0\0\0\x0c\0\0\0\x0e\0\0\0hi")
    b.tensor("half", (2,), "BFLOAT16", data=b"\0\0\x80\x3f")
    packed, text_, half = read_model(b.finish((), (0, 1, 2))).subgraphs[0].tensors
    assert (packed.dtype, packed.type_name) == (None, "INT4")
    assert packed.data is not None
    assert packed.data.tolist() == [0x21, 0x43, 0x05]
    assert text_.data is not None
    assert text_.data.size == 14
    assert half.data is not None
    assert half.data.size == 4


def quantized(dtype: str, shape: tuple[int, ...], **parameters: Any) -> Tensor:
    b = ModelBuilder()
    b.tensor("t", shape, dtype)
    model = b.fields((0,), (0,))
    model["subgraphs"][0]["tensors"][0]["quantization"] = parameters
    return read(model).subgraphs[0].tensors[0]


def test_no_quantization() -> None:
    assert quantized("int8", (2,)).quantization is None
    assert quantized("float32", (2,), scale=(0.0,), zero_point=(0,)).quantization is None


def test_zero_points_left_out_are_zeros() -> None:
    parameters = quantized("int8", (2, 3), scale=(1.0, 2.0, 3.0), quantized_dimension=1)
    assert parameters.quantization is not None
    assert parameters.quantization.zero_point.tolist() == [0, 0, 0]
    assert parameters.quantization.axis == 1


def test_one_scale_needs_no_axis() -> None:
    parameters = quantized("int8", (2, 3), scale=(1.0,), quantized_dimension=7)
    assert parameters.quantization is not None
    assert parameters.quantization.axis == 0


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("channels", [1, 3])
def test_bad_scale(scale: float, channels: int) -> None:
    scales = (*[1.0] * (channels - 1), scale)
    with pytest.raises(QuantizationError, match=r"m\.tflite: subgraph 0, tensor 0 't': .*scale"):
        quantized("int8", (channels,), scale=scales)


@pytest.mark.parametrize(
    ("dtype", "zero_point"), [("int8", 128), ("uint8", -1), ("int16", 1 << 15), ("int8", -(2**63))]
)
def test_bad_zero_point(dtype: str, zero_point: int) -> None:
    with pytest.raises(QuantizationError, match="zero points from"):
        quantized(dtype, (1,), scale=(1.0,), zero_point=(zero_point,))


@pytest.mark.parametrize(
    ("shape", "parameters", "message"),
    [
        ((2, 3), {"scale": (1.0, 1.0), "zero_point": (0,)}, "as many zero points as scales"),
        ((2, 3), {"scale": (1.0, 1.0), "quantized_dimension": 2}, "quantized dimension"),
        ((2, 3), {"scale": (1.0, 1.0), "quantized_dimension": -1}, "quantized dimension"),
        ((2, 3), {"scale": (1.0, 1.0), "quantized_dimension": 1}, "expected 3 scales"),
        ((), {"scale": (1.0, 1.0)}, "quantized dimension"),
        ((3,), {"scale": (1.0, 1.0)}, "expected 3 scales"),
    ],
)
def test_quantization_that_does_not_fit(
    shape: tuple[int, ...], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        quantized("int8", shape, **parameters)


def test_quantization_that_edgerun_does_not_have() -> None:
    with pytest.raises(UnsupportedOperatorError, match="blockwise"):
        quantized("int8", (4,), details_type=2)


# Files that are wrong in one place: where, what is put there, and what the message says.
GRAPH, TENSOR, OPERATOR = "subgraphs", "tensors", "operators"
WRONG: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("version",), 2, "schema version 3, got 2"),
    (("subgraphs",), [], "at least one subgraph"),
    (("operator_codes", 2, "custom_code"), "", "operator code 2: expected a custom code"),
    (("metadata", 0, "buffer"), 99, "metadata 0: expected a buffer index below 5, got 99"),
    ((GRAPH, 0, "inputs"), (9,), "subgraph 0: expected input 0 to be a tensor index"),
    ((GRAPH, 0, "inputs"), (-1,), "from 0 to 7, got -1"),
    ((GRAPH, 0, "inputs"), (0, 0), "at most once among its inputs"),
    ((GRAPH, 0, "inputs"), (0, 1), "tensor 1 'w': expected a constant"),
    ((GRAPH, 0, "inputs"), (), r"operator 0 CONV_2D: expected its inputs .* got tensor 0 'x'"),
    ((GRAPH, 0, "outputs"), (8,), "expected output 0"),
    ((GRAPH, 0, TENSOR, 1, "buffer"), 77, "tensor 1 'w': expected a buffer index"),
    ((GRAPH, 0, TENSOR, 1, "shape"), (2, 3, 3, 4), r"expected 72 bytes .* \[2, 3, 3, 4\], got 54"),
    ((GRAPH, 0, TENSOR, 1, "shape"), (2, -3, 3, -3), "dimensions of at least 0"),
    ((GRAPH, 0, TENSOR, 0, "shape"), (2**31 - 1,) * 4, "2\\*\\*63"),
    ((GRAPH, 0, TENSOR, 0, "shape"), (0, *(2**31 - 1,) * 3), "2\\*\\*63"),
    ((GRAPH, 0, TENSOR, 0, "shape"), (1,) * 33, "at most 32 dimensions"),
    ((GRAPH, 0, TENSOR, 0, "shape_signature"), (-1, 4), "shape signature of 4 dimensions"),
    ((GRAPH, 0, TENSOR, 0, "shape_signature"), (-2, 4, 4, 3), "at least -1"),
    ((GRAPH, 0, TENSOR, 6, "is_variable"), False, "operator 2 mine: .* tensor 6 'state'"),
    ((GRAPH, 0, OPERATOR, 0, "opcode_index"), 3, "operator 0: expected an opcode index below 3"),
    ((GRAPH, 0, OPERATOR, 0, "inputs"), (0, 1, 8), "operator 0 CONV_2D: expected input 2"),
    ((GRAPH, 0, OPERATOR, 0, "inputs"), (-2, 1, 2), "from -1 to 7, got -2"),
    ((GRAPH, 0, OPERATOR, 0, "outputs"), (-1,), "from 0 to 7, got -1"),
    ((GRAPH, 0, OPERATOR, 0, "outputs"), (5,), "operator 1 RESHAPE: expected its inputs"),
    ((GRAPH, 0, OPERATOR, 0, "outputs"), (3, 3), "nothing else writes, got tensor 3 'y'"),
    ((GRAPH, 0, OPERATOR, 0, "outputs"), (0,), "nothing else writes, got tensor 0 'x'"),
    ((GRAPH, 0, OPERATOR, 0, "outputs"), (1,), "tensor 1 'w': expected a constant"),
    ((GRAPH, 0, OPERATOR, 0, "intermediates"), (8,), "expected intermediate 0"),
    ((GRAPH, 0, OPERATOR, 0, "builtin_options_type"), 2, "type 1 \\(Conv2DOptions\\)"),
    ((GRAPH, 0, OPERATOR), [], "subgraph 0: expected its outputs .* tensor 7 'custom'"),
]


@pytest.mark.parametrize(("place", "value", "message"), WRONG)
def test_wrong_file(place: tuple[str | int, ...], value: Any, message: str) -> None:
    model: Any = fields()
    target = model
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    with pytest.raises(FormatError, match=message) as caught:
        read(model)
    assert str(caught.value).startswith("m.tflite: ")


def test_messages_do_not_grow_with_the_file() -> None:
    model = fields()
    model["subgraphs"][0]["tensors"][1].update(name="w" * 10_000, shape=(1,))
    with pytest.raises(FormatError) as caught:
        read(model)
    assert len(str(caught.value)) < 300


def test_external_buffer() -> None:
    model = fields()
    model["subgraphs"][0]["tensors"][1]["external_buffer"] = 1
    with pytest.raises(UnsupportedOperatorError, match="external file"):
        read(model)


def test_bool_data_of_other_values() -> None:
    b = ModelBuilder()
    b.tensor("flag", (2,), "bool", data=b"\1\2")
    with pytest.raises(FormatError, match="0 and 1"):
        read_model(b.finish((), (0,)))


def enum_out_of_range() -> bytes:
    """SMALL with the padding of its convolution made 9.

    The byte is found by what changes in the file with the stride: bytes come behind wider fields,
    so the next 1 is the padding.
    """
    other = fields()
    _, options = other["subgraphs"][0]["operators"][0]["builtin_options"]
    other["subgraphs"][0]["operators"][0]["builtin_options"] = (
        "Conv2DOptions",
        options | {"stride_w": 77},
    )
    changed = write_model(other)
    (stride,) = (i for i, (a, b) in enumerate(zip(SMALL, changed, strict=True)) if a != b)
    damaged = bytearray(SMALL)
    damaged[damaged.index(1, stride + 4)] = 9
    return bytes(damaged)


def test_enum_out_of_range() -> None:
    with pytest.raises(FormatError, match="Padding from 0 to 1"):
        read_model(enum_out_of_range())


def call(target: int) -> dict[str, Any]:
    """A subgraph that only calls another."""
    return {
        "operators": [
            {
                "opcode_index": 0,
                "builtin_options_type": schema.TABLES["CallOptions"].code,
                "builtin_options": ("CallOptions", {"subgraph": target}),
            }
        ]
    }


def calling(*targets: int) -> Model:
    code = schema.OPERATOR_CODES["CALL"]
    codes_ = [{"deprecated_builtin_code": code, "builtin_code": code}]
    return read(
        {
            "version": 3,
            "operator_codes": codes_,
            "subgraphs": [*(call(target) for target in targets), {}],
        }
    )


def test_calls() -> None:
    assert len(calling(1, 2).subgraphs) == 3
    assert isinstance(calling(1, 2).subgraphs[2], SubGraph)
    with pytest.raises(FormatError, match=r"operator 0 CALL: .* below 2, got 5"):
        calling(5)
    with pytest.raises(FormatError, match="do not call themselves"):
        calling(0)
    with pytest.raises(FormatError, match="do not call themselves"):
        calling(1, 2, 1)


def test_a_deep_chain_of_calls() -> None:
    assert len(calling(*range(1, MAX_CALLS)).subgraphs) == MAX_CALLS
    with pytest.raises(FormatError, match=f"calls at most {MAX_CALLS} deep, got one that is 5000 deep"):
        calling(*range(1, 5001))


# Damage.


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(8), b"\0\0\0\0TFL3", b"\xff\xff\xff\xffTFL3"])
def test_no_model(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_model(data)


def test_truncated() -> None:
    assert loads_or_fails(SMALL)
    assert not any(loads_or_fails(SMALL[:length]) for length in range(len(SMALL) - 16))


def test_every_byte_damaged() -> None:
    for position, value in itertools.product(range(len(SMALL)), (0, 1, 0x7F, 0x80, 0xFF)):
        damaged = bytearray(SMALL)
        damaged[position] = value
        loads_or_fails(bytes(damaged))


def test_random_damage() -> None:
    rng = random.Random(1)
    loaded = 0
    for _ in range(5000):
        damaged = bytearray(SMALL)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        loaded += loads_or_fails(bytes(damaged))
    assert 0 < loaded < 5000


@pytest.mark.parametrize("what", ["tensors", "operators"])
def test_the_same_bytes_again_and_again(what: str) -> None:
    model = fields()
    subgraph = model["subgraphs"][0]
    subgraph[what] = subgraph[what] + [subgraph[what][-1]] * 300_000
    shared = SharingBuilder(schema.SCHEMA)
    data = shared.finish(shared.table(schema.TABLES["Model"], model))
    tracemalloc.start()
    with pytest.raises(FormatError, match="again and again"):
        read_model(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(data) + (32 << 20)
