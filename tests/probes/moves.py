"""Probes of operators that move data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cases.base import Q
from probes.base import EVERY, KINDS, Kind, Probe, T, ints, other, out


def _constant_like(kind: Kind, value: float) -> T:
    if isinstance(kind, Q):
        return T((1,), kind, [kind.zero + 7])
    return T((1,), kind, [value])


def _of(label: str, kind: Kind) -> Iterator[Probe]:
    def x(*shape: int, data: Any = None) -> T:
        return T(shape, kind, data)

    def p(name: str, variant: str, *inputs: T | None, outputs: int = 1, **options: Any) -> Probe:
        return Probe(name, label, variant, inputs, (out(kind),) * outputs, options)

    # RESHAPE and its like
    for v, shape, to in (
        ("", (2, 3, 4), (6, 4)),
        ("open", (2, 3, 4), (-1, 2)),
        ("to scalar", (1,), ()),
        ("from scalar", (), (1, 1)),
        ("flatten", (2, 2), (-1,)),
        ("empty", (0, 3), (3, 0)),
        ("6-D", (2, 3, 4), (1, 2, 1, 3, 2, 2)),
    ):
        yield p("RESHAPE", v or "3-D", x(*shape), ints(*to))
        yield p("RESHAPE", f"{v or '3-D'}, option", x(*shape), new_shape=list(to))
    yield p("RESHAPE", "option wins", x(2, 3), ints(3, 2), new_shape=[6])
    for v, shape, dims in (
        ("all", (1, 3, 1), []),
        ("some", (1, 3, 1), [0]),
        ("negative", (1, 3, 1), [-1]),
        ("6-D", (1, 2, 1, 3, 1, 2), [0, 4]),
    ):
        yield p("SQUEEZE", v, x(*shape), squeeze_dims=dims)
    for axis in (0, 1, -1, -3):
        yield p("EXPAND_DIMS", f"axis {axis}", x(2, 3), ints(axis))
    yield p("EXPAND_DIMS", "scalar axis", x(2, 3), ints(1, shape=()))
    yield p("EXPAND_DIMS", "scalar", x(), ints(0))
    yield p("EXPAND_DIMS", "int64 axis", x(2, 3), T((1,), "int64", [1]))
    # TRANSPOSE
    for perm in (
        (0,),
        (1, 0),
        (0, 1),
        (2, 0, 1),
        (0, 2, 1),
        (0, 2, 3, 1),
        (3, 1, 2, 0),
        (0, 3, 1, 4, 2),
        (5, 4, 3, 2, 1, 0),
        (0, -1, 1),
    ):
        shape = tuple(range(2, 2 + len(perm)))
        yield p("TRANSPOSE", f"{perm}", x(*shape), ints(*perm))
    yield p("TRANSPOSE", "empty", x(0, 3), ints(1, 0))
    yield p("TRANSPOSE", "constant input", x(2, 3, data=True), ints(1, 0))
    # PAD
    for v, shape, pads in (
        ("1-D", (5,), ((1, 2),)),
        ("2-D", (2, 3), ((1, 0), (0, 2))),
        ("3-D", (2, 3, 2), ((0, 0), (1, 1), (0, 1))),
        ("4-D", (1, 3, 3, 2), ((0, 0), (1, 1), (1, 1), (0, 0))),
        ("4-D channels", (1, 2, 2, 2), ((0, 0), (0, 0), (0, 0), (1, 3))),
        ("5-D", (1, 2, 2, 2, 2), ((0, 0), (1, 0), (0, 1), (1, 1), (0, 0))),
        ("empty", (0, 3), ((1, 1), (0, 0))),
    ):
        for t in ("int32", "int64"):
            c = T((len(pads), 2), t, pads)
            yield p("PAD", f"{v}, {t}", x(*shape), c)
            yield p("PADV2", f"{v}, {t}", x(*shape), c, _constant_like(kind, 1))
        for mode in ("reflect", "symmetric"):
            yield p("MIRROR_PAD", f"{v}, {mode}", x(*shape), T((len(pads), 2), "int32", pads), mode=mode)
    yield p(
        "PADV2",
        "scalar fill",
        x(2, 3),
        T((2, 2), "int32", ((1, 0), (0, 2))),
        T((), _constant_like(kind, 1).kind, _constant_like(kind, 1).data),
    )
    yield p("PADV2", "computed fill", x(2, 3), T((2, 2), "int32", ((1, 0), (0, 2))), T((1,), kind))
    # CONCATENATION, PACK
    for axis in (0, 1, -1, 3):
        for activation in ("none", "relu", "relu6"):
            yield p(
                "CONCATENATION",
                f"axis {axis}, {activation}",
                x(2, 3, 2, 2),
                x(2, 3, 2, 2),
                axis=axis,
                fused_activation_function=activation,
            )
    yield p("CONCATENATION", "one", x(2, 3), axis=0)
    yield p("CONCATENATION", "five, 5-D", *[x(1, 2, 1, 2, d) for d in (1, 2, 3, 1, 1)], axis=4)
    yield p("CONCATENATION", "with constant", x(2, 3), x(2, 2, data=True), axis=1)
    yield p("CONCATENATION", "with empty", x(2, 3), x(2, 0), axis=1)
    for axis in (0, 1, -1, 2):
        yield p("PACK", f"axis {axis}", x(2, 3), x(2, 3), x(2, 3), axis=axis, values_count=3)
    yield p("PACK", "scalars", x(), x(), axis=0, values_count=2)
    yield p("PACK", "with constant", x(2), x(2, data=True), axis=0, values_count=2)
    yield p("PACK", "4-D", x(1, 2, 2, 3), x(1, 2, 2, 3), axis=4, values_count=2)
    if isinstance(kind, Q):
        y = other(kind)
        yield Probe("CONCATENATION", label, "two scales", (x(2, 3), T((2, 3), y)), (out(kind),), {"axis": 1})
        yield Probe(
            "PACK", label, "two scales", (x(2, 3), T((2, 3), y)), (out(kind),), {"axis": 1, "values_count": 2}
        )
        for name, options, more in (
            ("RESHAPE", {}, (ints(6),)),
            ("TRANSPOSE", {}, (ints(1, 0),)),
            ("SLICE", {}, (ints(0, 1), ints(2, 2))),
            ("PAD", {}, (T((2, 2), "int32", ((1, 0), (0, 1))),)),
            ("GATHER", {}, (ints(1, 0),)),
            ("SQUEEZE", {}, ()),
            ("REVERSE_V2", {}, (ints(1),)),
            ("TILE", {}, (ints(2, 1),)),
            ("BROADCAST_TO", {}, (ints(4, 2, 3),)),
            ("STRIDED_SLICE", {}, (ints(0, 0), ints(2, 3), ints(1, 2))),
        ):
            yield Probe(name, label, "output of another scale", (x(2, 3), *more), (out(y),), options)
    # SPLIT
    for axis, shape, n in (
        (0, (4, 3), 2),
        (1, (4, 6), 3),
        (-1, (1, 2, 4), 2),
        (3, (1, 2, 2, 4), 4),
        (2, (1, 2, 4, 1, 2), 2),
    ):
        yield p(
            "SPLIT", f"axis {axis}, {len(shape)}-D", ints(axis, shape=()), x(*shape), outputs=n, num_splits=n
        )
        yield p(
            "SPLIT", f"axis {axis} as a list, {len(shape)}-D", ints(axis), x(*shape), outputs=n, num_splits=n
        )
        size = shape[axis]
        yield p(
            "SPLIT_V",
            f"axis {axis}, {len(shape)}-D",
            x(*shape),
            ints(1, size - 1),
            ints(axis, shape=()),
            outputs=2,
            num_splits=2,
        )
        yield p(
            "SPLIT_V",
            f"axis {axis}, {len(shape)}-D, open",
            x(*shape),
            ints(1, -1),
            ints(axis),
            outputs=2,
            num_splits=2,
        )
    yield p(
        "SPLIT_V",
        "int64 sizes",
        x(4, 3),
        T((2,), "int64", [1, 3]),
        ints(0, shape=()),
        outputs=2,
        num_splits=2,
    )
    yield p("SPLIT", "one", ints(0, shape=()), x(4, 3), outputs=1, num_splits=1)
    for axis, shape in (
        (0, (3, 2)),
        (1, (2, 3)),
        (-1, (2, 2, 3)),
        (2, (1, 2, 3, 2)),
        (0, (2,)),
        (4, (1, 1, 2, 1, 2)),
    ):
        yield p(
            "UNPACK",
            f"axis {axis}, {len(shape)}-D",
            x(*shape),
            outputs=shape[axis],
            num=shape[axis],
            axis=axis,
        )
    # SLICE, STRIDED_SLICE
    for v, shape, begin, size in (
        ("1-D", (5,), (1,), (3,)),
        ("open", (4, 5), (1, 2), (-1, 2)),
        ("3-D", (2, 3, 4), (0, 1, 2), (2, 2, -1)),
        ("4-D", (1, 4, 4, 3), (0, 1, 1, 0), (1, 2, 2, 3)),
        ("5-D", (1, 2, 3, 2, 2), (0, 0, 1, 0, 1), (1, -1, 2, 1, 1)),
        ("empty", (4, 3), (1, 0), (0, 3)),
    ):
        for t in ("int32", "int64"):
            yield p("SLICE", f"{v}, {t}", x(*shape), T((len(shape),), t, begin), T((len(shape),), t, size))
    for v, shape, b, e, s, options in (
        ("1-D", (7,), (1,), (6,), (2,), {}),
        ("negative stride", (7,), (5,), (0,), (-2,), {}),
        ("negative ends", (4, 5), (-3, 0), (-1, -1), (1, 2), {}),
        ("begin and end masks", (4, 5), (1, 1), (2, 2), (1, 1), {"begin_mask": 1, "end_mask": 2}),
        ("reversed with masks", (4, 5), (0, 0), (0, 0), (-1, -1), {"begin_mask": 3, "end_mask": 3}),
        ("shrink", (4, 5), (1, 0), (2, 5), (1, 1), {"shrink_axis_mask": 1}),
        ("shrink last", (4, 5), (0, -1), (4, 0), (1, 1), {"shrink_axis_mask": 2}),
        ("shrink all", (3,), (1,), (2,), (1,), {"shrink_axis_mask": 1}),
        ("new axis", (4, 5), (0, 0, 1), (0, 4, 3), (1, 1, 1), {"new_axis_mask": 1}),
        ("new axis behind", (4, 5), (0, 0, 0), (4, 5, 0), (1, 1, 1), {"new_axis_mask": 4}),
        ("ellipsis", (2, 3, 4), (0, 1), (0, 3), (1, 1), {"ellipsis_mask": 1}),
        ("ellipsis between", (2, 3, 4, 2), (0, 0, 1), (1, 0, 2), (1, 1, 1), {"ellipsis_mask": 2}),
        (
            "ellipsis and new axis",
            (2, 3),
            (0, 0, 0),
            (0, 0, 2),
            (1, 1, 1),
            {"ellipsis_mask": 1, "new_axis_mask": 2},
        ),
        (
            "ellipsis and shrink",
            (2, 3, 4),
            (0, 1),
            (0, 2),
            (1, 1),
            {"ellipsis_mask": 1, "shrink_axis_mask": 2},
        ),
        ("fewer", (2, 3, 4), (1,), (2,), (1,), {}),
        ("offset", (7,), (2,), (3,), (1,), {"offset": True}),
        ("empty", (7,), (4,), (2,), (1,), {}),
        ("beyond", (4, 5), (0, 2), (100, 100), (1, 1), {}),
        ("5-D", (1, 2, 3, 2, 4), (0, 0, 1, 0, 0), (1, 2, 3, 2, 4), (1, 1, 1, 1, 3), {}),
    ):
        parts = [ints(*part) for part in (b, e, s)]
        yield p("STRIDED_SLICE", v, x(*shape), *parts, **options)
    # TILE, BROADCAST_TO, FILL, REVERSE
    for shape, times in (
        ((3,), (2,)),
        ((2, 3), (2, 1)),
        ((1, 2, 3), (3, 1, 2)),
        ((1, 2, 2, 2), (1, 2, 1, 3)),
        ((2, 3), (0, 1)),
        ((1, 2, 1, 2, 1), (2, 1, 2, 1, 2)),
    ):
        for t in ("int32", "int64"):
            yield p("TILE", f"{times}, {t}", x(*shape), T((len(times),), t, times))
    for shape, to in (
        ((), (2, 3)),
        ((3,), (2, 3)),
        ((2, 1), (2, 3)),
        ((1, 2, 1), (3, 2, 4)),
        ((1, 1, 2, 1), (1, 3, 2, 2)),
        ((2, 1, 2, 1, 2), (2, 3, 2, 2, 2)),
        ((1,), (1, 2, 1, 2, 1, 2)),
    ):
        for t in ("int32", "int64"):
            yield p("BROADCAST_TO", f"{shape} to {to}, {t}", x(*shape), T((len(to),), t, to))
    for to in ((3,), (2, 3), (), (1, 2, 2, 2), (0,)):
        for t in ("int32", "int64"):
            yield p("FILL", f"{to}, {t}", T((len(to),), t, to), x())
    yield p("FILL", "constant", ints(2, 3), x(data=True))
    for shape, axes in (
        ((5,), (0,)),
        ((2, 3), (1,)),
        ((2, 3), (-1,)),
        ((2, 3, 4), (0, 1)),
        ((1, 2, 3, 2), (1, 2)),
        ((1, 2, 1, 3, 2), (3,)),
    ):
        yield p("REVERSE_V2", f"{axes} of {len(shape)}-D", x(*shape), ints(*axes))
    # blocks
    yield p("SPACE_TO_DEPTH", "", x(1, 4, 6, 2), block_size=2)
    yield p("DEPTH_TO_SPACE", "", x(2, 2, 3, 8), block_size=2)
    for v, shape in (("4-D", (1, 4, 6, 2)), ("batches", (2, 4, 2, 1))):
        yield p("SPACE_TO_BATCH_ND", v, x(*shape), ints(2, 2), T((2, 2), "int32", ((0, 0), (0, 0))))
        yield p(
            "SPACE_TO_BATCH_ND", f"{v}, padded", x(*shape), ints(2, 2), T((2, 2), "int32", ((1, 1), (0, 2)))
        )
    yield p("SPACE_TO_BATCH_ND", "3-D", x(1, 4, 2), ints(2), T((1, 2), "int32", ((0, 2),)))
    for v, shape in (("4-D", (4, 2, 3, 2)), ("batches", (8, 2, 2, 1))):
        yield p("BATCH_TO_SPACE_ND", v, x(*shape), ints(2, 2), T((2, 2), "int32", ((0, 0), (0, 0))))
        yield p(
            "BATCH_TO_SPACE_ND", f"{v}, cropped", x(*shape), ints(2, 2), T((2, 2), "int32", ((1, 0), (0, 2)))
        )
    yield p("BATCH_TO_SPACE_ND", "3-D", x(4, 2, 2), ints(2), T((1, 2), "int32", ((0, 1),)))
    # by indices
    for axis, shape, n in (
        (0, (4, 3), (2,)),
        (1, (4, 3), (2, 2)),
        (-1, (2, 3, 4), (3,)),
        (2, (1, 3, 4, 2), ()),
        (0, (5,), (3,)),
        (3, (1, 2, 1, 4, 2), (2,)),
    ):
        for t in ("int32", "int64", "int16"):
            yield p(
                "GATHER",
                f"axis {axis} of {len(shape)}-D at {n} {t}",
                x(*shape),
                T(n, t, None, 0, 2),
                axis=axis,
            )
    yield p("GATHER", "constant indices", x(4, 3), ints(2, 0, 1), axis=1)
    yield p("GATHER", "constant data", x(4, 3, data=True), T((2,), "int32", None, 0, 2), axis=0)
    yield p("GATHER", "batch_dims 1", x(2, 4, 3), T((2, 2), "int32", None, 0, 2), axis=1, batch_dims=1)
    yield p("GATHER", "batch_dims -1", x(2, 4, 3), T((2, 2), "int32", None, 0, 2), axis=1, batch_dims=-1)
    yield p("GATHER", "empty", x(4, 3), T((0,), "int32", None, 0, 2), axis=0)
    for shape, n in (
        ((4,), (2, 1)),
        ((4, 3), (2, 1)),
        ((4, 3), (2, 2)),
        ((3, 3, 2), (2, 2, 2)),
        ((2, 2, 2, 2), (3, 3)),
        ((2, 2, 2, 2, 2), (2, 4)),
    ):
        for t in ("int32", "int64", "int16"):
            yield p(
                "GATHER_ND",
                f"{n} of {len(shape)}-D, {t}",
                x(*shape),
                T(n, t, None, 0, 1),
            )
    for shape, n, u in (((6,), (3, 1), (3,)), ((4, 3), (2, 1), (2, 3)), ((4, 3), (3, 2), (3,))):
        i = T(n, "int32", [[0, 1], [2, 0], [3, 2]][: n[0]] if n[1] == 2 else [[0], [3], [1]][: n[0]])
        yield p("SCATTER_ND", f"{n} into {len(shape)}-D", i, x(*u), ints(*shape))
    yield p("SCATTER_ND", "computed indices", T((3, 1), "int32", None, 0, 4), x(3, 2), ints(5, 2))
    yield p("EMBEDDING_LOOKUP", "", T((3,), "int32", None, 0, 3), x(4, 5, data=True))
    for axis in (0, 1, -1):
        for t in ("int32", "int64"):
            yield p(
                "ONE_HOT",
                f"axis {axis}, {t}",
                T((2, 3), t, None, -1, 4),
                ints(4, shape=()),
                T((), kind, True),
                T((), kind, True),
                axis=axis,
            )
    yield p("ONE_HOT", "computed values", T((3,), "int32", None, 0, 3), ints(4, shape=()), x(), x(), axis=-1)
    yield p(
        "ONE_HOT",
        "scalar",
        T((), "int32", None, 0, 3),
        ints(4, shape=()),
        T((), kind, True),
        T((), kind, True),
        axis=-1,
    )
    for t in ("int32", "int64"):
        yield p("REVERSE_SEQUENCE", t, x(3, 4, 2), T((3,), t, None, 0, 4), seq_dim=1, batch_dim=0)
    yield p("REVERSE_SEQUENCE", "batch behind", x(4, 3), T((3,), "int32", None, 0, 4), seq_dim=0, batch_dim=1)
    yield p("DYNAMIC_UPDATE_SLICE", "", x(4, 5), x(2, 3), T((2,), "int32", None, -1, 4))
    yield p("DYNAMIC_UPDATE_SLICE", "int64", x(4, 5), x(2, 3), T((2,), "int64", None, -1, 4))
    yield p("DYNAMIC_UPDATE_SLICE", "4-D", x(1, 4, 5, 2), x(1, 1, 5, 2), T((4,), "int32", [0, 2, 0, 0]))
    yield p("MATRIX_DIAG", "", x(2, 3))
    yield p("MATRIX_SET_DIAG", "", x(2, 3, 3), x(2, 3))
    yield p("SEGMENT_SUM", "", x(4, 3), ints(0, 0, 1, 2))
    for name in (
        "UNSORTED_SEGMENT_SUM",
        "UNSORTED_SEGMENT_PROD",
        "UNSORTED_SEGMENT_MAX",
        "UNSORTED_SEGMENT_MIN",
    ):
        yield p(name, "", x(4, 3), ints(2, 0, 2, 1), ints(4, shape=()))
        yield p(name, "negative", x(4, 3), ints(2, -1, 2, 1), ints(3, shape=()))
        yield p(name, "computed segments", x(4, 3), T((4,), "int32", None, 0, 2), ints(3, shape=()))
    yield p("SPARSE_TO_DENSE", "", ints(0, 2, 4), ints(6), x(3, data=True), x(data=True))
    yield p("SPARSE_TO_DENSE", "2-D", T((3, 2), "int32", [0, 1, 1, 2, 3, 0]), ints(4, 3), x(3), x())
    yield p("DILATE", "", x(2, 3), ints(2, 1), x())
    yield p("CUMSUM", "", x(2, 4), ints(1, shape=()))
    yield p("CUMSUM", "exclusive, reverse", x(2, 4), ints(-2, shape=()), exclusive=True, reverse=True)
    for t in ("int32", "int64"):
        shaped = Probe("SHAPE", label, t, (x(2, 3, 4),), (out(t),), {"out_type": t})
        yield shaped
        yield Probe("UNIQUE", label, t, (x(7),), (out(kind), out(t)), {"idx_out_type": t})
    yield Probe("SHAPE", label, "scalar", (x(),), (out("int32"),), {"out_type": "int32"})
    yield Probe("RANK", label, "", (x(2, 3),), (out("int32"),))
    yield Probe("WHERE", label, "", (x(3, 4),), (out("int64"),))
    yield Probe("WHERE", label, "1-D", (x(5),), (out("int64"),))
    yield Probe("WHERE", label, "constant", (x(5, data=True),), (out("int64"),))
    scalars = [T((), kind, v) for v in (2, 9, 3)]
    yield Probe("RANGE", label, "", tuple(scalars), (out(kind),))
    yield Probe("RANGE", label, "computed", tuple(T((), kind, None, v, v) for v in (2, 9, 3)), (out(kind),))


def every() -> Iterator[Probe]:
    for label, kind in EVERY.items():
        yield from _of(label, kind)
    for t in ("int32", "int64"):
        yield Probe("BROADCAST_ARGS", t, "", (T((2,), t, [1, 3]), T((3,), t, [2, 4, 1])), (out(t),))
        yield Probe(
            "BROADCAST_ARGS", t, "computed", (T((1,), t, None, 1, 1), T((2,), t, None, 3, 3)), (out(t),)
        )
    for a in ("float32", "int32", "uint8", "int16"):
        for b in ("float32", "int32", "uint8", "int16"):
            yield Probe("BITCAST", a, f"to {b}", (T((2, 4), a),), (out(b),))
    for label in ("float32", "float64", "int32", "int64"):
        yield Probe(
            "BUCKETIZE",
            label,
            "",
            (T((2, 5), KINDS.get(label, "float64")),),
            (out("int32"),),
            {"boundaries": [-2.0, 0.5, 3.0]},
        )


__all__ = ["every"]
