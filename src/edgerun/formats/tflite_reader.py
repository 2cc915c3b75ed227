"""A bounded reader of TFLite files.

Nothing in a file is believed: each offset, length and index is checked before it is followed, and
the memory and work that a file may ask for is limited by its size. Weights are not copied; the
arrays are read-only views of the file's bytes, which stay alive as long as one of them does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from mmap import mmap
from struct import Struct, unpack_from
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgerun.errors import FormatError, ModelError, QuantizationError, UnsupportedOperatorError
from edgerun.formats import tflite_schema as schema
from edgerun.formats.tflite_schema import TABLES, Field, Table, TensorType

_MAX_RANK = 32  # what every supported numpy can hold
_MAX_BITS = 8 * (2**63 - 1)
_MAX_SHOWN = 80  # characters of a file's names in messages
_NO_BYTES = memoryview(b"")


@dataclass(frozen=True, slots=True)
class TensorQuantization:
    """Real value = scale * (stored - zero_point).

    `scale` (float32) and `zero_point` (int64) have the same length: 1 for the whole tensor, or
    the size of dimension `axis`.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int


@dataclass(frozen=True, slots=True)
class SparseDimension:
    """One dimension of a sparse tensor: "dense" with its size, or "sparse_csr" with its vectors."""

    format: str
    dense_size: int
    segments: NDArray[Any] | None
    indices: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Sparsity:
    """How the data of a sparse tensor are laid out: the fields of the file, not interpreted."""

    traversal_order: tuple[int, ...]
    block_map: tuple[int, ...]
    dimensions: tuple[SparseDimension, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a subgraph.

    `dtype` is None for types that numpy has not (`type_name` tells: "INT4", "STRING", ...).
    `data` is None unless the tensor is a constant. It has the tensor's shape and dtype; where
    `dtype` is None it is the raw bytes (uint8), and where `sparsity` is given it is the stored
    elements in one dimension. It may be unaligned where the file is.
    `shape_signature` has -1 for dimensions that may change.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...] | None
    dtype: np.dtype[Any] | None
    type_name: str
    quantization: TensorQuantization | None
    data: NDArray[Any] | None
    is_variable: bool
    sparsity: Sparsity | None


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a subgraph.

    `name` is the builtin's ("CONV_2D", or "BUILTIN_<code>" where the code is not known), or the
    code of a custom operator. `inputs` and `intermediates` have -1 for one that is absent.
    `options` has each field of the operator's options table, by default where the file has none.
    """

    index: int
    name: str
    custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]
    custom_options: memoryview
    intermediates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SubGraph:
    """One graph: operators in an order in which they can run; inputs and outputs by index."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """A named entry: names of inputs and outputs -> tensor indices of one subgraph."""

    key: str
    subgraph: int
    inputs: dict[str, int]
    outputs: dict[str, int]


@dataclass(frozen=True, slots=True)
class Model:
    """A TFLite file. `metadata` are the bytes of its metadata buffers by name."""

    path: str
    version: int
    description: str
    subgraphs: tuple[SubGraph, ...]
    metadata: dict[str, memoryview]
    signatures: tuple[Signature, ...]


def read_model(data: bytes | bytearray | memoryview | mmap, *, path: str = "<bytes>") -> Model:
    """Reads a TFLite file from its bytes; `path` is used in messages only.

    Raises FormatError where the bytes are not a sound TFLite model, QuantizationError where a scale
    or zero point means nothing, and UnsupportedOperatorError where the weights are kept in a way
    that edgerun does not have (blockwise quantization, external files).
    """
    file = _File(data, path)
    root = file.root()
    if root["version"] != schema.VERSION:
        file.fail(f"expected schema version {schema.VERSION}, got {root['version']}")
    codes = _operator_codes(file, root["operator_codes"])
    buffers = root["buffers"]
    file.place = "model"
    if root["subgraphs"].length == 0:
        file.fail("expected at least one subgraph, got none")
    subgraphs = []
    for index in range(root["subgraphs"].length):
        position = file.element(root["subgraphs"], index)
        subgraphs.append(_subgraph(file, index, position, codes, buffers))
    _check_calls(file, subgraphs)
    metadata = _metadata(file, root["metadata"], buffers)
    signatures = _signatures(file, root["signature_defs"], subgraphs)
    return Model(path, root["version"], root["description"], tuple(subgraphs), metadata, signatures)


class _Vector(NamedTuple):
    """A vector of tables: the position of its first offset, and its length."""

    start: int
    length: int


def _layout(table: Table) -> tuple[tuple[Field | None, ...], dict[str, Any]]:
    """The fields of a table by slot, and what the ones that a file leaves out are read as."""
    slots: list[Field | None] = [None] * (1 + max((f.slot for f in table.fields), default=-1))
    for field in table.fields:
        slots[field.slot] = field
    empty = {"vector": _NO_BYTES, "tables": _Vector(0, 0)}
    return tuple(slots), {f.name: empty.get(f.kind, f.default) for f in table.fields}


_LAYOUTS = {name: _layout(table) for name, table in TABLES.items()}
_MAX_SLOTS = max(len(slots) for slots, _ in _LAYOUTS.values())
_INT32 = Struct("<i")
_UINT32 = Struct("<I")
_VTABLE = Struct("<HH")


class _File:
    """The bytes of a file and how far a reader may go in them.

    `place` says in messages what is being read. Offsets may point at the same bytes again and
    again, so the memory and work spent are counted against a budget.
    """

    def __init__(self, data: bytes | bytearray | memoryview | mmap, path: str) -> None:
        self.data = memoryview(data).toreadonly().cast("B")
        self.size = len(self.data)
        self.path = path
        self.place = "header"
        self._budget = 8 * self.size + (16 << 20)
        self._vtables: dict[int, tuple[int, ...]] = {}

    def fail(self, sentence: str, error: type[ModelError] = FormatError) -> NoReturn:
        raise error(f"{self.path}: {self.place}: {sentence}.")

    def spend(self, amount: int) -> None:
        """Counts bytes of memory (estimated) or bytes looked at."""
        self._budget -= amount
        if self._budget < 0:
            self.fail(
                f"expected a model that needs memory in proportion to its {self.size} bytes, got"
                " one whose parts refer to the same bytes again and again"
            )

    def root(self) -> dict[str, Any]:
        if self.size < 8:
            self.fail(f"expected a TFLite file of at least 8 bytes, got {self.size}")
        identifier = bytes(self.data[4:8])
        if identifier != schema.IDENTIFIER:
            self.fail(f"expected the file identifier {schema.IDENTIFIER!r}, got {identifier!r}")
        return self.table(_UINT32.unpack_from(self.data, 0)[0], TABLES["Model"])

    def table(self, position: int, table: Table) -> dict[str, Any]:
        """The fields of the table at a position, by name.

        Scalars, enums and strings are values; a vector of scalars is a memoryview of its elements;
        a table is its position (None if absent); a vector of tables is a _Vector.
        """
        fields, absent = _LAYOUTS[table.name]
        values = absent.copy()
        for field, offset in zip(fields, self._slots(position, table), strict=False):
            if offset and field is not None:
                values[field.name] = self._value(field, position + offset)
        return values

    def element(self, vector: _Vector, index: int) -> int:
        """The position of one table of a vector."""
        at = vector.start + 4 * index
        return at + int(_UINT32.unpack_from(self.data, at)[0])

    def ints(self, view: memoryview) -> tuple[int, ...]:
        self.spend(40 * len(view))
        return tuple(view)

    def _slots(self, position: int, table: Table) -> tuple[int, ...]:
        """The vtable of the table at a position: offsets of its fields, 0 for an absent one."""
        self.spend(64)
        if position > self.size - 4:
            self.fail(
                f"expected a {table.name} table inside the file of {self.size} bytes, got one at"
                f" byte {position}"
            )
        start = position - _INT32.unpack_from(self.data, position)[0]
        slots = self._vtables.get(start)
        if slots is None:
            if not 0 <= start <= self.size - 4:
                self.fail(
                    f"expected the vtable of a {table.name} inside the file of {self.size} bytes,"
                    f" got one at byte {start}"
                )
            length, _ = _VTABLE.unpack_from(self.data, start)
            if length < 4 or length % 2 or start + length > self.size:
                self.fail(
                    f"expected an even vtable length from 4 to the end of the file for a"
                    f" {table.name} at byte {position}, got {length}"
                )
            self.spend(8 * _MAX_SLOTS)
            slots = unpack_from(f"<{min(length // 2 - 2, _MAX_SLOTS)}H", self.data, start + 4)
            self._vtables[start] = slots
        return slots

    def _value(self, field: Field, at: int) -> Any:
        scalar, kind = field.scalar, field.kind
        if at + field.size > self.size:
            self._out_of_bounds(field, at, field.size)
        if kind == "scalar":
            return scalar.unpack_from(self.data, at)[0]
        if kind == "enum":
            code = scalar.unpack_from(self.data, at)[0]
            if not 0 <= code < len(field.names):
                self.fail(
                    f"expected a {field.of} from 0 to {len(field.names) - 1} as {field.name!r},"
                    f" got {code}"
                )
            return field.names[code]
        if kind == "bool":
            return bool(self.data[at])
        if kind == "vector":
            start, count = self._vector(field, at, scalar.size)
            return self.data[start : start + count * scalar.size].cast(field.format)
        if kind == "string":
            start, count = self._vector(field, at, 1)
            self.spend(64 + 2 * count)
            try:
                return str(self.data[start : start + count], "utf-8")
            except UnicodeDecodeError as error:
                self.fail(f"expected UTF-8 text as {field.name!r}, got bytes that are not: {error}")
        if kind == "tables":
            return _Vector(*self._vector(field, at, 4))
        return at + scalar.unpack_from(self.data, at)[0]  # a table or a union

    def _vector(self, field: Field, at: int, size: int) -> tuple[int, int]:
        """Position of the first element and length of the vector that `at` refers to."""
        start = at + _UINT32.unpack_from(self.data, at)[0]
        if start + 4 > self.size:
            self._out_of_bounds(field, start, 4)
        count = _UINT32.unpack_from(self.data, start)[0]
        if start + 4 + count * size > self.size:
            self._out_of_bounds(field, start + 4, count * size)
        return start + 4, count

    def _out_of_bounds(self, field: Field, at: int, size: int) -> NoReturn:
        self.fail(
            f"expected {field.name!r} inside the file of {self.size} bytes, got {size} bytes at"
            f" byte {at}"
        )


class _OperatorCode(NamedTuple):
    name: str
    custom: bool
    version: int
    options: Table | None


def _operator_codes(file: _File, vector: _Vector) -> list[_OperatorCode]:
    codes = []
    for index in range(vector.length):
        file.place = f"operator code {index}"
        file.spend(200)
        fields = file.table(file.element(vector, index), TABLES["OperatorCode"])
        # Files from before there were more than 127 operators have only the first of the two.
        code = max(fields["deprecated_builtin_code"], fields["builtin_code"])
        if code < 0:
            file.fail(f"expected an operator code of at least 0, got {code}")
        if code == schema.CUSTOM:
            name = fields["custom_code"]
            if not name:
                file.fail("expected a custom code, got none")
        else:
            known = code < len(schema.OPERATORS)
            name = schema.OPERATORS[code] if known else f"BUILTIN_{code}"
        custom = code == schema.CUSTOM
        options = None if custom else schema.OPTIONS.get(name)
        codes.append(_OperatorCode(name, custom, fields["version"], options))
    return codes


def _buffer(file: _File, buffers: _Vector, index: int) -> memoryview:
    """The bytes of a buffer, which are inside the flatbuffer or, in large files, behind it."""
    if index >= buffers.length:
        # Buffer 0 is the empty one by convention, and files exist that leave it out.
        if index == 0:
            return _NO_BYTES
        file.fail(f"expected a buffer index below {buffers.length}, got {index}")
    fields = file.table(file.element(buffers, index), TABLES["Buffer"])
    data: memoryview = fields["data"]
    if len(data):
        return data
    return _outside(file, fields["offset"], fields["size"])


def _outside(file: _File, offset: int, size: int) -> memoryview:
    """Bytes given by their position in the file; offsets 0 and 1 mean that there are none."""
    if offset <= 1 or size == 0:
        return _NO_BYTES
    if offset + size > file.size:
        file.fail(
            f"expected data inside the file of {file.size} bytes, got {size} bytes at byte {offset}"
        )
    return file.data[offset : offset + size]


def _subgraph(
    file: _File, index: int, position: int, codes: list[_OperatorCode], buffers: _Vector
) -> SubGraph:
    place = f"subgraph {index}"
    file.place = place
    file.spend(500)
    fields = file.table(position, TABLES["SubGraph"])
    count = fields["tensors"].length
    inputs = _indices(file, fields["inputs"], count, "input")
    outputs = _indices(file, fields["outputs"], count, "output")
    operators = []
    for number in range(fields["operators"].length):
        file.place = f"{place}, operator {number}"
        at = file.element(fields["operators"], number)
        operators.append(_operator(file, number, at, codes, count))
    computed = {tensor for operator in operators for tensor in operator.outputs}
    computed.update(inputs)
    tensors = []
    for number in range(count):
        file.place = f"{place}, tensor {number}"
        at = file.element(fields["tensors"], number)
        tensors.append(_tensor(file, number, at, buffers, number in computed))
    subgraph = SubGraph(fields["name"], tuple(tensors), tuple(operators), inputs, outputs)
    _check_order(file, place, subgraph)
    return subgraph


def _indices(
    file: _File, view: memoryview, count: int, role: str, *, optional: bool = False
) -> tuple[int, ...]:
    """Tensor indices, each in [0, count), or -1 too where one may be absent."""
    indices = file.ints(view)
    lowest = -1 if optional else 0
    for number, index in enumerate(indices):
        if not lowest <= index < count:
            file.fail(
                f"expected {role} {number} to be a tensor index from {lowest} to {count - 1},"
                f" got {index}"
            )
    return indices


def _operator(
    file: _File, index: int, position: int, codes: list[_OperatorCode], tensors: int
) -> Operator:
    file.spend(600)
    fields = file.table(position, TABLES["Operator"])
    opcode = fields["opcode_index"]
    if opcode >= len(codes):
        file.fail(f"expected an opcode index below {len(codes)}, got {opcode}")
    code = codes[opcode]
    file.place += f" {code.name[:_MAX_SHOWN]}"
    custom_options: memoryview = fields["custom_options"]
    if not len(custom_options):
        custom_options = _outside(
            file, fields["large_custom_options_offset"], fields["large_custom_options_size"]
        )
    return Operator(
        index,
        code.name,
        code.custom,
        code.version,
        _indices(file, fields["inputs"], tensors, "input", optional=True),
        _indices(file, fields["outputs"], tensors, "output"),
        _options(file, fields, code.options),
        custom_options,
        _indices(file, fields["intermediates"], tensors, "intermediate", optional=True),
    )


def _options(file: _File, operator: dict[str, Any], table: Table | None) -> dict[str, Any]:
    # Where a table has no fields it does not matter which one, if any, the file has.
    if table is None or not table.fields:
        return {}
    file.spend(100 * len(table.fields))
    union = operator[table.union + "_type"]
    position = operator[table.union]
    if union == 0 or position is None:
        return {field.name: field.default for field in table.fields}
    if union != table.code:
        file.fail(
            f"expected options of type {table.code} ({table.name}) in {table.union}, got type"
            f" {union}"
        )
    options = file.table(position, table)
    for field in table.fields:
        if field.kind == "vector" and field.of != "uint8":
            values = file.ints(options[field.name])
            options[field.name] = tuple(map(bool, values)) if field.of == "bool" else values
    return options


def _tensor(file: _File, index: int, position: int, buffers: _Vector, computed: bool) -> Tensor:
    file.spend(800)
    fields = file.table(position, TABLES["Tensor"])
    name = fields["name"]
    file.place += f" {name[:_MAX_SHOWN]!r}"
    if fields["external_buffer"]:
        file.fail("its data are in an external file", UnsupportedOperatorError)
    kind = schema.TENSOR_TYPES[schema.TENSOR_TYPE_CODES[fields["type"].upper()]]
    shape = _shape(file, fields["shape"], 0, "shape")
    signature = _shape(file, fields["shape_signature"], -1, "shape signature") or None
    if signature and len(signature) != len(shape):
        file.fail(
            f"expected a shape signature of {len(shape)} dimensions as the shape has, got"
            f" {len(signature)}"
        )
    if math.prod(max(size, 1) for size in shape) * max(kind.bits, 8) > _MAX_BITS:
        file.fail(f"expected a tensor of less than 2**63 bytes, got shape {list(shape)}")
    sparsity = None
    if fields["sparsity"] is not None:
        sparsity = _sparsity(file, fields["sparsity"])
    data = None
    content = _buffer(file, buffers, fields["buffer"])
    if len(content):
        if computed:
            file.fail("expected a constant to be neither an input nor computed, got one that is")
        data = _array(file, content, kind, shape, sparsity is not None)
    elif 0 in shape and kind.dtype is not None and not computed and not fields["is_variable"]:
        data = np.zeros(shape, kind.dtype)  # a constant of no elements: its empty buffer is right
        data.flags.writeable = False
    quantization = None
    if fields["quantization"] is not None:
        quantization = _quantization(file, fields["quantization"], kind, shape)
    return Tensor(
        index,
        name,
        shape,
        signature,
        kind.dtype,
        kind.name,
        quantization,
        data,
        fields["is_variable"],
        sparsity,
    )


def _shape(file: _File, view: memoryview, lowest: int, what: str) -> tuple[int, ...]:
    if len(view) > _MAX_RANK:
        file.fail(f"expected a {what} of at most {_MAX_RANK} dimensions, got {len(view)}")
    shape = tuple(view)
    if shape and min(shape) < lowest:
        file.fail(f"expected a {what} with dimensions of at least {lowest}, got {list(shape)}")
    return shape


def _array(
    file: _File, content: memoryview, kind: TensorType, shape: tuple[int, ...], sparse: bool
) -> NDArray[Any]:
    dtype = kind.dtype or np.dtype(np.uint8)
    size = -(-math.prod(shape) * kind.bits // 8)
    if sparse or not kind.bits:
        if len(content) % dtype.itemsize:
            file.fail(
                f"expected a multiple of {dtype.itemsize} bytes of data for {kind.name}, got"
                f" {len(content)}"
            )
    elif len(content) != size:
        file.fail(
            f"expected {size} bytes of data for {kind.name} {list(shape)}, got {len(content)}"
        )
    array: NDArray[Any] = np.frombuffer(content, dtype)
    if kind.name == "BOOL":
        file.spend(len(content))
        if array.view(np.uint8).max() > 1:
            file.fail("expected bool data of 0 and 1, got other values")
    return array if sparse or kind.dtype is None else array.reshape(shape)


def _quantization(
    file: _File, position: int, kind: TensorType, shape: tuple[int, ...]
) -> TensorQuantization | None:
    fields = file.table(position, TABLES["QuantizationParameters"])
    if fields["details_type"] in (schema.BLOCKWISE_QUANTIZATION, schema.MULTI_AXIS_QUANTIZATION):
        file.fail("its quantization is blockwise or over several axes", UnsupportedOperatorError)
    count = len(fields["scale"])
    zeros = len(fields["zero_point"])
    if count == 0:
        return None
    if zeros not in (0, count):
        file.fail(f"expected as many zero points as scales ({count}), got {zeros}")
    file.spend(400 + 16 * count)
    if count == 1 and fields["scale"][0] == 0 and "FLOAT" in kind.name:
        return None
    scale = np.frombuffer(fields["scale"], np.float32)
    lowest, highest = _range(fields["scale"], scale)
    if not (lowest > 0 and highest < math.inf):
        bad = lowest if not lowest > 0 else highest
        file.fail(f"expected finite scales above 0, got {bad}", QuantizationError)
    if zeros:
        zero_point = np.frombuffer(fields["zero_point"], np.int64)
        lowest, highest = _range(fields["zero_point"], zero_point)
        if kind.limits and not kind.limits[0] <= lowest <= highest <= kind.limits[1]:
            file.fail(
                f"expected zero points from {kind.limits[0]} to {kind.limits[1]} for {kind.name},"
                f" got {lowest} to {highest}",
                QuantizationError,
            )
    else:
        zero_point = np.zeros(count, np.int64)
        zero_point.flags.writeable = False
    return TensorQuantization(scale, zero_point, _axis(file, fields, count, shape))


def _range(view: memoryview, array: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest element, or NaN; without numpy for one, where its calls cost more."""
    if len(view) == 1:
        return view[0], view[0]
    return array.min().item(), array.max().item()


