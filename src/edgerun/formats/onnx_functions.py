"""Operators that ONNX defines as functions of others, replaced by those others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from edgerun.errors import FormatError

# Functions call functions; ONNX's own do so at most three times.
_MOST_ROUNDS = 8
# What the onnx package raises, besides errors of its own, where a file makes no sense.
_NOT_SOUND = (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)

Names = Callable[[str], str]


def inline_functions(model: Any, opset: int, known: Callable[[Any], bool], path: str) -> None:
    """Replaces, in the graph of `model`, each operator that is not `known` by the body that ONNX's schema
    gives for `opset` and the types of its operands. What has no body stays. Raises FormatError for a schema
    that calls itself without end.
    """
    for _ in range(_MOST_ROUNDS):
        unknown = [node for node in model.graph.node if not known(node)]
        if not any(_schema_with_body(node, model, opset) for node in unknown):
            return
        types = _types(model, path)
        taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
        nodes, changed = [], False
        for index, node in enumerate(model.graph.node):
            body = None if known(node) else _checked_body(node, model, opset, types, path)
            called = () if body is None else body.node
            if not all(known(each) or _schema_with_body(each, model, opset) for each in called):
                body = None  # it is refused by its own name
            try:
                nodes += [node] if body is None else _instance(body, node, _fresh(taken, node, index))
            except _NOT_SOUND as error:  # names that are no text
                raise FormatError(f"{path}: operator {index}: {_first_line(error)}") from error
            changed = changed or body is not None
        if not changed:
            return
        kept = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del model.graph.node[:]
        model.graph.node.extend(kept)
    raise FormatError(f"{path}: functions call one another more than {_MOST_ROUNDS} deep.")


# -- what the schema says --


def _schema_with_body(node: Any, model: Any, opset: int) -> Any:
    """The schema of the operator, when it defines a function; None otherwise."""
    from onnx import defs

    version = opset
    if node.domain not in ("", "ai.onnx"):
        version = next((o.version for o in model.opset_import if o.domain == node.domain), 0)
    try:
        schema: Any = defs.get_schema(node.op_type, version, "" if node.domain == "ai.onnx" else node.domain)
    except (defs.SchemaError, TypeError):  # the latter for a version that is none
        return None
    return schema if schema.has_function or schema.has_context_dependent_function else None


def _checked_body(node: Any, model: Any, opset: int, types: Mapping[str, Any], path: str) -> Any:
    """_body, whose builders raise errors of their own where operands or attributes make no sense."""
    from google.protobuf.message import DecodeError
    from onnx import defs, shape_inference

    try:
        return _body(node, model, opset, types)
    except (DecodeError, defs.SchemaError, shape_inference.InferenceError, *_NOT_SOUND) as error:
        place = f"{node.op_type} '{node.name}'" if node.name else node.op_type
        raise FormatError(f"{path}: {place}: its operands do not fit it: {_first_line(error)}") from error


def _body(node: Any, model: Any, opset: int, types: Mapping[str, Any]) -> Any:
    """The FunctionProto of one operator; None where there is none for this opset or these operands."""
    from onnx import FunctionProto, TypeProto

    schema = _schema_with_body(node, model, opset)
    if schema is None:
        return None
    # A body of a newer opset would be read by the rules of the model's own.
    # An operator of another domain counts its own versions.
    own = schema.domain == ""
    data = b""
    versions = [v for v in schema.function_opset_versions if v <= opset or not own]
    if versions:
        data = schema.get_function_with_opset_version(max(versions))
    elif any(name and name not in types for name in node.input):
        return None
    else:
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset or not own]
        given = [types.get(name, TypeProto()).SerializeToString() for name in node.input]
        if versions:
            data = schema.get_context_dependent_function_with_opset_version(
                max(versions), node.SerializeToString(), given
            )
    if not data:
        return None
    body = FunctionProto.FromString(data)
    defaults = {name: a.default_value for name, a in schema.attributes.items() if a.default_value.name}
    stated = {a.name for a in body.attribute_proto}
    body.attribute_proto.extend(value for name, value in defaults.items() if name not in stated)
    return body


def _types(model: Any, path: str) -> dict[str, Any]:
    """The TypeProto of every value whose type is known."""
    from onnx import helper, shape_inference

    try:
        graph = shape_inference.infer_shapes(model).graph
    except (shape_inference.InferenceError, *_NOT_SOUND) as error:
        raise FormatError(f"{path}: its types do not fit together: {_first_line(error)}") from error
    types = {v.name: v.type for v in (*graph.value_info, *graph.output, *graph.input)}
    for tensor in graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tuple(tensor.dims))
    return {name: kind for name, kind in types.items() if kind.WhichOneof("value")}


# -- a body in place of a call --


def _fresh(taken: set[str], node: Any, index: int) -> Names:
    """Names for the values of a body that nothing else has."""
    prefix = node.name or f"{node.op_type}_{index}"

    def fresh(name: str) -> str:
        found, k = f"{prefix}/{name}", 0
        while found in taken:
            k += 1
            found = f"{prefix}/{name}/{k}"
        taken.add(found)
        return found

    return fresh


def _instance(body: Any, node: Any, fresh: Names) -> list[Any]:
    """The operators of a body for the operands, results and attributes of one call."""
    given = {a.name: a for a in (*body.attribute_proto, *node.attribute)}
    names = dict.fromkeys(body.input, "") | dict(zip(body.input, node.input, strict=False))
    results = dict(zip(body.output, node.output, strict=False))
    names |= {formal: actual for formal, actual in results.items() if actual}
    wanted = {name for name in node.output if name}
    made = _instances(body.node, names, given, fresh)
    kept = []
    for each in reversed(made):  # what only serves results that are not asked for is left out
        if wanted.intersection(each.output):
            kept.append(each)
            wanted |= _reads(each)
    return kept[::-1]


def _instances(
    nodes: Iterable[Any], names: dict[str, str], given: Mapping[str, Any], fresh: Names
) -> list[Any]:
    """Copies of nodes with `names` for theirs, which they extend, and attributes of the call filled in."""
    made = []
    for node in nodes:
        copy = type(node).FromString(node.SerializeToString())
        for name in copy.output:
            if name and name not in names:
                names[name] = fresh(name)
        copy.input[:] = [names.get(name, name) for name in node.input]
        copy.output[:] = [names.get(name, name) for name in node.output]
        del copy.attribute[:]
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                if attribute.ref_attr_name not in given:
                    continue
                value = type(attribute).FromString(given[attribute.ref_attr_name].SerializeToString())
                value.name = attribute.name
                copy.attribute.append(value)
                continue
            copy.attribute.append(attribute)
            for graph in (copy.attribute[-1].g, *copy.attribute[-1].graphs):
                if graph.node or graph.output:
                    _rename(graph, dict(names), given, fresh)
        made.append(copy)
    return made


def _rename(graph: Any, names: dict[str, str], given: Mapping[str, Any], fresh: Names) -> None:
    """Gives the values of a graph inside an operator names of their own."""
    for value in (*graph.input, *graph.initializer):
        own = fresh(value.name)
        names[value.name] = own
        value.name = own
    nodes = _instances(graph.node, names, given, fresh)
    del graph.node[:]
    graph.node.extend(nodes)
    for value in graph.output:
        value.name = names.get(value.name, value.name)


def _reads(node: Any) -> set[str]:
    """The values that a node reads, those of the graphs inside it among them."""
    reads = set(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            reads |= {name for inner in graph.node for name in _reads(inner)}
            reads |= {value.name for value in graph.output}
    return reads - {""}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
