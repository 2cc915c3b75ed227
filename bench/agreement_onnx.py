"""The table of bench/agreement.py for ONNX models, beside ONNX Runtime without its optimisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgerun
from edgerun.compress.compare import Comparison, Distance
from edgerun.compress.compare_onnx import compare_onnx
from edgerun.errors import EdgerunError
from edgerun.ir.op import FLOAT_TOLERANCE
from edgerun.ir.types import TensorInfo
from edgerun.session import fixed_inputs

Array = npt.NDArray[Any]
# For the models that mean nothing with their open dimensions at 1.
SHAPES = {
    "silero_vad_16k_op15": {"input": (1, 576), "state": (2, 1, 128)},
    "ppocr_cls_mobile_v2": {"x": (1, 3, 48, 192)},
    "ppocrv6_tiny_det": {"x": (1, 3, 320, 320)},
    "ppocrv6_tiny_rec": {"x": (1, 3, 48, 320)},
}
HEAD = (
    "| model | layers | fed: quanta (how many differ), floats in tolerances | engine = eval "
    "| runs part first at | end to end | optimised ONNX Runtime |\n|---|---|---|---|---|---|---|"
)


def rows(folder: Path, wanted: list[str], picture: Callable[..., Array]) -> Iterator[str]:
    """The lines of the table, one for each .onnx file below folder/models."""
    for path in sorted((folder / "models").rglob("*.onnx")):
        if not wanted or any(part in str(path) for part in wanted):
            try:
                yield f"| {' | '.join(_cells(path, folder, picture))} |"
            except EdgerunError as error:
                yield f"| {path.stem} | refused: {str(error).splitlines()[0].replace(str(folder), '')} |"


def _cells(path: Path, folder: Path, picture: Callable[..., Array]) -> list[str]:
    session = edgerun.Session(path, threads=1, shapes=SHAPES.get(path.stem))
    photo = folder / "media/images/kite_and_cold.jpg"
    feeds = {info.name: _feed(info, photo, path.stem, picture) for info in session.inputs}
    comparison = compare_onnx(path, feeds)
    truth = edgerun.Session(path, threads=1, backend="onnxruntime", optimized=False).run(feeds)
    fast = edgerun.Session(path, threads=1, backend="onnxruntime").run(feeds)
    equal = all(layer.engine_is_eval for layer in comparison.layers)
    first = comparison.parting
    return [
        path.stem,
        str(len(comparison.layers)),
        _worst(comparison) or "equal",
        "yes" if equal else "NO",
        f"{first.index} {first.operator}" if first is not None else "never",
        _apart(session.run(feeds), truth),
        _apart(fast, truth),
    ]


def _feed(info: TensorInfo, photo: Path, name: str, picture: Callable[..., Array]) -> Array:
    if info.name == "sr":
        return np.array(16000, info.dtype).reshape(info.shape)
    if len(info.shape) == 4 and info.shape[1] == 3:
        return picture(photo, info, 255.0 if "yolox" in name else 1.0)
    return fixed_inputs((info,))[info.name]


def _worst(comparison: Comparison) -> str:
    """Each operator that differs: by quanta (how many integers), or in tolerances of the contract."""
    return ", ".join(
        f"{name} {_show(d)}"
        for name, d in comparison.worst_by_operator().items()
        if d.quanta or d.relative > FLOAT_TOLERANCE / 100
    )


def _show(found: Distance) -> str:
    return (
        f"{found.quanta} ({found.differing})" if found.quanta else f"{found.relative / FLOAT_TOLERANCE:.2g}"
    )


def _apart(mine: Mapping[str, Array], truth: Mapping[str, Array]) -> str:
    """The largest difference of outputs, relative to the largest value of each."""
    worst = 0.0
    for name, wanted in truth.items():
        a, b = mine[name].astype(np.float64), wanted.astype(np.float64)
        worst = max(worst, float(np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-6)))
    return f"{worst:.1g}"
