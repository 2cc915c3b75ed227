"""Element types beside float32, against ONNX's reference evaluator."""

from __future__ import annotations

import itertools

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import edgerun
from edgerun.artifact import compile_model
from edgerun.errors import FormatError, ModelError, UnsupportedOperatorError

KINDS = {
    np.dtype(helper.tensor_dtype_to_np_dtype(code)): code
    for name, code in TensorProto.DataType.items()
    if name not in ("UNDEFINED", "STRING", "COMPLEX64", "COMPLEX128")
}
NARROW = [kind for kind in KINDS if kind.isbuiltin == 2]
FLOAT16, FLOAT64, BFLOAT16 = np.dtype(np.float16), np.dtype(np.float64), np.dtype(ml_dtypes.bfloat16)
# numpy's own float types and integers; e8m0 holds no sign and no zero.
WHOLE = [kind for kind in KINDS if kind.kind in "iub" or kind.name in ("int4", "uint4", "int2", "uint2")]


def model(nodes, inputs, outputs, constants=(), opset=25):
    """inputs and outputs: name -> (dtype, shape)."""
    ports, results = (
        [helper.make_tensor_value_info(name, KINDS[np.dtype(d)], s) for name, (d, s) in given.items()]
        for given in (inputs, outputs)
    )
    initializers = [numpy_helper.from_array(np.asarray(a), name) for name, a in dict(constants).items()]
    graph = helper.make_graph(nodes, "test", ports, results, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=13)


def both(proto, **feeds):
    session = edgerun.Session(proto.SerializeToString())
    got = session.run(feeds)
    wanted = ReferenceEvaluator(proto).run(None, feeds)
    for info, port, want in zip(session.outputs, proto.graph.output, wanted, strict=True):
        assert got[port.name].dtype == info.dtype == want.dtype
        assert got[port.name].shape == want.shape
    return [got[port.name] for port in proto.graph.output], wanted


def equal(got, want):
    np.testing.assert_array_equal(got.astype(np.float64), want.astype(np.float64))


def samples(source, target):
    """Numbers of a type: what overflows a float, and ties; of those that become integers, what fits."""
    if target in WHOLE and source not in WHOLE:
        low, high = (0, 1) if target.kind == "b" or target.name == "uint2" else (-2, 1)
        low, high = (0, 3) if target.kind == "u" else (low, high)
        numbers = np.linspace(low, high, 13)
        numbers = np.array([1.0]) if source.name == "float8_e8m0fnu" else numbers
    elif source.name == "float8_e8m0fnu":
        numbers = 2.0 ** np.arange(-8, 9)
    elif source in WHOLE:
        numbers = np.arange(0 if source.kind == "u" or source.name.startswith("u") else -2, 2)
    else:
        rng = np.random.default_rng(3)
        special = [
            0,
            -0.0,
            1,
            -1,
            0.5,
            2.5,
            3.5,
            5,
            1e9,
            -1e9,
            60000,
            3e-5,
            448,
            465,
            np.inf,
            -np.inf,
            np.nan,
        ]
        numbers = np.array([*special, *(rng.standard_normal(40) * 2.0 ** rng.integers(-12, 12, 40))])
    with np.errstate(all="ignore"):
        return np.asarray(numbers).astype(np.float32).astype(source)


PAIRS = [(a, b) for a, b in itertools.product(KINDS, KINDS) if a != b and (a in NARROW or b in NARROW)]


def known_to_numpy(source, target):
    """ml_dtypes, and with it the reference, has no way between some of its types."""
    try:
        np.ones(1, source).astype(target)
    except TypeError:
        return False
    return True


PAIRS = [pair for pair in PAIRS if known_to_numpy(*pair)]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda kind: kind.name)
def test_casts(source, target):
    x = samples(source, target)
    proto = model(
        [helper.make_node("Cast", ["x"], ["y"], to=KINDS[target])],
        {"x": (source, x.shape)},
        {"y": (target, x.shape)},
    )
    (got,), (want,) = both(proto, x=x)
    equal(got, want)


@pytest.mark.parametrize("target", [kind for kind in NARROW if kind.name.startswith("float8")], ids=str)
@pytest.mark.parametrize("source", [np.float32, np.float16])
def test_casts_that_do_not_saturate(source, target):
    x = samples(np.dtype(source), target)
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=KINDS[target], saturate=0)]
    (got,), (want,) = both(model(nodes, {"x": (source, x.shape)}, {"y": (target, x.shape)}), x=x)
    equal(got, want)


