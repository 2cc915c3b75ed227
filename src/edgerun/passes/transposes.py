"""Transposes: those that move nothing, those in pairs, and those that wait behind elementwise operators.

Converters from channels-first models put a transpose before and behind every convolution. Each is moved
down through the operators that do not care about the order of dimensions until it meets its inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.op import Op
from edgerun.ir.reduction import Reduction
from edgerun.ir.shape import Concat, MirrorPad, Pad, Reshape, Slice, Split, Tile, Transpose
from edgerun.ir.types import Shape
from edgerun.passes.rewrite import remove_dead

Perm = tuple[int, ...]


def sink_transposes(graph: Graph) -> None:
    """Moves transposes down to where they meet their inverse, as long as fewer elements are moved then."""
    while True:
        nodes = [Node(n.op, list(n.inputs), list(n.outputs), n.index) for n in graph.nodes]
        tried = Graph(graph.name, graph.inputs, graph.outputs, nodes)
        _sink(tried)
        merge_transposes(tried)
        if _moved(tried) >= _moved(graph):
            return
        graph.nodes = tried.nodes


def _moved(graph: Graph) -> int:
    """How many elements are moved by transposes."""
    return sum(n.outputs[0].type.size for n in graph.nodes if isinstance(n.op, Transpose))


# -- pairs --


def merge_transposes(graph: Graph) -> None:
    """A transpose of a transpose is one, or nothing; one that moves only dimensions of 1 is a reshape; a
    reshape of a reshape is one."""
    producers = graph.producers()

    def producer(node: Node) -> Node | None:
        return producers.get(node.inputs[0]) if node.inputs and node.inputs[0] is not None else None

    replaced: dict[Value | None, Value | None] = {}
    for node in graph.nodes:
        node.inputs = [replaced.get(v, v) for v in node.inputs]
        first = producer(node)
        if isinstance(node.op, Transpose):
            if first is not None and isinstance(first.op, Transpose):
                node.op = Transpose(tuple(first.op.perm[p] for p in node.op.perm))
                node.inputs = list(first.inputs)
                first = producer(node)
            x, y, perm = node.inputs[0], node.outputs[0], node.op.perm
            assert x is not None
            if _keeps_order(perm, x.type.shape):
                node.op = Reshape(y.type.shape)
            if perm == tuple(range(len(perm))):
                replaced[y] = x
        if isinstance(node.op, Reshape) and first is not None and isinstance(first.op, Reshape):
            node.inputs = list(first.inputs)
    remove_dead(graph)


def _keeps_order(perm: Perm, shape: Shape) -> bool:
    """Whether the dimensions that are not 1 stay in their order."""
    long = [p for p in perm if shape[p] != 1]
    return long == sorted(long)


# -- moving down --


def _sink(graph: Graph) -> None:
    """Every operator that can is put in front of the transposes it reads, in the order of the graph."""
    producers = graph.producers()
    constants: dict[tuple[Value, Perm], Value] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        swapped = _swap(node, producers, constants)
        nodes += swapped or [node]
        for made in swapped:
            producers.update(dict.fromkeys(made.outputs, made))
    graph.nodes = nodes


def _swap(node: Node, producers: dict[Value, Node], constants: dict[tuple[Value, Perm], Value]) -> list[Node]:
    """The operator on what was transposed, and the transposes of its results; empty where that cannot be."""
    perm = _common_perm(node, producers)
    if perm is not None and isinstance(node.op, Reshape):
        return _swap_reshape(node, perm, producers)
    op = None if perm is None else _transposed(node.op, perm)
    if perm is None or op is None:
        return []
    inputs: list[Value] = []
    for value in node.inputs:
        assert value is not None
        source = producers[value].inputs[0] if value in producers else _constant(value, perm, constants)
        if source is None:
            return []
        inputs.append(source)
    types = op.infer(*(v.type for v in inputs))
    results = [Value(_name(v, perm), t) for v, t in zip(node.outputs, types, strict=True)]
    transposes = [
        Node(Transpose(perm), [made], [value], node.index)
        for made, value in zip(results, node.outputs, strict=True)
    ]
    return [Node(op, list(inputs), results, node.index), *transposes]


def _swap_reshape(node: Node, perm: Perm, producers: dict[Value, Node]) -> list[Node]:
    """A reshape that splits and joins dimensions, in front of the transpose.

    What it joins must lie side by side in the source: a transpose within the joined dimensions makes it so,
    and stays in front (channels that are shuffled: the shuffle stays, the change of layout moves on).
    """
    (value,), (target,) = node.inputs, node.outputs
    assert value is not None
    source = producers[value].inputs[0]
    assert source is not None
    groups = dimension_groups(value.type.shape, target.type.shape)
    if groups is None:
        return []
    # Each group: the dimensions of the source that it reads, and those of the result that it writes.
    parts = sorted(([perm[i] for i in read], written) for read, written in groups)
    within = tuple(d for read, _ in parts for d in read)
    back = _inverse(tuple(d for _, written in parts for d in written))
    if back == tuple(range(len(back))):
        return []
    first = source
    nodes: list[Node] = []
    if within != tuple(range(len(within))):
        first = Value(f"{_name(target, perm)}/within", Transpose(within).infer(source.type)[0])
        nodes.append(Node(Transpose(within), [source], [first], node.index))
    op = Reshape(tuple(target.type.shape[d] for _, written in parts for d in written))
    made = Value(_name(target, perm), op.infer(first.type)[0])
    nodes.append(Node(op, [first], [made], node.index))
    return [*nodes, Node(Transpose(back), [made], [target], node.index)]


def dimension_groups(before: Shape, after: Shape) -> list[tuple[list[int], list[int]]] | None:
    """Which dimensions become which in a reshape, as small groups in order; None where
    a group would have no dimension on one of its sides."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        read, written = [i], [j]
        if i == len(before) or j == len(after):
            return None
        sizes = [before[i], after[j]]
        i, j = i + 1, j + 1
        while sizes[0] != sizes[1]:
            if sizes[0] < sizes[1]:
                if i == len(before):
                    return None
                read.append(i)
                sizes[0] *= before[i]
                i += 1
            else:
                if j == len(after):
                    return None
                written.append(j)
                sizes[1] *= after[j]
                j += 1
        groups.append((read, written))
    return groups