def _axis(file: _File, fields: dict[str, Any], count: int, shape: tuple[int, ...]) -> int:
    axis: int = fields["quantized_dimension"]
    inside = 0 <= axis < len(shape)
    if count == 1:
        return axis if inside else 0
    # A rank-1 tensor has no other axis; converters leave its weights' axis in a bias.
    if len(shape) == 1:
        axis, inside = 0, True
    if not inside:
        file.fail(
            f"expected a quantized dimension from 0 to {len(shape) - 1} for {count} scales, got"
            f" {axis}"
        )
    if shape[axis] != count:
        file.fail(f"expected {shape[axis]} scales as dimension {axis} has, got {count}")
    return axis


def _sparsity(file: _File, position: int) -> Sparsity:
    fields = file.table(position, TABLES["SparsityParameters"])
    dimensions = []
    for index in range(fields["dim_metadata"].length):
        file.spend(500)
        at = file.element(fields["dim_metadata"], index)
        dimension = file.table(at, TABLES["DimensionMetadata"])
        if dimension["dense_size"] < 0:
            file.fail(f"expected a dense size of at least 0, got {dimension['dense_size']}")
        dimensions.append(
            SparseDimension(
                dimension["format"],
                dimension["dense_size"],
                _index_vector(file, dimension, "array_segments"),
                _index_vector(file, dimension, "array_indices"),
            )
        )
    order = file.ints(fields["traversal_order"])
    return Sparsity(order, file.ints(fields["block_map"]), tuple(dimensions))