@pytest.mark.parametrize("rounding", ["up", "down", "nearest"])
@pytest.mark.parametrize("saturate", [0, 1])
def test_powers_of_two(rounding, saturate):
    x = np.array([1, 1.25, 1.5, 1.75, 3, 3e38, 3.4e38, 1e-39, 2e-39, 0, -3, np.inf, np.nan], np.float32)
    kind = np.dtype(ml_dtypes.float8_e8m0fnu)
    attributes = {"to": KINDS[kind], "round_mode": rounding, "saturate": saturate}
    nodes = [helper.make_node("Cast", ["x"], ["y"], **attributes)]
    (got,), (want,) = both(model(nodes, {"x": (np.float32, x.shape)}, {"y": (kind, x.shape)}), x=x)
    equal(got, want)


def test_integers_that_do_not_fit_wrap_around():
    x = np.array([-9.7, 8.2, 17, 300], np.float32)
    kind = np.dtype(ml_dtypes.int4)
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=KINDS[kind])]
    proto = model(nodes, {"x": (np.float32, x.shape)}, {"y": (kind, x.shape)})
    got = edgerun.Session(proto.SerializeToString()).run({"x": x})["y"]
    np.testing.assert_array_equal(got.astype(np.int32), [7, -8, 1, -4])


def test_an_unknown_element_type_is_refused():
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=99)]
    proto = model(nodes, {"x": (np.float32, [2])}, {"y": (np.float32, [2])})
    with pytest.raises(FormatError):
        edgerun.Session(proto.SerializeToString())


@pytest.mark.parametrize("kind", NARROW, ids=str)
def test_what_only_moves_elements_keeps_their_bytes(kind):
    x = samples(np.dtype(np.int8), kind)[:4].reshape(2, 2)
    x = np.abs(x.astype(np.float32)).astype(kind)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"]),
        helper.make_node("Concat", ["t", "c"], ["y"], axis=0),
    ]
    proto = model(nodes, {"x": (kind, x.shape)}, {"y": (kind, (4, 2))}, {"c": x})
    session = edgerun.Session(proto.SerializeToString())
    assert session.inputs[0].dtype == kind
    got = session.run({"x": x})["y"]
    np.testing.assert_array_equal(
        got.view(f"u{kind.itemsize}"), np.concatenate([x.T, x]).view(f"u{kind.itemsize}")
    )
    with pytest.raises(edgerun.errors.InputError):
        session.run({"x": x.view(f"u{kind.itemsize}")})


MOVES = {
    "Gather": ([np.array([2, 0, 2])], {"axis": 0}),
    "Slice": ([np.array([1, 0]), np.array([4, 3]), np.array([0, 1]), np.array([2, 1])], {}),
    "Tile": ([np.array([2, 1])], {}),
    "Expand": ([np.array([2, 4, 3])], {}),
    "Reshape": ([np.array([3, -1])], {}),
    "Pad": ([np.array([1, 0, 0, 2])], {}),
    "Identity": ([], {}),
    "Flatten": ([], {"axis": 0}),
    "Unsqueeze": ([np.array([1])], {}),
}


@pytest.mark.parametrize(
    "kind", [BFLOAT16, np.dtype(ml_dtypes.float8_e5m2), np.dtype(ml_dtypes.int4)], ids=str
)
@pytest.mark.parametrize("operator", MOVES)
def test_moves(operator, kind):
    operands, attributes = MOVES[operator]
    x = np.array([[1, 2, 3], [-1, -2, -3], [0, 4, -4], [5, 6, -6]], np.int8).astype(kind)
    constants = {f"c{i}": a for i, a in enumerate(operands)}
    node = helper.make_node(operator, ["x", *constants], ["y"], **attributes)
    (got,), (want,) = both(model([node], {"x": (kind, x.shape)}, {"y": (kind, None)}, constants), x=x)
    equal(got, want)