def _name(value: Value, perm: Perm) -> str:
    """The name of what `perm` turns into the value."""
    return f"{value.name}/{''.join(map(str, _inverse(perm)))}"


def _common_perm(node: Node, producers: dict[Value, Node]) -> Perm | None:
    """The one permutation of the transposes that the operator reads, when all else it reads is constant."""
    perms: set[Perm] = set()
    for value in node.inputs:
        producer = producers.get(value) if value is not None else None
        if producer is not None and isinstance(producer.op, Transpose):
            perms.add(producer.op.perm)
        elif value is None or value.data is None:
            return None
    return perms.pop() if len(perms) == 1 else None


def _constant(value: Value, perm: Perm, made: dict[tuple[Value, Perm], Value]) -> Value | None:
    """A constant as it has to be so that `perm` makes it what it is, or what broadcasts like it."""
    assert value.data is not None
    kind = value.type
    if len(kind.shape) > len(perm) or (kind.quantization is not None and not kind.quantization.per_tensor):
        return None
    if (value, perm) not in made:
        shape = (1,) * (len(perm) - len(kind.shape)) + kind.shape
        data = value.data.reshape(shape).transpose(_inverse(perm)).copy(order="C")
        data.setflags(write=False)
        made[value, perm] = Value(_name(value, perm), kind.with_shape(data.shape), data=data)
    return made[value, perm]


def _inverse(perm: Perm) -> Perm:
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


def _transposed(op: Op, perm: Perm) -> Op | None:
    """The operator that does in front of the transpose what `op` does behind it."""
    if op.elementwise:
        return op
    if isinstance(op, Concat | Split):
        return replace(op, axis=perm[op.axis])
    if isinstance(op, Reduction) and op.keep_dims:
        return replace(op, axes=tuple(sorted(perm[a] for a in op.axes)))
    back = _inverse(perm)

    def order(values: Sequence[int]) -> tuple[int, ...]:
        return tuple(values[i] for i in back)

    if isinstance(op, Pad | MirrorPad):
        return replace(op, before=order(op.before), after=order(op.after))
    if isinstance(op, Slice):
        return Slice(order(op.starts), order(op.sizes), order(op.steps))
    if isinstance(op, Tile):
        return Tile(order(op.multiples))
    return None
