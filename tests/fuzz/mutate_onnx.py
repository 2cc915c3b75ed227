"""Changes to ONNX models: to bytes, to any field of the protobuf, and to what belongs together."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, TensorProto, helper, numpy_helper
from onnx.checker import ValidationError

from edgerun.frontends.onnx_ops import IMPORTERS
from fuzz.values import FLOATS, TEXTS, changed_bytes, changed_data, integer, near, rearranged

_INTEGERS = {1: "i", 2: "q", 3: "I", 4: "Q"}  # formats of struct, by FieldDescriptor.cpp_type
_FLOAT, _DOUBLE, _BOOL, _ENUM, _STRING, _MESSAGE = 6, 5, 7, 8, 9, 10
_BYTES = 12  # FieldDescriptor.type
_LOCATIONS = ("weights.bin", "../weights.bin", "/etc/hostname", "/dev/zero", ".", "", "a\0b", "weights.bin/x")
# fmt: off
_ATTRIBUTES = (
    "axis", "axes", "perm", "pads", "strides", "dilations",
    "kernel_shape", "group", "alpha", "beta", "to", "mode",
    "auto_pad", "keepdims", "epsilon", "ceil_mode", "count_include_pad", "blocksize",
    "num_outputs", "batch_dims", "block_size", "split",
)
# fmt: on
_LARGEST = 1 << 16  # bytes of a constant that is made to fit a shape


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A file like the sound one of `data`, with one to four changes."""
    if rng.random() < 0.12:
        return changed_bytes(data, rng)
    model = ModelProto.FromString(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        changed = copy.deepcopy(model)
        try:
            rng.choice(_CHANGES)(changed, rng)
        except (LookupError, OverflowError, TypeError, ValueError, ValidationError):
            continue  # protobuf, numpy or onnx has no such value
        model = changed
    written = bytes(model.SerializeToString())
    return changed_bytes(written, rng) if rng.random() < 0.05 else written


# -- single fields --


def _messages(message: Any) -> Iterator[Any]:
    """A message and all those below it."""
    yield message
    for field, value in message.ListFields():
        if field.cpp_type == _MESSAGE:
            for inner in value if field.is_repeated else [value]:
                yield from _messages(inner)


def _scalar(field: Any, old: Any, rng: random.Random) -> Any:
    kind = field.cpp_type
    if kind in _INTEGERS:
        return near(old or 0, _INTEGERS[kind], rng)
    if kind in (_FLOAT, _DOUBLE):
        return rng.choice(FLOATS)
    if kind == _BOOL:
        return not old
    if kind == _ENUM:
        return rng.choice(field.enum_type.values).number
    if field.type == _BYTES:
        return changed_data(old or b"", rng)
    return rng.choice((*TEXTS, (old or "x")[:-1]))


def _field(model: ModelProto, rng: random.Random) -> None:
    """One field of one message, each kind of message as likely as another."""
    found = list(_messages(model))
    kind = rng.choice(sorted({m.DESCRIPTOR.name for m in found}))
    message = rng.choice([m for m in found if m.DESCRIPTOR.name == kind])
    field = rng.choice(message.DESCRIPTOR.fields)
    if rng.random() < 0.08:
        message.ClearField(field.name)
    elif field.is_repeated:
        _change_list(getattr(message, field.name), field, found, rng)
    elif field.cpp_type == _MESSAGE:
        same = [m for m in found if m.DESCRIPTOR is field.message_type]
        if same:
            getattr(message, field.name).CopyFrom(copy.deepcopy(rng.choice(same)))
    else:
        setattr(message, field.name, _scalar(field, getattr(message, field.name), rng))


def _change_list(values: Any, field: Any, found: list[Any], rng: random.Random) -> None:
    items = list(values)
    if rearranged(items, rng):
        pass
    elif field.cpp_type == _MESSAGE:
        items += [m for m in found if m.DESCRIPTOR is field.message_type][:1]
    elif items and rng.random() < 0.7:
        at = rng.randrange(len(items))
        items[at] = _scalar(field, items[at], rng)
    else:
        items.append(_scalar(field, None, rng))
    items = copy.deepcopy(items)
    del values[:]
    values.extend(items)


# -- what belongs together --


def _some(items: Any, rng: random.Random) -> Any:
    """One of a list. Raises ValueError where there is none."""
    if not len(items):
        raise ValueError("nothing to change")
    return rng.choice(list(items))


def _names(model: ModelProto) -> list[str]:
    graph = model.graph
    ports = [*graph.input, *graph.initializer, *graph.output]
    return [*(p.name for p in ports), *(name for node in graph.node for name in node.output)]


def _shapes(model: ModelProto) -> list[Any]:
    """The dimensions of ports, as messages."""
    return [d for p in [*model.graph.input, *model.graph.output] for d in p.type.tensor_type.shape.dim]


def _refit(tensor: TensorProto, dims: list[int], dtype: int, rng: random.Random) -> None:
    """Gives a constant another shape or type, with data of the size that it needs."""
    size = 1
    for d in dims:
        size *= max(d, 0)
    raw = tensor.raw_data or b"\0\1"
    itemsize = helper.tensor_dtype_to_np_dtype(dtype).itemsize
    name = tensor.name
    tensor.Clear()
    tensor.name, tensor.data_type = name, dtype
    tensor.dims.extend(dims)
    nbytes = size * itemsize
    tensor.raw_data = (raw * (nbytes // len(raw) + 1))[:nbytes] if nbytes < _LARGEST else raw


def _dimension(model: ModelProto, rng: random.Random) -> None:
    """A size, everywhere where it is, as if the model were made for another one."""
    constants = model.graph.initializer
    sizes = sorted({d.dim_value for d in _shapes(model)} | {d for t in constants for d in t.dims})
    old, new = _some(sizes, rng), near(3, "q", rng)
    for dim in _shapes(model):
        if dim.dim_value == old:
            dim.dim_value = new
    for tensor in constants:
        if old in tensor.dims:
            _refit(tensor, [new if d == old else d for d in tensor.dims], tensor.data_type, rng)


def _shape(model: ModelProto, rng: random.Random) -> None:
    """The shape of one constant, with data that fit, or of one input."""
    if rng.random() < 0.5 and len(model.graph.initializer):
        tensor = _some(model.graph.initializer, rng)
        dims = [*tensor.dims, 1][: rng.randint(0, len(tensor.dims) + 1)]
        dims = [near(d, "q", rng) if rng.random() < 0.4 else d for d in dims]
        _refit(tensor, dims, tensor.data_type, rng)
        return
    dims = _some(model.graph.input, rng).type.tensor_type.shape.dim
    if dims and rng.random() < 0.6:
        dim = _some(dims, rng)
        dim.dim_value = near(dim.dim_value, "q", rng)
    elif dims and rng.random() < 0.5:
        del dims[rng.randrange(len(dims))]
    else:
        dims.add().dim_value = rng.choice((1, 2, 0))


def _dtype(model: ModelProto, rng: random.Random) -> None:
    """A type, of one constant or port, or everywhere where it is."""
    kinds = [value for value in TensorProto.DataType.values() if value]
    holders = [
        *model.graph.initializer,
        *(p.type.tensor_type for p in [*model.graph.input, *model.graph.output]),
    ]
    types = [h.data_type if isinstance(h, TensorProto) else h.elem_type for h in holders]
    old, new = _some(types, rng), rng.choice(kinds)
    only = rng.randrange(len(holders)) if rng.random() < 0.4 else None
    for i, (holder, kind) in enumerate(zip(holders, types, strict=True)):
        if i != only and (only is not None or kind != old):
            continue
        if not isinstance(holder, TensorProto):
            holder.elem_type = new
        elif new != TensorProto.STRING:
            _refit(holder, list(holder.dims), new, rng)


def _content(model: ModelProto, rng: random.Random) -> None:
    """The elements of a constant: scales, zero points, axes, shapes."""
    tensor = _some(model.graph.initializer, rng)
    array = numpy_helper.to_array(tensor).copy()
    if not array.size:
        return
    at = rng.randrange(array.size)
    with np.errstate(all="ignore"):
        if array.dtype.kind == "f":
            value: Any = np.array(rng.choice(FLOATS)).astype(array.dtype)
        else:
            value = np.array(near(int(array.flat[at].real), "q", rng)).astype(array.dtype)
    array.flat[slice(None) if rng.random() < 0.3 else at] = value
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _external(model: ModelProto, rng: random.Random) -> None:
    """A constant that lies in another file, which may be anywhere."""
    tensor = _some(model.graph.initializer, rng)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    pairs = {
        "location": rng.choice(_LOCATIONS),
        "offset": str(integer("q", rng)),
        "length": str(integer("q", rng)),
    }
    for key, value in pairs.items():
        if rng.random() < 0.8:
            tensor.external_data.add(key=key, value=rng.choice((value, value, value, "x", "")))


def _rewire(model: ModelProto, rng: random.Random) -> None:
    """An operand becomes another tensor, or absent; an operator writes what another one does; a cycle."""
    node = _some(model.graph.node, rng)
    names = node.input if rng.random() < 0.7 else node.output
    new = rng.choice([*_names(model), ""])
    if len(names) and rng.random() < 0.8:
        names[rng.randrange(len(names))] = new
    else:
        names.append(new)


def _operator(model: ModelProto, rng: random.Random) -> None:
    """An operator becomes another one, with its attributes or without."""
    node = _some(model.graph.node, rng)
    domain, _, name = rng.choice(list(IMPORTERS)).rpartition(".")
    node.domain, node.op_type = domain, name
    if rng.random() < 0.6:
        del node.attribute[:]
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))


def _attribute(model: ModelProto, rng: random.Random) -> None:
    """The value of an attribute, or one that operators of other kinds have."""
    node = _some(model.graph.node, rng)
    if len(node.attribute) and rng.random() < 0.7:
        attribute = _some(node.attribute, rng)
        if attribute.type == AttributeProto.INT:
            attribute.i = near(attribute.i, "q", rng)
        elif attribute.type == AttributeProto.INTS:
            values = [near(i, "q", rng) if rng.random() < 0.5 else i for i in attribute.ints]
            del attribute.ints[:]
            attribute.ints.extend(values[: rng.randint(0, len(values))] if rng.random() < 0.2 else values)
        elif attribute.type == AttributeProto.FLOAT:
            attribute.f = rng.choice(FLOATS)
        elif attribute.type == AttributeProto.STRING:
            attribute.s = rng.choice((*TEXTS, "linear", "cubic", "reflect", "SAME_UPPER", "max")).encode()
        return
    name = rng.choice(_ATTRIBUTES)
    values = [integer("q", rng) for _ in range(rng.randint(1, 5))]
    value = rng.choice((values, values[0], rng.choice(FLOATS), rng.choice(TEXTS)))
    node.attribute.append(helper.make_attribute(name, value))


def _port(model: ModelProto, rng: random.Random) -> None:
    """A constant becomes an input, an input a constant, any tensor an output."""
    graph, kind = model.graph, rng.randrange(3)
    if kind == 0:
        at = _some(range(len(graph.initializer)), rng)
        t = graph.initializer[at]
        graph.input.append(helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)))
        del graph.initializer[at]
    elif kind == 1:
        at = _some(range(len(graph.input)), rng)
        port = graph.input[at]
        tensor = graph.initializer.add(name=port.name)
        dims = [d.dim_value for d in port.type.tensor_type.shape.dim]
        _refit(tensor, dims, port.type.tensor_type.elem_type, rng)
        if rng.random() < 0.7:
            del graph.input[at]
    else:
        graph.output.append(helper.make_tensor_value_info(_some(_names(model), rng), 1, None))