def test_order_is_that_of_the_numbers_not_of_their_bits(monkeypatch):
    x = np.array([-3, 2, -0.5, 7, 0.25, np.nan], BFLOAT16)
    nodes = [
        helper.make_node("TopK", ["x", "k"], ["t", "i"]),
        helper.make_node("Less", ["x", "z"], ["l"]),
        helper.make_node("Where", ["l", "x", "z"], ["w"]),
        helper.make_node("IsNaN", ["x"], ["n"]),
    ]
    proto = model(
        nodes,
        {"x": (BFLOAT16, x.shape)},
        {
            "t": (BFLOAT16, None),
            "i": (np.int64, None),
            "l": (bool, None),
            "w": (BFLOAT16, None),
            "n": (bool, None),
        },
        {"k": np.array([3]), "z": np.array([0], BFLOAT16)},
    )
    proto.graph.node[0].input[0] = "x5"
    proto.graph.node.insert(0, helper.make_node("Slice", ["x", "b", "e"], ["x5"]))
    for name, value in (("b", [0]), ("e", [5])):
        proto.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    for got, want in zip(*both(proto, x=x), strict=True):
        equal(got, want)
    monkeypatch.setenv("EDGERUN_VERIFY", "1")
    for got, want in zip(*both(proto, x=x), strict=True):
        equal(got, want)


def test_a_summary_of_such_a_model():
    for kind in NARROW:
        node = helper.make_node("Cast", ["x"], ["y"], to=KINDS[np.dtype(np.float32)])
        proto = model([node], {"x": (kind, [4])}, {"y": (np.float32, [4])})
        assert edgerun.Session(proto.SerializeToString()).summary().host_steps == 1


# -- floats of 16 bits --

ONE_ULP = {FLOAT16: 2.0**-10, BFLOAT16: 2.0**-7}
OPERATORS = {
    "Add": ([(2, 3), (3,)], {}),
    "Max": ([(2, 3), (3,), (2, 1)], {}),
    "MatMul": ([(2, 3), (3, 4)], {}),
    "Gemm": ([(2, 3), (3, 4), (4,)], {}),
    "Conv": ([(1, 3, 6, 6), (4, 3, 3, 3), (4,)], {}),
    "LayerNormalization": ([(2, 5), (5,), (5,)], {}),
    "Softmax": ([(2, 5)], {}),
    "Tanh": ([(2, 5)], {}),
    "Celu": ([(2, 5)], {"alpha": 2.0}),
    "ReduceMean": ([(2, 5)], {}),
    "Clip": ([(2, 5), (), ()], {}),
}


@pytest.mark.parametrize("kind", ONE_ULP, ids=str)
@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("operator", OPERATORS)
def test_narrow_floats_are_computed_in_float32_and_rounded_once(operator, fed, kind):
    shapes, attributes = OPERATORS[operator]
    rng = np.random.default_rng(len(operator))
    arrays = {f"x{i}": np.asarray(rng.standard_normal(s)).astype(kind) for i, s in enumerate(shapes)}
    if operator == "Clip":
        arrays |= {"x1": np.asarray(-0.5, kind), "x2": np.asarray(0.75, kind)}
    node = helper.make_node(operator, list(arrays), ["y"], **attributes)

    def made(dtype, feeds):
        constants = {n: a.astype(dtype) for n, a in arrays.items() if n not in feeds}
        return model([node], {n: (dtype, arrays[n].shape) for n in feeds}, {"y": (dtype, None)}, constants)

    feeds = list(arrays) if fed else ["x0"]
    session = edgerun.Session(made(kind, feeds).SerializeToString())
    got = session.run({n: arrays[n] for n in feeds})["y"]
    wide = ReferenceEvaluator(made(np.float32, feeds)).run(
        None, {n: arrays[n].astype(np.float32) for n in feeds}
    )
    assert got.dtype == kind
    # Of the true result the nearest; where that is a tie but for the last bits of float32, its neighbour.
    want = wide[0].astype(np.float32)
    np.testing.assert_allclose(got.astype(np.float32), want, rtol=ONE_ULP[kind] / 2 * 1.01, atol=1e-6)


