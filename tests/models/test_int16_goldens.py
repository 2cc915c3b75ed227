"""127 single operators of int16 by int8 with the results that TFLite Micro's tests demand, bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgerun
from edgerun.formats.tflite_reader import read_model
from edgerun.frontends.tflite_ops import IMPORTERS
from edgerun.ir.types import Array
from shared_material import FOLDER, needs_shared

pytestmark = needs_shared
GOLDENS = FOLDER / "goldens" / "tflm_seanet"
FOLDERS = {
    "add": 17,
    "conv": 22,
    "leaky_relu": 23,
    "pad": 19,
    "quantize": 2,
    "strided_slice": 34,
    "sub": 5,
    "transpose_conv": 5,
}


def numbers(path: Path) -> Array:
    dtype = path.stem.rsplit("_", 1)[-1]
    return np.array([int(v) for v in path.read_text().replace("\n", "").split(",") if v.strip()], dtype)


def feeds(path: Path, session: edgerun.Session) -> dict[str, Array]:
    """The inputs of a model from the files beside it: numbered, unless there is one."""
    found = sorted(path.parent.glob(f"{path.stem}_input*.csv"))
    arrays = [numbers(f) for f in found]
    wanted = {info.name: info for info in session.inputs}
    result = {}
    for name, info in wanted.items():
        array = next(a for a in arrays if a.dtype == info.dtype and a.size == np.prod(info.shape))
        arrays = [a for a in arrays if a is not array]
        result[name] = array.reshape(info.shape)
    return result


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_golden(folder: str) -> None:
    models = sorted((GOLDENS / folder).glob("*.tflite"))
    assert len(models) == FOLDERS[folder]
    files = [read_model(path.read_bytes(), path=str(path)) for path in models]
    names = {op.name for file in files for op in file.subgraphs[0].operators}
    if not names <= set(IMPORTERS):
        pytest.skip(f"there is no importer for {names}")
    wrong = []
    for path in models:
        session = edgerun.Session(path, 1)
        (golden,) = path.parent.glob(f"{path.stem}_golden_*.csv")
        (mine,) = session.run(feeds(path, session)).values()
        if not np.array_equal(mine.reshape(-1), numbers(golden)):
            wrong.append(path.name)
    assert not wrong