def _index_vector(file: _File, dimension: dict[str, Any], name: str) -> NDArray[Any] | None:
    union = dimension[name + "_type"]
    if union >= len(schema.SPARSE_INDEX_VECTORS):
        file.fail(
            f"expected a type of {name!r} below {len(schema.SPARSE_INDEX_VECTORS)}, got {union}"
        )
    table = schema.SPARSE_INDEX_VECTORS[union]
    if table is None or dimension[name] is None:
        return None
    values = file.table(dimension[name], table)["values"]
    dtype = np.dtype(table.fields[0].of)
    array: NDArray[Any] = np.frombuffer(values, dtype) if len(values) else np.empty(0, dtype)
    return array


def _check_order(file: _File, place: str, subgraph: SubGraph) -> None:
    """Each tensor is written once, by an operator that runs before those that read it."""
    tensors = subgraph.tensors
    file.place = place
    written = set(subgraph.inputs)
    if len(written) != len(subgraph.inputs):
        file.fail("expected each tensor at most once among its inputs, got one more than once")
    ready = written.union(
        tensor.index for tensor in tensors if tensor.data is not None or tensor.is_variable
    )
    ready.add(-1)
    for operator in subgraph.operators:
        for index in operator.inputs:
            if index not in ready:
                _at_operator(file, place, operator)
                file.fail(
                    "expected its inputs to be inputs of the subgraph, constants, variables or"
                    f" written by an earlier operator, got {_shown(tensors[index])}"
                )
        for index in operator.outputs:
            if index in written:
                _at_operator(file, place, operator)
                file.fail(
                    f"expected outputs that nothing else writes, got {_shown(tensors[index])}"
                )
            written.add(index)
            ready.add(index)
    for index in subgraph.outputs:
        if index not in ready:
            file.fail(
                f"expected its outputs to be written, got {_shown(tensors[index])} that is not"
            )


