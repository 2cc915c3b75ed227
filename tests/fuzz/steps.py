"""The steps that the engine is given for sound models, as text for csrc/tests/step_fuzz.cc.

    python -m fuzz.steps FILE

Each word on its own; bytes in hexadecimal, floats as C++ reads them:

    step VERB KERNEL
    in | out SIZE_OF_BUFFER OFFSET ROW_STRIDE DTYPE RANK DIMENSIONS...
    integer | real | text | integers | bytes | pack NAME VALUE...
    end
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from edgerun import Session, _engine
from edgerun.errors import EdgerunError
from fuzz.seeds import seeds

_LARGEST = 1 << 13  # bytes of a tensor or constant: larger ones only take time


_made: dict[int, tuple[Any, list[str]]] = {}  # what a Blob, kept alive, was made of, by its id


def _remember(blob: Any, words: list[str]) -> Any:
    _made[id(blob)] = (blob, words)
    return blob


class _Blob(_engine.Blob):  # type: ignore[misc]
    def __init__(self, array: Any) -> None:
        super().__init__(array)
        _remember(self, ["bytes", array.tobytes().hex() or "-"])


class _Recorder:
    """The engine, which remembers what constants were made of and which programs were prepared."""

    Blob = _Blob

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(_engine, name)

    def pack(self, verb: str, kernel: str, values: Any, shape: list[int]) -> Any:
        blob = _engine.pack(verb, kernel, values, shape)
        words = [len(shape), *shape, values.tobytes().hex() or "-"]
        return None if blob is None else _remember(blob, ["pack", *map(str, words)])

    def Program(self, specs: list[dict[str, Any]], lanes: list[int], buffer_bytes: list[int]) -> Any:
        self.steps += specs
        return _engine.Program(specs, lanes, buffer_bytes)


def _text(step: dict[str, Any]) -> Iterator[str]:
    yield f"step {step['verb']} {step['kernel']}"
    for role, refs in (("in", step["inputs"]), ("out", step["outputs"])):
        for _, _, row_stride, shape, dtype in refs:
            size = np.dtype(dtype).itemsize
            rows = int(np.prod(shape[:-1], dtype=np.int64))
            nbytes = (rows - 1) * row_stride + (shape[-1] if shape else 1) * size
            yield " ".join(map(str, [role, nbytes, 0, row_stride, dtype, len(shape), *shape]))
    for name, value in step["attributes"].items():
        if isinstance(value, _engine.Blob):
            kind, *words = _made[id(value)][1]
            yield " ".join([kind, name, *words])
        elif isinstance(value, str):
            yield f"text {name} {value}"
        elif isinstance(value, float):
            yield f"real {name} {value.hex() if np.isfinite(value) else value}"
        elif isinstance(value, int):
            yield f"integer {name} {value}"
        else:
            yield " ".join(map(str, ["integers", name, len(value), *value]))
    yield "end"


def write_steps(path: Path) -> int:
    """Writes the small steps of the models of the tests, each once; how many there are."""
    found: dict[str, None] = {}
    for _, build in (*seeds("tflite"), *seeds("onnx")):
        recorder = _Recorder()
        _made.clear()
        with (
            mock.patch("edgerun.plan.program._engine", recorder),
            mock.patch("edgerun.plan.program._packs", {}),
        ):
            try:
                Session(build() or b"", threads=1)
            except EdgerunError:
                continue
        for step in recorder.steps:
            text = "\n".join(_text(step)) + "\n"
            if (
                all(d > 0 for ref in (*step["inputs"], *step["outputs"]) for d in ref[3])
                and len(text) < 4 * _LARGEST
            ):
                found[text] = None
    path.write_text("".join(found))
    return len(found)


if __name__ == "__main__":
    print(write_steps(Path(sys.argv[1])), "steps")
