"""One script on another runtime and on edgerun: only the import line differs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

# Import lines of scripts as people write them, and what becomes of each.
LINES = {
    "from ai_edge_litert.interpreter import *": "from edgerun.compat.tflite import *",
    "from ai_edge_litert.interpreter import Interpreter, OpResolverType, load_delegate": (
        "from edgerun.compat.tflite import Interpreter, OpResolverType, load_delegate"
    ),
    "import ai_edge_litert.interpreter as tflite": "import edgerun.compat.tflite as tflite",
    "from ai_edge_litert import interpreter as tflite": "from edgerun.compat import tflite",
    "import onnxruntime as ort": "import edgerun.compat.onnxruntime as ort",
    "import onnxruntime": "from edgerun.compat import onnxruntime",
    "from onnxruntime import InferenceSession, SessionOptions": (
        "from edgerun.compat.onnxruntime import InferenceSession, SessionOptions"
    ),
}


def run_script(script: str, **names: Any) -> Any:
    """What a script leaves in `result`; `names` are there before it begins."""
    scope: dict[str, Any] = {"np": np, **names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(script, "<script>", "exec"), scope)
    return scope["result"]


def both(script: str, **names: Any) -> tuple[Any, Any]:
    """The results of a script on the other runtime and on edgerun. Its first line imports that runtime."""
    line, rest = script.strip().split("\n", 1)
    return run_script(f"{line}\n{rest}", **names), run_script(f"{LINES[line]}\n{rest}", **names)


def assert_same(ours: Any, theirs: Any, quanta: int = 0, place: str = "result") -> None:
    """The same types all the way down, and equal values; integers of arrays may differ by `quanta`, and
    floats by as many thousandths."""
    assert type(ours) is type(theirs), place
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), place
        for key in theirs:
            assert_same(ours[key], theirs[key], quanta, f"{place}[{key!r}]")
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), place
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, quanta, f"{place}[{i}]")
    elif isinstance(theirs, np.ndarray | np.generic):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), place
        if quanta and theirs.dtype.kind in "iuf":
            allowed = quanta if theirs.dtype.kind in "iu" else 1e-3 * quanta
            apart = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
            assert apart.max(initial=0) <= allowed, f"{place}: {ours} is not {theirs}"
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=place)
    else:
        assert ours == theirs, place


def mistake(script: str, **names: Any) -> tuple[str, str]:
    """Type and message of the exception that a script ends with."""
    with pytest.raises(Exception) as caught:  # any: the caller compares them
        run_script(f"result = None\n{script}", **names)
    return caught.type.__name__, str(caught.value)
