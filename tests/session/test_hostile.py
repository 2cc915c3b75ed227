"""What the fuzzers found that is of no one format."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import edgerun
from edgerun import _engine
from edgerun.artifact import compile_model
from edgerun.errors import FormatError, ModelError, UnsupportedOperatorError
from edgerun.ir.normalize import L2Normalization
from edgerun.ir.reduction import ReduceProd
from edgerun.ir.types import INT8, UINT8, Element, Quantization, TensorType
from fuzz.mutate_edgerun import mended


def test_compiled_outputs_have_names_of_their_own(pair):
    compiled = compile_model(pair)
    size = int.from_bytes(compiled[16:24], "little")
    header = json.loads(compiled[64 : 64 + size])
    plan = header["content"]["Artifact"]["plan"]["Plan"]
    first, second = plan["outputs"][:2]
    tensors = [t["PlanTensor"] for t in plan["tensors"]]
    tensors[second]["name"] = tensors[first]["name"]
    text = json.dumps(header).encode()
    rest = bytes(40) + text + bytes(-len(text) % 64) + compiled[64 + size + -size % 64 :]
    with pytest.raises(FormatError, match="names of their own"):
        edgerun.Session(mended(compiled[:16] + len(text).to_bytes(8, "little") + rest))


@pytest.mark.parametrize("names", [("a", "b"), ("a", "a")])
def test_the_engine_wants_names_of_their_own(names):
    ports = [(name, i + 1, "float32", (2,)) for i, name in enumerate(names)]

    def runner():
        return _engine.Runner([], [0, 8, 8], {}, 1, [], ports, None)

    if names[0] != names[1]:
        assert set(runner().run({})) == set(names)
        return
    with pytest.raises(ModelError, match="two ports have the name 'a'"):
        runner()


def test_the_engine_wants_ports_of_numbers():
    with pytest.raises(ModelError, match="cannot hold objects"):
        _engine.Runner([], [0, 8], {}, 1, [], [("a", 1, "object", (1,))], None)


def test_candidates_look_at_shapes():
    huge = (0, 0, 4, (1 << 62, 4, 2), "float32")
    step = {"verb": "copy", "kernel": "", "inputs": [huge], "outputs": [huge], "attributes": {}}
    with pytest.raises(ModelError, match="impossible dimension"):
        _engine.candidates(step, "generic")


def test_a_product_of_quanta_gives_quanta():
    x = TensorType((2, 3), INT8, Quantization.of(np.float32(0.5)))
    with pytest.raises(UnsupportedOperatorError, match="quantised tensor"):
        ReduceProd(Element(INT8), (0,)).infer(x)


def test_rows_of_bytes_that_are_no_quanta_are_not_normalised():
    """A table of lengths was made with a scale that is not there."""
    plain, quanta = TensorType((2, 3), UINT8, None), Element(UINT8, Quantization.of(np.float32(0.5)))
    with pytest.raises(UnsupportedOperatorError, match="L2Normalization of 2x3:uint8"):
        L2Normalization(quanta).infer(plain)


def test_a_kernel_that_the_process_may_not_run_is_refused():
    """A stack for signals that is too small for the state of AMX makes Linux refuse its tiles. A step that
    asked for them by name, as one of an image does that another process made, ended the process."""
    if "amx" not in _engine.isas():
        pytest.skip("This processor has no AMX.")
    done = subprocess.run([sys.executable, "-c", _WITHOUT_TILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the kernel 'amx' cannot run here" in done.stdout


_WITHOUT_TILES = """
import ctypes
class Stack(ctypes.Structure):
    _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]
libc = ctypes.CDLL(None)
memory = ctypes.create_string_buffer(1 << 12)
stack = Stack(ctypes.addressof(memory), 0, 1 << 12)
assert libc.sigaltstack(ctypes.byref(stack), None) == 0
from edgerun import _engine
assert not _engine.amx_permitted()
tensor = (0, 0, 4, (1, 4), "int8")
step = {"verb": "conv", "kernel": "amx", "inputs": [tensor], "outputs": [tensor], "attributes": {}}
try:
    _engine.Program([step], [1], [4])
except Exception as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("last", "other", "message"), [(1, 0, r"e\^0 must be 1"), (32767, -1, r"e\^x must not be negative")]
)
def test_a_table_of_powers_that_are_none(last, other, message):
    """A row's sum of 1, or below 0, was shifted by -1: undefined in C++."""
    points = np.full(513, other, np.int16)
    points[512] = last
    attributes = {
        "multiplier": [1 << 30, 0],
        "exp_points": _engine.Blob(points),
        "reciprocal_points": _engine.Blob(np.ones(513, np.int16)),
    }
    given, made = ((buffer, 0, 8, (1, 4), "int16") for buffer in (0, 1))
    step = {"verb": "softmax_s16", "kernel": "generic", "inputs": [given], "outputs": [made]}
    with pytest.raises(ModelError, match=message):
        _engine.Program([{**step, "attributes": attributes}], [1], [8, 8])
