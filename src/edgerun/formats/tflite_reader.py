"""A bounded reader of TFLite files: tables become the dataclasses of `tflite_model`.

Nothing in a file is believed: `flatbuffer` checks each offset and length before it is followed,
each index is checked here, and the memory that the result takes is counted.
"""

from __future__ import annotations

from mmap import mmap
from typing import Any, NamedTuple

from edgerun.formats import tflite_schema as schema
from edgerun.formats.flatbuffer import MAX_SHOWN, FlatBuffer, Vector
from edgerun.formats.flatbuffer_schema import Table
from edgerun.formats.tflite_checks import check_calls, check_order
from edgerun.formats.tflite_model import Model, Operator, Signature, SubGraph
from edgerun.formats.tflite_schema import TABLES
from edgerun.formats.tflite_tensors import read_buffer, read_tensor


def read_model(data: bytes | bytearray | memoryview | mmap, *, path: str = "<bytes>") -> Model:
    """Reads a TFLite file from its bytes; `path` is used in messages only.

    Raises FormatError where the bytes are not a sound TFLite model, QuantizationError where a scale
    or zero point means nothing, and UnsupportedOperatorError where the weights are kept in a way
    that edgerun does not have (blockwise quantization, external files).
    """
    file = FlatBuffer(data, path, schema.SCHEMA)
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
    check_calls(file, subgraphs)
    metadata = _metadata(file, root["metadata"], buffers)
    signatures = _signatures(file, root["signature_defs"], subgraphs)
    return Model(path, root["version"], root["description"], tuple(subgraphs), metadata, signatures)


class _OperatorCode(NamedTuple):
    name: str
    custom: bool
    version: int
    options: Table | None


def _operator_codes(file: FlatBuffer, vector: Vector) -> list[_OperatorCode]:
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


def _subgraph(
    file: FlatBuffer, index: int, position: int, codes: list[_OperatorCode], buffers: Vector
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
        tensors.append(read_tensor(file, number, at, buffers, number in computed))
    subgraph = SubGraph(fields["name"], tuple(tensors), tuple(operators), inputs, outputs)
    check_order(file, place, subgraph)
    return subgraph


def _indices(
    file: FlatBuffer, view: memoryview, count: int, role: str, *, optional: bool = False
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
    file: FlatBuffer, index: int, position: int, codes: list[_OperatorCode], tensors: int
) -> Operator:
    file.spend(600)
    fields = file.table(position, TABLES["Operator"])
    opcode = fields["opcode_index"]
    if opcode >= len(codes):
        file.fail(f"expected an opcode index below {len(codes)}, got {opcode}")
    code = codes[opcode]
    file.place += f" {code.name[:MAX_SHOWN]}"
    custom_options: memoryview = fields["custom_options"]
    if not len(custom_options):
        custom_options = file.outside(
            fields["large_custom_options_offset"], fields["large_custom_options_size"]
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


def _options(file: FlatBuffer, operator: dict[str, Any], table: Table | None) -> dict[str, Any]:
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


def _metadata(file: FlatBuffer, vector: Vector, buffers: Vector) -> dict[str, memoryview]:
    metadata: dict[str, memoryview] = {}
    for index in range(vector.length):
        file.place = f"metadata {index}"
        file.spend(400)
        fields = file.table(file.element(vector, index), TABLES["Metadata"])
        # Tools have added a blank second entry of a name: the first is the one to keep.
        metadata.setdefault(fields["name"], read_buffer(file, buffers, fields["buffer"]))
    return metadata


def _signatures(
    file: FlatBuffer, vector: Vector, subgraphs: list[SubGraph]
) -> tuple[Signature, ...]:
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


def _tensor_map(file: FlatBuffer, vector: Vector, count: int) -> dict[str, int]:
    names = {}
    for index in range(vector.length):
        file.spend(200)
        fields = file.table(file.element(vector, index), TABLES["TensorMap"])
        if fields["tensor_index"] >= count:
            file.fail(f"expected a tensor index below {count}, got {fields['tensor_index']}")
        names[fields["name"]] = fields["tensor_index"]
    return names
