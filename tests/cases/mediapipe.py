"""MediaPipe's operators. LiteRT has none of them: tests/ops/test_mediapipe.py has the truth."""

from __future__ import annotations

import struct
from typing import Any

from cases.base import Case, Net, Pair, Shape, make
from edgerun.formats import flexbuffer


def landmarks_matrix(n: int = 20, rotation: float = 0.0, subset: tuple[int, ...] = (0, 3, 5, 9, 17)) -> bytes:
    net = Net()
    x = net.tensor("landmarks", (1, n, 3), "float32")
    y = net.tensor("matrix", (1, 4, 4), "float32")
    options = {
        "left_rotation_idx": 2,
        "right_rotation_idx": 7,
        "subset_idxs": list(subset),
        "output_height": 12,
        "output_width": 16,
        "scale_x": 1.5,
        "scale_y": 1.25,
        "target_rotation_radians": rotation,
    }
    net.operator("Landmarks2TransformMatrix", [x], [y], custom_options=flexbuffer.write(options), version=2)
    return net.finish([x], [y])


def transform_landmarks(shape: Shape = (1, 30, 2), version: int = 2, **options: Any) -> bytes:
    net = Net()
    x = net.tensor("landmarks", shape, "float32")
    matrix = net.tensor("matrix", (1, 4, 4), "float32")
    y = net.tensor("y", shape, "float32")
    written = flexbuffer.write(options) if options else b""
    net.operator("TransformLandmarks", [x, matrix], [y], custom_options=written, version=version)
    return net.finish([x, matrix], [y])


def transform_tensor(
    shape: Shape = (1, 9, 11, 5), size: Pair = (6, 7), version: int = 2, turn: float = 0.2
) -> bytes:
    """An image and a matrix of which most positions lie inside."""
    net = Net()
    x = net.tensor("image", shape, "float32")
    rows = [[1.1, -turn, 0, 0.6], [turn, 0.9, 0, -0.3], [0, 0, 1, 0], [0, 0, 0, 1]]
    matrix = net.constant("matrix", [rows], "float32")
    y = net.tensor("y", (1, *size, shape[3]), "float32")
    options: dict[str, Any] = {"output_height": size[0], "output_width": size[1]}
    if version == 1:
        options = {"mode": "bilinear", "output_size": list(size)}
    name = "TransformTensor" if version == 1 else "TransformTensorBilinear"
    net.operator(name, [x, matrix], [y], custom_options=flexbuffer.write(options), version=version)
    return net.finish([x], [y])


def resampler(shape: Shape = (2, 4, 5, 3), size: Pair = (6, 7)) -> bytes:
    net = Net()
    x = net.tensor("image", shape, "float32")
    positions = net.tensor("positions", (shape[0], *size, 2), "float32")
    y = net.tensor("y", (shape[0], *size, shape[3]), "float32")
    net.operator("Resampler", [x, positions], [y])
    return net.finish([x, positions], [y])


def _pool_params(padding: str, kernel: Pair, strides: Pair, activation: int = 0) -> bytes:
    code = {"same": 1, "valid": 2}[padding]
    return struct.pack("<10i", code, strides[1], strides[0], kernel[1], kernel[0], activation, 0, 0, 0, 0)


def max_pool(
    shape: Shape = (2, 7, 8, 3),
    kernel: Pair = (2, 3),
    strides: Pair = (2, 2),
    padding: str = "same",
    activation: int = 0,
) -> bytes:
    net = Net()
    x = net.tensor("x", shape, "float32")
    less = (0, 0) if padding == "same" else (kernel[0] - 1, kernel[1] - 1)
    size = [-(-(shape[i + 1] - less[i]) // strides[i]) for i in range(2)]
    outputs = [net.tensor(name, (shape[0], *size, shape[3]), "float32") for name in ("y", "places")]
    options = _pool_params(padding, kernel, strides, activation)
    net.operator("MaxPoolingWithArgmax2D", [x], outputs, custom_options=options)
    return net.finish([x], outputs)


def max_unpool(shape: Shape = (2, 3, 4, 5), kernel: Pair = (2, 2), strides: Pair = (2, 2)) -> bytes:
    """The places are random numbers, some of which lie outside."""
    net = Net()
    x, places = (net.tensor(name, shape, "float32") for name in ("x", "places"))
    n, h, w, c = shape
    y = net.tensor("y", (n, h * kernel[0], w * kernel[1], c), "float32")
    options = _pool_params("same", kernel, strides)
    net.operator("MaxUnpooling2D", [x, places], [y], custom_options=options)
    return net.finish([x, places], [y])


CASES: list[Case] = [
    *make(
        "LandmarksToTransformMatrix",
        landmarks_matrix,
        {},
        {"rotation": 0.7},
        {"subset": (1, 4)},
        litert=False,
    ),
    *make(
        "TransformLandmarks",
        transform_landmarks,
        {},
        {"shape": (1, 30, 3)},
        {"shape": (1, 1, 1, 30), "version": 1, "dimensions": 2, "scale": 0.25},
        {"shape": (1, 1, 1, 30), "version": 1, "dimensions": 3},
        litert=False,
    ),
    *make(
        "TransformTensorBilinear",
        transform_tensor,
        {},
        {"version": 1},
        {"shape": (1, 16, 16, 32), "size": (16, 16), "turn": -0.3},
        litert=False,
    ),
    *make("Resampler", resampler, {}, {"shape": (1, 3, 3, 17), "size": (3, 3)}, litert=False),
    *make(
        "MaxPoolWithArgmax",
        max_pool,
        {},
        {"padding": "valid", "kernel": (3, 2)},
        {"activation": 1},
        litert=False,
    ),
    *make("MaxUnpool", max_unpool, {}, {"kernel": (3, 2), "strides": (2, 1)}, litert=False),
]