@pytest.mark.parametrize("kind", ONE_ULP, ids=str)
def test_quantised_weights_of_a_narrow_model(kind):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1, 3, 6, 6)).astype(kind)
    constants = {
        "w": rng.integers(-127, 128, (4, 3, 3, 3), np.int8),
        "s": rng.uniform(0.001, 0.01, 4).astype(kind),
        "z": np.zeros(4, np.int8),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=0),
        helper.make_node("Conv", ["x", "d"], ["c"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    proto = model(nodes, {"x": (kind, x.shape)}, {"y": (kind, None)}, constants)
    session = edgerun.Session(proto.SerializeToString())
    assert not session.in_stages
    if kind == FLOAT16:
        assert session.summary().host_steps == 0
    got = session.run({"x": x})["y"]
    scale = constants["s"].astype(np.float32).reshape(4, 1, 1, 1)
    weights = (constants["w"] * scale).astype(kind).astype(np.float32)
    wide = model(nodes[1:], {"x": (np.float32, x.shape)}, {"y": (np.float32, None)}, {"d": weights})
    (want,) = ReferenceEvaluator(wide).run(None, {"x": x.astype(np.float32)})
    np.testing.assert_allclose(got.astype(np.float32), want, rtol=ONE_ULP[kind] / 2 * 1.01, atol=1e-5)


def test_each_operator_is_rounded():
    x = np.array([1.0], np.float16)
    nodes = [helper.make_node("Add", ["x", "e"], ["t"]), helper.make_node("Sub", ["t", "x"], ["y"])]
    proto = model(nodes, {"x": (FLOAT16, [1])}, {"y": (FLOAT16, [1])}, {"e": np.array([3e-4], np.float16)})
    (got,), (want,) = both(proto, x=x)
    equal(got, want)
    assert got[0] == 0


@pytest.mark.parametrize("kind", ONE_ULP, ids=str)
@pytest.mark.parametrize("operator", ["Relu", "Neg", "Abs", "Clip", "Max", "Min"])
def test_rounding_before_and_after_an_operator_that_keeps_order(operator, kind):
    """Sums at ties, out of range, and none: the bits of ONNX, which rounds twice."""
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.standard_normal(400) * 2.0 ** rng.integers(-20, 17, 400), [6e4, -6e4, np.nan]])
    x, z = x.astype(kind), np.concatenate([rng.standard_normal(400), [5e4, -5e4, 1]]).astype(kind)
    more = {"Clip": ["a", "b"], "Max": ["a"], "Min": ["b"]}.get(operator, [])
    constants = {"a": np.array(-1.5, kind), "b": np.array(2.25, kind)}
    nodes = [helper.make_node("Add", ["x", "z"], ["t"]), helper.make_node(operator, ["t", *more], ["y"])]
    inputs = {"x": (kind, x.shape), "z": (kind, z.shape)}
    proto = model(nodes, inputs, {"y": (kind, x.shape)}, {n: constants[n] for n in more})
    (got,), (want,) = both(proto, x=x, z=z)
    np.testing.assert_array_equal(got[:-1].view(np.uint16), want[:-1].view(np.uint16))


def test_operands_of_two_types_are_refused():
    proto = model(
        [helper.make_node("Add", ["x", "z"], ["y"])],
        {"x": (FLOAT16, [2]), "z": (np.float32, [2])},
        {"y": (FLOAT16, [2])},
    )
    with pytest.raises((FormatError, UnsupportedOperatorError)):
        edgerun.Session(proto.SerializeToString())


# -- float64 --


@pytest.mark.parametrize(
    ("operator", "shapes"),
    [
        ("Add", [(2, 3), (3,)]),
        ("Div", [(2, 3), (3,)]),
        ("Max", [(2, 3), (3,)]),
        ("Exp", [(2, 3)]),
        ("Neg", [(2, 3)]),
        ("ReduceLogSumExp", [(2, 3)]),
        ("ReduceSum", [(2, 3)]),
        ("ReduceMean", [(2, 3)]),
        ("Softmax", [(2, 3)]),
        ("Mod", [(2, 3), (3,)]),
        ("MatMul", [(2, 3), (3, 4)]),
        ("Gemm", [(2, 3), (3, 4), (4,)]),
        ("Mean", [(2, 3), (3,)]),
    ],
)
def test_float64_keeps_its_bits(operator, shapes):
    rng = np.random.default_rng(5)
    feeds = {f"x{i}": rng.standard_normal(s) for i, s in enumerate(shapes)}
    feeds["x0"][0, 0] = 1e-60  # no float32
    attributes = {"fmod": 1} if operator == "Mod" else {}
    node = helper.make_node(operator, list(feeds), ["y"], **attributes)
    proto = model([node], {n: (FLOAT64, a.shape) for n, a in feeds.items()}, {"y": (FLOAT64, None)})
    (got,), (want,) = both(proto, **feeds)
    np.testing.assert_allclose(got, want, rtol=1e-13)


