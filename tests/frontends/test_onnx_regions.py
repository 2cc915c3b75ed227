"""Einsum, regions, bits, and what has a shape that data decide, against ONNX's reference evaluator."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import edgerun
from edgerun.errors import FormatError
from frontends.test_onnx import both, model, random

ort = pytest.importorskip("onnxruntime")
seeds = pytest.mark.parametrize("seed", range(6))

EQUATIONS = [
    ("ij->ji", (3, 4)),
    ("ij->i", (3, 4)),
    ("ij", (3, 4)),
    ("ii->i", (4, 4)),
    ("ii", (4, 4)),
    ("bii->b", (2, 3, 3)),
    ("iji->j", (3, 2, 3)),
    ("...ii->...i", (2, 2, 3, 3)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (3,), (3,)),
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba,cb", (2, 3), (4, 2)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bhid,bhjd->bhij", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("bhij,bhjd->bihd", (2, 2, 3, 5), (2, 2, 5, 4)),
    ("bnd,hdk->bhnk", (2, 3, 4), (2, 4, 5)),
    ("nctv,vw->nctw", (2, 3, 4, 5), (5, 5)),
    ("nkctv,kvw->nctw", (1, 3, 2, 4, 5), (3, 5, 5)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    ("...ij,jk", (2, 3, 4), (4, 2)),
    ("i...,i...->...", (3, 2), (3, 2)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("ij,k->ik", (3, 4), (2,)),
    ("a,a,a->a", (3,), (3,), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("ijk,ilm,njm,nlk,abc->", (2, 3, 2), (2, 2, 2), (2, 3, 2), (2, 2, 2), (2, 1, 3)),
    (" b q d , b k d -> b q k ", (2, 3, 4), (2, 1, 4)),
    ("iI,Ij->ij", (2, 3), (3, 2)),
]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("case", EQUATIONS, ids=lambda case: case[0])
def test_einsum(case, known):
    """Against numpy, which takes what the reference takes; `known`: the last operand is a constant."""
    equation, *shapes = case
    arrays = {f"x{i}": random(*shape, seed=i) for i, shape in enumerate(shapes)}
    fixed = {f"x{len(shapes) - 1}"} if known and len(shapes) > 1 else set()
    feeds = {name: a for name, a in arrays.items() if name not in fixed}
    node = helper.make_node("Einsum", list(arrays), ["y"], equation=equation)
    ports = {name: list(a.shape) for name, a in feeds.items()}
    proto = model([node], ports, {"y": 1}, {name: arrays[name] for name in fixed})
    got = edgerun.Session(proto.SerializeToString()).run(feeds)["y"]
    want = np.einsum(equation, *(a.astype(np.float64) for a in arrays.values()))
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("equation", "reason"),
    [
        ("ij,jk->ik", "does not fit 1 operands"),
        ("ijk->i", "does not fit a tensor"),
        ("ij->k", "from nowhere"),
    ],
)
def test_equations_that_do_not_fit(equation, reason):
    node = helper.make_node("Einsum", ["x"], ["y"], equation=equation)
    with pytest.raises(FormatError, match=reason):
        edgerun.Session(model([node], {"x": [2, 2]}, {"y": 1}).SerializeToString())


@seeds
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("where", ["half_pixel", "output_half_pixel"])
def test_roi_align(mode, where, seed):
    """Regions may leave the image, or be empty."""
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(-4, 20, (5, 2)), rng.uniform(0, 16, (5, 2))
    regions = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    how = {
        "mode": mode,
        "coordinate_transformation_mode": where,
        "output_height": int(rng.integers(1, 5)),
        "output_width": int(rng.integers(1, 5)),
        "sampling_ratio": int(rng.integers(0, 4)),
        "spatial_scale": [1.0, 0.5, 0.25][seed % 3],
    }
    node = helper.make_node("RoiAlign", ["x", "r", "b"], ["y"], **how)
    proto = model([node], {"x": [2, 3, 12, 10], "r": [5, 4], "b": (TensorProto.INT64, [5])}, {"y": 1})
    feeds = {"x": random(2, 3, 12, 10, seed=seed), "r": regions, "b": rng.integers(0, 2, 5)}
    got, wanted = both(proto, **feeds)
    np.testing.assert_allclose(got["y"], wanted["y"], rtol=1e-5, atol=1e-5)


@seeds
@pytest.mark.parametrize("centred", [0, 1])
@pytest.mark.parametrize("most", [0, 3, 1000])
def test_non_max_suppression(most, centred, seed):
    rng = np.random.default_rng(seed)
    boxes = rng.uniform(0, 1, (2, 40, 4)).astype(np.float32)
    scores = (rng.integers(0, 50, (2, 3, 40)) / 50).astype(np.float32)
    constants = {
        "b": boxes,
        "s": scores,
        "m": np.array([most]),
        "i": np.array([rng.uniform(0.1, 0.7)], np.float32),
        "t": np.array([0.3], np.float32),
    }
    node = helper.make_node("NonMaxSuppression", list(constants), ["y"], center_point_box=centred)
    got, wanted = both(model([node], {}, {"y": TensorProto.INT64}, constants))
    np.testing.assert_array_equal(got["y"], wanted["y"].reshape(-1, 3))


@seeds
def test_what_is_not_zero(seed):
    x = np.random.default_rng(seed).integers(0, 2, (3, 4, 2)).astype(np.float32)
    got, wanted = both(model([helper.make_node("NonZero", ["x"], ["y"])], {}, {"y": 7}, {"x": x}))
    np.testing.assert_array_equal(got["y"], wanted["y"])


@seeds
@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("ascending", [0, 1])
def test_unique(ascending, axis, seed):
    x = np.random.default_rng(seed).integers(0, 2, (5, 3)).astype(np.float32)
    how = {"sorted": ascending} | ({} if axis is None else {"axis": axis})
    names = ["y", "first", "which", "counts"]
    node = helper.make_node("Unique", ["x"], names, **how)
    proto = model([node], {}, {name: 1 if name == "y" else 7 for name in names}, {"x": x})
    got = edgerun.Session(proto.SerializeToString()).run({})
    runtime = ort.InferenceSession(proto.SerializeToString())
    for name, want in zip(names, runtime.run(None, {}), strict=True):
        np.testing.assert_array_equal(got[name], want)


@seeds
def test_col2im(seed):
    """ONNX Runtime 1.32 takes wrong channels where the windows are fewer than the pixels."""
    rng = np.random.default_rng(seed)
    rank = 1 + seed % 3
    block, strides, dilations = (rng.integers(1, 4, rank) for _ in range(3))
    pads = rng.integers(0, 2, 2 * rank)
    reach = (block - 1) * dilations + 1
    image = reach + rng.integers(0, 4, rank)
    windows = (image + pads[:rank] + pads[rank:] - reach) // strides + 1
    x = random(2, int(3 * block.prod()), int(windows.prod()), seed=seed)
    how = {"strides": strides.tolist(), "dilations": dilations.tolist(), "pads": pads.tolist()}
    node = helper.make_node("Col2Im", ["x", "i", "b"], ["y"], **how)
    proto = model([node], {"x": list(x.shape)}, {"y": 1}, {"i": image, "b": block}, opset=18)
    got, wanted = both(proto, x=x)
    np.testing.assert_allclose(got["y"], wanted["y"], rtol=1e-5, atol=1e-5)


@seeds
def test_center_crop_pad(seed):
    rng = np.random.default_rng(seed)
    x = random(4, 5, 3)
    axes = rng.permutation(3)[: int(rng.integers(1, 4))]
    constants = {"s": rng.integers(1, 8, len(axes))}
    node = helper.make_node("CenterCropPad", ["x", "s"], ["y"], axes=axes.tolist())
    got, wanted = both(model([node], {"x": [4, 5, 3]}, {"y": 1}, constants, opset=18), x=x)
    np.testing.assert_array_equal(got["y"], wanted["y"])


@pytest.mark.parametrize("k", [-9, -4, -1, 0, 2, 5, 1 << 40])
@pytest.mark.parametrize("upper", [0, 1])
def test_triangles(upper, k):
    node = helper.make_node("Trilu", ["x", "k"], ["y"], upper=upper)
    proto = model([node], {"x": [2, 3, 4]}, {"y": 1}, {"k": np.array(k)})
    x = random(2, 3, 4)
    got = edgerun.Session(proto.SerializeToString()).run(x)["y"]
    np.testing.assert_array_equal(got, (np.triu if upper else np.tril)(x, k))


def test_triangles_of_what_is_no_number():
    """A NaN outside of the triangle is gone."""
    x = np.full((3, 3), np.nan, np.float32)
    got, wanted = both(model([helper.make_node("Trilu", ["x"], ["y"])], {"x": [3, 3]}, {"y": 1}), x=x)
    np.testing.assert_array_equal(got["y"], wanted["y"])


@pytest.mark.parametrize("k", [-3, 0, 2, 9])
def test_eye_like(k):
    node = helper.make_node("EyeLike", ["x"], ["y"], k=k, dtype=TensorProto.INT32)
    got, wanted = both(model([node], {"x": [3, 5]}, {"y": TensorProto.INT32}), x=random(3, 5))
    np.testing.assert_array_equal(got["y"], wanted["y"])


def test_det():
    x = random(4, 3, 3)
    got, wanted = both(model([helper.make_node("Det", ["x"], ["y"])], {"x": [4, 3, 3]}, {"y": 1}), x=x)
    np.testing.assert_allclose(got["y"], wanted["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", [{}, {"detect_negative": 0}, {"detect_positive": 0}])
def test_what_is_infinite(how):
    x = np.array([1, np.inf, -np.inf, np.nan, 0, 3e38], np.float32)
    for node in (helper.make_node("IsInf", ["x"], ["y"], **how), helper.make_node("IsNaN", ["x"], ["y"])):
        got, wanted = both(model([node], {"x": [6]}, {"y": TensorProto.BOOL}, opset=20), x=x)
        np.testing.assert_array_equal(got["y"], wanted["y"])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
def test_bits(dtype):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    info = np.iinfo(dtype)
    a, b = np.random.default_rng(0).integers(info.min, info.max, (2, 3, 4), dtype, endpoint=True)
    for operator in ("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot"):
        feeds = {"a": a} if operator == "BitwiseNot" else {"a": a, "b": b}
        node = helper.make_node(operator, list(feeds), ["y"])
        proto = model([node], {name: (kind, [3, 4]) for name in feeds}, {"y": kind}, opset=18)
        got, wanted = both(proto, **feeds)
        np.testing.assert_array_equal(got["y"], wanted["y"])
