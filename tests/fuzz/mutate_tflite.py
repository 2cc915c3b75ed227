"""Changes to models: to the bytes of a file, to single fields, and to several that belong together."""

from __future__ import annotations

import copy
import math
import random
import struct
from collections.abc import Callable
from typing import Any

from edgerun.errors import EdgerunError
from edgerun.formats import tflite_schema as schema
from edgerun.formats.flatbuffer_schema import Field
from edgerun.formats.tflite_schema import TABLES
from edgerun.formats.tflite_writer import write_model
from fuzz.decode_tflite import Fields, decode
from fuzz.values import FLOATS, TEXTS, changed_bytes, changed_data, integer, near


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A file like the sound one of `data`, with one to four changes."""
    if rng.random() < 0.15:
        return changed_bytes(data, rng)
    model = decode(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        change = rng.choice(_CHANGES)
        changed = copy.deepcopy(model)
        change(changed, rng)
        try:
            write_model(changed)
        except (EdgerunError, struct.error, OverflowError):
            continue  # it cannot be written
        model = changed
    written = write_model(model)
    return changed_bytes(written, rng) if rng.random() < 0.05 else written


# -- single fields --


def _scalar(field: Field, old: Any, rng: random.Random) -> Any:
    if field.format == "f":
        return rng.choice(FLOATS)
    return integer(field.format, rng) if old is None else near(int(old), field.format, rng)


def _change(values: Fields, field: Field, rng: random.Random) -> None:
    value = _changed_value(field, values.get(field.name), rng)
    if value is None:
        values.pop(field.name, None)
    else:
        values[field.name] = value


def _changed_value(field: Field, old: Any, rng: random.Random) -> Any:
    """Another value for a field; None leaves it out."""
    if rng.random() < 0.08:
        return None
    if field.kind == "scalar":
        return _scalar(field, old, rng)
    if field.kind == "bool":
        return not old
    if field.kind == "enum":
        return rng.choice(field.names)
    if field.kind == "string":
        return rng.choice((*TEXTS, str(old)[:-1]))
    if field.kind == "vector" and field.of == "uint8":
        return changed_data(old or b"", rng)
    if field.kind == "vector":
        values = list(old or ())
        kind = rng.randrange(5)
        if kind <= 1 and values:
            at = rng.randrange(len(values))
            values[at] = _scalar(field, values[at], rng)
        elif kind == 2:
            values.insert(rng.randint(0, len(values)), _scalar(field, None, rng))
        elif kind == 3 and values:
            del values[rng.randrange(len(values))]
        else:
            rng.shuffle(values)
        return values
    if field.kind == "tables":
        items = list(old or ())
        kind = rng.randrange(4)
        if items and kind == 0:
            del items[rng.randrange(len(items))]
        elif items and kind == 1:
            items.insert(rng.randint(0, len(items)), copy.deepcopy(rng.choice(items)))
        elif items:
            i, j = rng.randrange(len(items)), rng.randrange(len(items))
            items[i], items[j] = items[j], items[i]
        return items
    return old


def _tables(name: str, values: Fields, found: list[tuple[str, Fields]]) -> None:
    """Every table below one, with its name."""
    found.append((name, values))
    for field in TABLES[name].fields:
        value = values.get(field.name)
        if value is None:
            continue
        if field.kind == "table":
            _tables(field.of, value, found)
        elif field.kind == "tables":
            for item in value:
                _tables(field.of, item, found)
        elif field.kind == "union":
            _tables(value[0], value[1], found)


def _field(model: Fields, rng: random.Random) -> None:
    """One field of one table, each kind of table as likely as another."""
    found: list[tuple[str, Fields]] = []
    _tables("Model", model, found)
    name = rng.choice(sorted({name for name, _ in found}))
    values = rng.choice([v for n, v in found if n == name])
    fields = TABLES[name].fields
    if fields:
        _change(values, rng.choice(fields), rng)


def _option(model: Fields, rng: random.Random) -> None:
    """An option of an operator."""
    found: list[tuple[str, Fields]] = []
    _tables("Model", model, found)
    options = [(n, v) for n, v in found if TABLES[n].union and TABLES[n].fields]
    if options:
        name, values = rng.choice(options)
        _change(values, rng.choice(TABLES[name].fields), rng)


# -- what belongs together --


def _graphs(model: Fields) -> list[Fields]:
    return [graph for graph in model.get("subgraphs", []) if graph.get("tensors")]


def _some_tensor(model: Fields, rng: random.Random) -> tuple[Fields, int] | None:
    graphs = _graphs(model)
    if not graphs:
        return None
    graph = rng.choice(graphs)
    return graph, rng.randrange(len(graph["tensors"]))


def _bits(tensor: Fields) -> int:
    return schema.TENSOR_TYPES[schema.TENSOR_TYPE_CODES[tensor.get("type", "float32").upper()]].bits


def _fit(model: Fields, tensor: Fields, rng: random.Random) -> None:
    """Gives a constant a buffer of the size that its shape needs."""
    buffers, at = model.get("buffers", []), tensor.get("buffer", 0)
    size = math.prod(tensor.get("shape", [])) * _bits(tensor) // 8
    if 0 < at < len(buffers) and buffers[at].get("data") and 0 < size < 1 << 16:
        data = bytes(buffers[at]["data"])
        buffers.append({"data": (data * (size // len(data) + 1))[:size]})
        tensor["buffer"] = len(buffers) - 1


def _dimension(model: Fields, rng: random.Random) -> None:
    """A size, everywhere where it is, as if the model were made for another one."""
    sizes = sorted({d for g in _graphs(model) for t in g["tensors"] for d in t.get("shape", [])})
    if not sizes:
        return
    old, new = rng.choice(sizes), integer("i", rng)
    for graph in _graphs(model):
        for tensor in graph["tensors"]:
            if old in tensor.get("shape", []):
                tensor["shape"] = [new if d == old else d for d in tensor["shape"]]
                _fit(model, tensor, rng)


def _shape(model: Fields, rng: random.Random) -> None:
    """The shape of one tensor, with a buffer that fits."""
    some = _some_tensor(model, rng)
    if some is not None:
        graph, i = some
        tensor = graph["tensors"][i]
        field = next(f for f in TABLES["Tensor"].fields if f.name == "shape")
        tensor["shape"] = _changed_value(field, tensor.get("shape"), rng) or []
        _fit(model, tensor, rng)


def _open_shapes(model: Fields, rng: random.Random) -> None:
    """Outputs without a declared shape, which then is what the operators say."""
    for graph in _graphs(model):
        for operator in graph.get("operators", []):
            for i in operator.get("outputs", []):
                if 0 <= i < len(graph["tensors"]):
                    tensor = graph["tensors"][i]
                    tensor["shape_signature"] = [-1] * len(tensor.get("shape", []))


def _dtype(model: Fields, rng: random.Random) -> None:
    """A type, everywhere where it is, or of one tensor."""
    some = _some_tensor(model, rng)
    if some is None:
        return
    graph, i = some
    names = tuple(kind.name.lower() for kind in schema.TENSOR_TYPES)
    old, new = graph["tensors"][i].get("type", "float32"), rng.choice(names)
    everywhere = rng.random() < 0.6
    for k, tensor in enumerate(graph["tensors"]):
        if k == i or (everywhere and tensor.get("type", "float32") == old):
            tensor["type"] = new
            _fit(model, tensor, rng)


def _quantization(model: Fields, rng: random.Random) -> None:
    """Scales and zero points of one tensor, or of all."""
    some = _some_tensor(model, rng)
    if some is None:
        return
    graph, i = some
    scale = rng.choice(FLOATS) if rng.random() < 0.5 else 2.0 ** rng.randint(-30, 30)
    for k, tensor in enumerate(graph["tensors"]):
        if k != i and rng.random() < 0.7:
            continue
        count = len(tensor.get("quantization", {}).get("scale", [0]))
        zero = rng.choice((0, 0, 1, -1, 127, -128, 255, 32767, integer("q", rng)))
        kind = rng.randrange(4)
        if kind == 0:
            tensor.pop("quantization", None)
        else:
            tensor["quantization"] = {
                "scale": [scale * (1 + j % 3) for j in range(count)],
                "zero_point": [zero] * count,
                "quantized_dimension": rng.choice((0, 0, 0, 1, 2, 3)),
            }


def _rewire(model: Fields, rng: random.Random) -> None:
    """An operand, result or port becomes another tensor."""
    graphs = [g for g in _graphs(model) if g.get("operators")]
    if not graphs:
        return
    graph = rng.choice(graphs)
    holder = rng.choice([graph, *graph["operators"]])
    role = rng.choice(("inputs", "inputs", "outputs"))
    values = list(holder.get(role, []))
    tensor = rng.randrange(-1, len(graph["tensors"]))
    if values and rng.random() < 0.8:
        values[rng.randrange(len(values))] = tensor
    else:
        values.append(tensor)
    holder[role] = values


def _operator(model: Fields, rng: random.Random) -> None:
    """An operator code becomes that of another operator, with its default options."""
    codes = model.get("operator_codes")
    if not codes:
        return
    at = rng.randrange(len(codes))
    name = rng.choice([n for n in schema.OPERATORS if n not in ("CUSTOM", "DELEGATE")])
    code = schema.OPERATOR_CODES[name]
    codes[at] = {"deprecated_builtin_code": min(code, 127), "builtin_code": code, "version": 1}
    table = schema.OPTIONS.get(name)
    for graph in _graphs(model):
        for operator in graph.get("operators", []):
            if operator.get("opcode_index", 0) == at:
                for union in ("builtin_options", "builtin_options_2"):
                    operator.pop(union, None)
                    operator.pop(union + "_type", None)
                if table is not None and table.fields:
                    operator[table.union + "_type"] = table.code
                    operator[table.union] = (table.name, {})


def _port(model: Fields, rng: random.Random) -> None:
    """A constant becomes an input, an input a constant or a variable, any tensor an output."""
    some = _some_tensor(model, rng)
    if some is None:
        return
    graph, i = some
    tensor, inputs = graph["tensors"][i], list(graph.get("inputs", []))
    kind = rng.randrange(4)
    if kind == 0:
        tensor["buffer"] = 0
        graph["inputs"] = [*inputs, i]
    elif kind == 1 and inputs:
        i = rng.choice(inputs)
        graph["inputs"] = [j for j in inputs if j != i]
        tensor = graph["tensors"][i] if 0 <= i < len(graph["tensors"]) else {}
        size = math.prod(tensor.get("shape", [])) * _bits(tensor) // 8
        if 0 < size < 1 << 16:
            model.setdefault("buffers", [{}]).append({"data": rng.randbytes(size)})
            tensor["buffer"] = len(model["buffers"]) - 1
    elif kind == 2:
        tensor["is_variable"], tensor["buffer"] = True, 0
        graph["inputs"] = [j for j in inputs if j != i]
    else:
        graph["outputs"] = [*graph.get("outputs", []), i]


def _content(model: Fields, rng: random.Random) -> None:
    """The elements of a constant, small ones (axes, shapes) above all."""
    buffers = [b for b in model.get("buffers", []) if b.get("data")]
    if buffers:
        small = [b for b in buffers if len(b["data"]) <= 32]
        buffer = rng.choice(small if small and rng.random() < 0.7 else buffers)
        size = len(buffer["data"])
        data = changed_data(bytes(buffer["data"]), rng)
        buffer["data"] = data.ljust(size, b"\0")[:size] if data else buffer["data"]


_CHANGES: tuple[Callable[[Fields, random.Random], None], ...] = (
    _field,
    _field,
    _option,
    _option,
    _dimension,
    _shape,
    _open_shapes,
    _dtype,
    _quantization,
    _rewire,
    _operator,
    _port,
    _content,
    _content,
)