# -- single operators --


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.float32, np.float16], ids=str)
def test_remainder_with_the_sign_of_the_dividend(kind):
    x = np.array([-4, 7, 5, 4, -7, 8, 120], np.int64).astype(kind)
    z = np.array([2, 3, 8, 2, 3, 5, 7], kind)
    nodes = [helper.make_node("Mod", ["x", "z"], ["y"], fmod=1)]
    proto = model(nodes, {"x": (kind, x.shape), "z": (kind, z.shape)}, {"y": (kind, x.shape)})
    (got,), (want,) = both(proto, x=x, z=z)
    equal(got, want)


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.float64], ids=str)
def test_shrink(kind):
    x = np.linspace(-2, 2, 17).astype(kind)
    nodes = [helper.make_node("Shrink", ["x"], ["y"], lambd=1.25, bias=0.5)]
    (got,), (want,) = both(model(nodes, {"x": (kind, x.shape)}, {"y": (kind, x.shape)}), x=x)
    equal(got, want)


def test_batch_normalisation_that_trains():
    rng = np.random.default_rng(1)
    arrays = {"x": rng.standard_normal((2, 3, 4, 5)).astype(np.float32)}
    arrays |= {n: rng.uniform(0.5, 2, 3).astype(np.float32) for n in ("s", "b", "m", "v")}
    node = helper.make_node(
        "BatchNormalization", list(arrays), ["y", "mean", "variance"], training_mode=1, momentum=0.8
    )
    inputs = {n: (np.float32, a.shape) for n, a in arrays.items()}
    proto = model([node], inputs, dict.fromkeys(("y", "mean", "variance"), (np.float32, None)))
    for got, want in zip(*both(proto, **arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fed", [True, False])
@pytest.mark.parametrize("real", [np.float32, np.float16], ids=str)
@pytest.mark.parametrize("kind", [k for k in NARROW if k.name not in ("bfloat16", "float8_e8m0fnu")], ids=str)
def test_narrow_quanta(kind, real, fed):
    x = np.random.default_rng(2).uniform(-1, 1, (4, 6)).astype(real)
    scale, zero = np.array(0.25, real), np.zeros((), kind)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    given = {"x": (real, x.shape)} if fed else {}
    constants = {"s": scale, "z": zero} | ({} if fed else {"x": x})
    proto = model(nodes, given, {"q": (kind, x.shape), "y": (real, x.shape)}, constants)
    for got, want in zip(*both(proto, **({"x": x} if fed else {})), strict=True):
        equal(got, want)


# -- what is refused --


def test_a_compiled_model_does_not_hold_such_elements(tmp_path):
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=KINDS[BFLOAT16])]
    proto = model(nodes, {"x": (np.float32, [2])}, {"y": (BFLOAT16, [2])})
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="bfloat16"):
        compile_model(path)


@pytest.mark.parametrize(
    ("node", "shapes"),
    [
        (
            helper.make_node("Attention", ["q", "k", "v"], ["y"], q_num_heads=-1, kv_num_heads=0),
            [(1, 2, 3)] * 3,
        ),
        (helper.make_node("GroupNormalization", ["q", "k", "v"], ["y"]), [(2, 3), (9,), (1,)]),
        (helper.make_node("AffineGrid", ["q", "k"], ["y"]), [(5,), (2, 2, 2)]),
        (helper.make_node("SoftmaxCrossEntropyLoss", ["q", "k"], ["y"]), [(2,), ()]),
    ],
    ids=lambda v: getattr(v, "op_type", ""),
)
def test_functions_of_operands_that_make_no_sense(node, shapes):
    inputs = {n: (np.float32, s) for n, s in zip("qkv", shapes, strict=False)}
    proto = model([node], inputs, {"y": (np.float32, None)})

    def run():
        session = edgerun.Session(proto.SerializeToString())
        session.run({n: np.zeros(s, d) for n, (d, s) in inputs.items()})

    with pytest.raises(edgerun.errors.EdgerunError):
        run()
