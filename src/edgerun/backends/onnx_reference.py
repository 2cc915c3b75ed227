"""ONNX Runtime as a reference: every tensor of a run, by its name in the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.backends.trial import message
from edgerun.errors import ModelError
from edgerun.formats.onnx_reader import read_onnx

Array = npt.NDArray[Any]


def every_tensor(data: bytes, path: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """What each operator of an .onnx file computes, by ONNX Runtime operator by operator, without its
    optimisations, on feeds by input name; inputs and weights are not among them.

    Raises FormatError for what is no ONNX file, ModelError where ONNX Runtime is missing or refuses it.
    """
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise ModelError(
            "Comparing with ONNX Runtime needs the package onnxruntime: `pip install edgerun[onnxruntime]`."
        ) from error
    from onnx import ValueInfoProto

    model = read_onnx(data, path)
    names = [name for node in model.graph.node for name in node.output if name]
    known = {port.name for port in model.graph.output}
    model.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in known)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        results = session.run(names, dict(feeds))
    except Exception as error:  # its exceptions have no common base
        raise ModelError(f"ONNX Runtime refuses {path}: {message(error)}") from error
    # Sequences and strings are nothing that arrays could be compared with.
    kept = {n: r for n, r in zip(names, results, strict=True) if isinstance(r, np.ndarray | np.generic)}
    return {name: np.asarray(result) for name, result in kept.items()}