def _nest(model: ModelProto, rng: random.Random) -> None:
    """Operators move into the branches of an If, many levels deep perhaps."""
    node = copy.deepcopy(_some(model.graph.node, rng))
    for level in range(rng.choice((1, 2, 3, 60, 200))):
        output = [helper.make_tensor_value_info(node.output[0], 1, None)]
        body = helper.make_graph([node], f"body{level}", [], output)
        condition = rng.choice(_names(model))
        node = helper.make_node("If", [condition], list(node.output), then_branch=body, else_branch=body)
        if model.ByteSize() + 2 * node.ByteSize() > _LARGEST:
            break
    del model.graph.node[rng.randrange(len(model.graph.node))]
    model.graph.node.append(node)


def _function(model: ModelProto, rng: random.Random) -> None:
    """An operator becomes a call of a function of the file, which may call itself."""
    node = _some(model.graph.node, rng)
    inner = copy.deepcopy(node)
    inputs, outputs = [n for n in inner.input if n], [n for n in inner.output if n]
    if rng.random() < 0.4:
        inner.domain, inner.op_type = "own", "f0"
    opsets = list(model.opset_import)
    for level in range(rng.choice((1, 1, 2, 30))):
        model.functions.append(helper.make_function("own", f"f{level}", inputs, outputs, [inner], opsets))
        inner = helper.make_node(f"f{level}", inputs, outputs, domain="own")
        inner = copy.deepcopy(inner)
    node.CopyFrom(inner)
    model.opset_import.append(helper.make_opsetid("own", 1))


_CHANGES: tuple[Callable[[ModelProto, random.Random], None], ...] = (
    _field,
    _field,
    _attribute,
    _attribute,
    _content,
    _content,
    _dimension,
    _shape,
    _dtype,
    _external,
    _rewire,
    _operator,
    _port,
    _nest,
    _function,
)
