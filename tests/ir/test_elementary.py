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
    "log": (elementary.log, lambda x: math.log(x) if x > 0 else -math.inf if x == 0 else math.nan),
    "erf": (elementary.erf, math.erf),
    "sin": (elementary.sin, math.sin),
    "cos": (elementary.cos, math.cos),
}
# Relative errors; the sums of these have more terms, or a range to be reduced.
TOLERANCES = {"erf": 5e-14, "sin": 1e-13, "cos": 1e-13}
POWERS = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 1.5, 1e3, 1e17, np.inf, -np.inf, np.nan]
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
    np.testing.assert_allclose(mine(x), [reference(v) for v in x], rtol=TOLERANCES.get(name, 2e-15), atol=0)


def test_limits() -> None:
    np.testing.assert_array_equal(elementary.exp(np.array([710.0, -746.0])), [np.inf, 0])
    np.testing.assert_array_equal(elementary.logistic(np.array([np.inf, -np.inf])), [1, 0])
    np.testing.assert_array_equal(elementary.tanh(np.array([np.inf, -np.inf, 0.0])), [1, -1, 0])
    assert np.isnan(elementary.exp(np.array([np.nan]))).all()


def test_power_has_the_special_cases_of_c() -> None:
    x, y = (a.ravel() for a in np.meshgrid(POWERS, POWERS))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    np.testing.assert_allclose(elementary.power(x, y), expected, rtol=1e-11, atol=0)
    finite = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(elementary.power(x, y))[finite], np.signbit(expected)[finite])


def test_differences_that_would_cancel() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-30, 3, 3000), 10.0 ** rng.uniform(-300, 0, 1000)])
    np.testing.assert_allclose(elementary.expm1(x), [math.expm1(v) for v in x], rtol=1e-14, atol=0)
    tail = [0.5 * math.erfc(-v * math.sqrt(0.5)) for v in x]
    np.testing.assert_allclose(elementary.normal_cdf(x), tail, rtol=2e-13, atol=0)


def test_bits_are_the_same_on_every_machine() -> None:
    """Arguments that every machine makes alike, with results that one machine had."""
    x = np.arange(-8000, 8000) / 640
    digest = hashlib.sha256(b"".join(f(x).tobytes() for f, _ in FUNCTIONS.values()))
    assert digest.hexdigest()[:16] == "43655e815d4a233b"


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
    x = np.concatenate([arguments(), 2.0 ** np.arange(-1060.0, 1020.0, 7.3)])
    done = subprocess.run([program], input=x.tobytes(), capture_output=True, check=True)
    theirs = np.frombuffer(done.stdout).reshape(-1, len(FUNCTIONS))
    for (mine, _), expected in zip(FUNCTIONS.values(), theirs.T, strict=True):
        np.testing.assert_array_equal(mine(x), expected)
