"""The sound models that are mutated: name and how the file is made, per format."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cases import CASES

Seeds = list[tuple[str, Callable[[], bytes | None]]]
_LARGEST = 300 << 10  # bytes of a model


def seeds(format: str, shared: Path | None = None) -> Seeds:
    """Those of a format; of a model that cannot be compiled there is None. shared: a folder of more."""
    if format == "tflite":
        found = _tflite()
    elif format == "onnx":
        found = _onnx()
    else:
        found = [(name, functools.partial(_compiled, build)) for name, build in (*_tflite(), *_onnx())]
    return [(name, functools.cache(build)) for name, build in (*found, *_shared(format, shared))]


def _tflite() -> Seeds:
    """The model of every Case."""
    return [(f"{case.operator}-{case.id}", case.build) for case in CASES]


def _shared(format: str, folder: Path | None) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
    """The small models of a folder."""
    for path in sorted(folder.rglob("*.*")) if folder else ():
        if path.suffix in (".tflite", ".onnx") and path.stat().st_size <= _LARGEST:
            if format == "edgerun":
                yield path.name, lambda path=path: _compiled(path.read_bytes)  # type: ignore[misc]
            elif path.suffix == f".{format}":
                yield path.name, path.read_bytes


def _onnx() -> Seeds:
    """The models that `onnx` tests its operators with. What they are fed but the first input is made a
    constant, as in the files that people have."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    return [
        (case.name, functools.partial(_settled, case))
        for case in cases
        if case.model.ByteSize() <= _LARGEST >> 5 and case.data_sets
    ]


def _settled(case: Any) -> bytes:
    from onnx import TensorProto, numpy_helper

    model = type(case.model)()
    model.CopyFrom(case.model)
    inputs = dict(zip([p.name for p in model.graph.input], case.data_sets[0][0], strict=False))
    for port in list(model.graph.input)[1:]:
        value = inputs.get(port.name)
        if isinstance(value, np.ndarray) and value.dtype.kind not in "OUV":
            value = numpy_helper.from_array(value, port.name)
        if isinstance(value, TensorProto) and value.ByteSize() <= _LARGEST >> 5:
            model.graph.initializer.append(value)
            model.graph.initializer[-1].name = port.name
            model.graph.input.remove(port)
    return bytes(model.SerializeToString())


def _compiled(build: Callable[[], bytes | None]) -> bytes | None:
    from edgerun.artifact import compile_model
    from edgerun.errors import EdgerunError

    source = build()
    try:
        data = None if source is None else compile_model(source)
    except EdgerunError:
        return None  # run in stages, or not supported
    return data if data is not None and len(data) <= _LARGEST else None