def _at_operator(file: _File, place: str, operator: Operator) -> None:
    file.place = f"{place}, operator {operator.index} {operator.name[:_MAX_SHOWN]}"


def _shown(tensor: Tensor) -> str:
    return f"tensor {tensor.index} {tensor.name[:_MAX_SHOWN]!r}"


def _check_calls(file: _File, subgraphs: list[SubGraph]) -> None:
    """Subgraphs that operators call exist, and none calls itself, not even through others."""
    calls: list[list[int]] = []
    for number, subgraph in enumerate(subgraphs):
        called: set[int] = set()
        for operator in subgraph.operators:
            for index in _called(operator):
                if not 0 <= index < len(subgraphs):
                    _at_operator(file, f"subgraph {number}", operator)
                    file.fail(f"expected a subgraph index below {len(subgraphs)}, got {index}")
                called.add(index)
        calls.append(sorted(called))
    callers = [0] * len(subgraphs)
    for targets in calls:
        for index in targets:
            callers[index] += 1
    free = [index for index, count in enumerate(callers) if count == 0]
    for caller in free:  # grows while it is walked
        for index in calls[caller]:
            callers[index] -= 1
            if callers[index] == 0:
                free.append(index)
    if len(free) < len(subgraphs):
        stuck = next(index for index, count in enumerate(callers) if count)
        file.place = f"subgraph {stuck}"
        file.fail("expected subgraphs that do not call themselves, got one that does")


