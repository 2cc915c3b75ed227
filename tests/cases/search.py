"""Operators that look for values."""

from __future__ import annotations

from cases.base import I8, U8, Case, Net, Q, Shape, make

Kind = Q | str


def top_k(shape: Shape, k: int, x: Kind = I8) -> bytes:
    net = Net()
    a = net.of("x", shape, x)
    ys = [net.of("values", (*shape[:-1], k), x), net.tensor("indices", (*shape[:-1], k), "int32")]
    net.operator("TOPK_V2", [a, net.ints("k", k)], ys)
    return net.finish([a], ys)


def bucketize(boundaries: tuple[float, ...], x: str = "float32") -> bytes:
    net = Net()
    a, y = net.tensor("x", (4, 9), x), net.tensor("y", (4, 9), "int32")
    net.operator("BUCKETIZE", [a], [y], {"boundaries": boundaries})
    return net.finish([a], [y])


CASES: list[Case] = [
    *make(
        "TopK",
        top_k,
        *({"shape": (3, 40), "k": k, "x": x} for k in (1, 7, 40) for x in (I8, U8, "float32")),
        *({"shape": (2, 3, 9), "k": 4, "x": x} for x in ("int32", "int64")),
        {"shape": (500,), "k": 100},
    ),
    *make(
        "Bucketize",
        bucketize,
        {"boundaries": (-2.0, 0.0, 0.5, 3.0)},
        {"boundaries": (-200.0, 0.0, 500.0), "x": "int32"},
        {"boundaries": (-200.0, 0.0, 500.0), "x": "int64"},
    ),
]
