"""The shared .onnx files, and inputs that each of them can take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerun.ir.types import Array
from shared_material import FOLDER, needs_shared

_PATHS = sorted(FOLDER.glob("models/**/*.onnx"))
# For `parametrize`; where there is no folder, one that is skipped.
SHARED_MODELS = [pytest.param(path, id=path.stem, marks=needs_shared) for path in _PATHS or [FOLDER]]

# Sizes of open dimensions other than 1, where a model needs them.
SIZES: dict[str, dict[str, tuple[int, ...]]] = {
    "silero_vad_16k_op15": {"input": (1, 576)},
    "ppocr_cls_mobile_v2": {"x": (1, 3, 48, 192)},
    "ppocrv6_tiny_det": {"x": (1, 3, 64, 64)},
    "ppocrv6_tiny_rec": {"x": (1, 3, 48, 64)},
}


def feeds(path: Path, ports: Iterable[tuple[str, Any, Any]]) -> dict[str, Array]:
    """Random arrays for the (name, shape, dtype) of a model's inputs; integers are 0, a rate 16000."""
    rng = np.random.default_rng(0)
    given: dict[str, Array] = {}
    for name, shape, dtype in ports:
        sizes = SIZES.get(path.stem, {}).get(name)
        if sizes is None:
            sizes = tuple(side if isinstance(side, int) and side > 0 else 1 for side in shape)
        given[name] = np.full(sizes, 16000, dtype) if name == "sr" else np.asarray(rng.random(sizes), dtype)
    return given