def _called(operator: Operator) -> list[int]:
    """The subgraphs that an operator calls."""
    called: list[int] = []
    for name, value in operator.options.items():
        if name == "subgraph" or name.endswith("subgraph_index"):
            called.append(value)
        elif name in ("branch_subgraph_indices", "called_computations"):
            called.extend(value)
    return called


def _metadata(file: _File, vector: _Vector, buffers: _Vector) -> dict[str, memoryview]:
    metadata: dict[str, memoryview] = {}
    for index in range(vector.length):
        file.place = f"metadata {index}"
        file.spend(400)
        fields = file.table(file.element(vector, index), TABLES["Metadata"])
        # Tools have added a blank second entry of a name: the first is the one to keep.
        metadata.setdefault(fields["name"], _buffer(file, buffers, fields["buffer"]))
    return metadata


def _signatures(file: _File, vector: _Vector, subgraphs: list[SubGraph]) -> tuple[Signature, ...]:
    signatures = []
    for index in range(vector.length):
        file.place = f"signature {index}"
        file.spend(600)
        fields = file.table(file.element(vector, index), TABLES["SignatureDef"])
        subgraph = fields["subgraph_index"]
        if subgraph >= len(subgraphs):
            file.fail(f"expected a subgraph index below {len(subgraphs)}, got {subgraph}")
        count = len(subgraphs[subgraph].tensors)
        inputs = _tensor_map(file, fields["inputs"], count)
        outputs = _tensor_map(file, fields["outputs"], count)
        signatures.append(Signature(fields["signature_key"], subgraph, inputs, outputs))
    return tuple(signatures)


def _tensor_map(file: _File, vector: _Vector, count: int) -> dict[str, int]:
    names = {}
    for index in range(vector.length):
        file.spend(200)
        fields = file.table(file.element(vector, index), TABLES["TensorMap"])
        if fields["tensor_index"] >= count:
            file.fail(f"expected a tensor index below {count}, got {fields['tensor_index']}")
        names[fields["name"]] = fields["tensor_index"]
    return names
