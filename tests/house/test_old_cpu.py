"""One wheel for every x86-64: on an emulated CPU without AVX the engine imports, and answers the same."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys

import pytest

from cases import CASES
from edgerun import Session

# 64-bit x86 of 2008: the last before AVX, and the lowest that numpy's own wheels run on.
CPU = "Nehalem"
SCRIPT = """
import sys
from edgerun import Session
from edgerun.plan import program
isas = program.machine()["isas"]
assert isas == ["generic", "sse41"], isas
print(Session(sys.stdin.buffer.read(), threads=2).fingerprint())
"""


@pytest.mark.system
@pytest.mark.skipif(platform.machine() != "x86_64", reason="an x86-64 CPU is emulated by its own kind")
def test_a_cpu_without_avx_gives_the_same_answers() -> None:
    emulator = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
    if emulator is None:
        pytest.skip("There is no qemu-x86_64 on the PATH.")
    model = next(case for case in CASES if case.operator == "Conv2d").build()
    # numpy's OpenBLAS asks the emulator which CPU it is, and then takes AVX all the same.
    environment = {**os.environ, "OPENBLAS_CORETYPE": CPU, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [emulator, "-cpu", CPU, os.path.realpath(sys.executable), "-c", SCRIPT]
    done = subprocess.run(command, input=model, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == Session(model).fingerprint()
