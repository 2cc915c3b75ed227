"""The elementary functions: accurate, and the bits of the C++ ones, whatever computes them."""

from __future__ import annotations

import hashlib
import math
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgerun.ir import elementary
from edgerun.ir.elementary import Reals

CSRC = Path(__file__).resolve().parents[2] / "csrc"
EDGES = [0.0, -0.0, 0.5, -0.5, 0.25, 709.7899, 709.79, -745.19, -745.2, np.inf, -np.inf, np.nan]
FUNCTIONS: dict[str, tuple[Callable[[Reals], Reals], Callable[[float], float]]] = {
    "exp": (elementary.exp, math.exp),
    "logistic": (elementary.logistic, lambda x: 1 / (1 + math.exp(-x))),
    "tanh": (elementary.tanh, math.tanh),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def arguments() -> Reals:
    rng = np.random.default_rng(0)
    return np.concatenate(
        [rng.uniform(-800, 800, 5000), rng.normal(0, 3, 5000), rng.uniform(-0.6, 0.6, 5000), EDGES]
    )


@every_function
def test_accuracy(name: str) -> None:
    mine, reference = FUNCTIONS[name]
    x = arguments()
    x = x[np.abs(x) < 700]
    np.testing.assert_allclose(mine(x), [reference(v) for v in x], rtol=2e-15, atol=0)


def test_limits() -> None:
    np.testing.assert_array_equal(elementary.exp(np.array([710.0, -746.0])), [np.inf, 0])
    np.testing.assert_array_equal(elementary.logistic(np.array([np.inf, -np.inf])), [1, 0])
    np.testing.assert_array_equal(elementary.tanh(np.array([np.inf, -np.inf, 0.0])), [1, -1, 0])
    assert np.isnan(elementary.exp(np.array([np.nan]))).all()


def test_bits_are_the_same_on_every_machine() -> None:
    """Arguments that every machine makes alike, with results that one machine had."""
    x = np.arange(-8000, 8000) / 640
    digest = hashlib.sha256(b"".join(f(x).tobytes() for f, _ in FUNCTIONS.values()))
    assert digest.hexdigest()[:16] == "bbf3afa0150984ef"


def test_bits_are_those_of_the_engine(tmp_path: Path) -> None:
    compiler = shlex.split(os.environ.get("CXX", "")) or [shutil.which("g++") or shutil.which("c++") or ""]
    if not compiler[0]:
        pytest.skip("There is no C++ compiler: neither CXX nor g++ nor c++.")
    program = tmp_path / "dump"
    calls = ", ".join(f"edgerun::poly_{name}(x)" for name in FUNCTIONS)
    (tmp_path / "dump.cc").write_text(
        '#include <cstdio>\n#include "base/table.h"\nint main() {\n'
        "  for (double x; std::fread(&x, sizeof x, 1, stdin) == 1;) {\n"
        f"    const double y[] = {{{calls}}};\n"
        "    std::fwrite(y, sizeof y, 1, stdout);\n  }\n}\n"
    )
    sources = [str(tmp_path / "dump.cc"), str(CSRC / "base" / "table.cc")]
    flags = ["-std=c++17", "-O2", "-ffp-contract=off", f"-I{CSRC}"]
    subprocess.run([*compiler, *flags, "-o", str(program), *sources], check=True)
    x = arguments()
    done = subprocess.run([program], input=x.tobytes(), capture_output=True, check=True)
    theirs = np.frombuffer(done.stdout).reshape(-1, len(FUNCTIONS))
    for (mine, _), expected in zip(FUNCTIONS.values(), theirs.T, strict=True):
        np.testing.assert_array_equal(mine(x), expected)
