"""Products of stacks of matrices."""

from __future__ import annotations

import numpy as np

from cases.base import I8, Case, Net, Q, Shape, make, spread


def batch_matmul(
    x: Shape,
    y: Shape,
    adj_x: bool = False,
    adj_y: bool = False,
    constant: bool = False,
    float: bool = False,
    zero: int = -7,
) -> bytes:
    net = Net()
    m, k = x[-2:][::-1] if adj_x else x[-2:]
    n = y[-2 if adj_y else -1]
    shape = (*np.broadcast_shapes(x[:-2], y[:-2]), m, n)
    right = Q(0.02, zero)
    data = None
    if constant:
        data = net.rng.normal(0, 1, y).astype("float32") if float else net.rng.integers(-128, 128, y)
    if float:
        inputs = [net.tensor("x", x, "float32"), net.tensor("y", y, "float32", data=data)]
        out = net.tensor("out", shape, "float32")
    else:
        data = data if data is None else data.astype("int8")
        made = net.tensor("y", y, "int8", scale=right.scale, zero_point=zero, data=data)
        inputs, out = [net.q("x", x), made], net.q("out", shape, spread(I8, right, k))
    net.operator("BATCH_MATMUL", inputs, [out], {"adj_x": adj_x, "adj_y": adj_y})
    return net.finish(inputs[: 1 if constant else 2], [out])


_SHAPES: list[tuple[Shape, Shape, bool, bool]] = [
    ((3, 4), (4, 5), False, False),
    ((2, 3, 17, 9), (2, 3, 9, 33), False, False),
    ((2, 3, 9, 17), (2, 3, 9, 33), True, False),
    ((2, 1, 7, 20), (1, 3, 35, 20), False, True),
    ((5, 64, 1), (32, 64), True, True),
    ((1, 64, 48), (1, 48, 70), False, False),
    ((1, 1, 100), (1, 100, 300), False, False),
]

CASES: list[Case] = [
    *make(
        "BatchMatMul",
        batch_matmul,
        *(
            {"x": x, "y": y, "adj_x": adj_x, "adj_y": adj_y, "float": float}
            for x, y, adj_x, adj_y in _SHAPES
            for float in (False, True)
        ),
        *({"x": (2, 5, 8), "y": (2, 8, 7), "constant": True, "float": float} for float in (False, True)),
        {"x": (2, 5, 8), "y": (2, 8, 7), "zero": 0},
    ),
]
