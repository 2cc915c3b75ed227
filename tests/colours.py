"""A small model that says which of red, green and blue a picture has most of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgerun.formats.tflite_writer import ModelBuilder

SIDE = 32


def write_colours_model(path: Path) -> Path:
    """A uint8 classifier of three classes: mean, softmax."""
    b = ModelBuilder()
    shade = {"scale": 1 / 255}
    pixels = b.tensor("pixels", (1, SIDE, SIDE, 3), "uint8", **shade)
    mean = b.tensor("mean", (1, 1, 1, 3), "uint8", **shade)
    flat = b.tensor("flat", (1, 3), "uint8", **shade)
    shape = b.tensor("shape", (2,), "int32", data=np.array([1, 3], np.int32))
    scores = b.tensor("scores", (1, 3), "uint8", scale=1 / 256)
    window = {"stride_w": SIDE, "stride_h": SIDE, "filter_width": SIDE, "filter_height": SIDE}
    b.operator("AVERAGE_POOL_2D", [pixels], [mean], {"padding": "valid", **window})
    b.operator("RESHAPE", [mean, shape], [flat], {"new_shape": (1, 3)})
    b.operator("SOFTMAX", [flat], [scores], {"beta": 4.0})
    path.write_bytes(b.finish([pixels], [scores]))
    return path
