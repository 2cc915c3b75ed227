"""A model as a file, the script that all children begin with, and a way to run one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from session.conftest import classifier_net

_SANITIZED = any(name in os.environ.get("LD_PRELOAD", "") for name in ("asan", "tsan"))
# Sanitizers take terabytes of address space and threads of their own: neither can be limited beside them.
without_sanitizers = pytest.mark.skipif(_SANITIZED, reason="a sanitizer needs what is limited here")

# A child: `path` is the model; `answer` runs a session on a fixed input; `cache_in` turns the cache on;
# `attempt` does something that may fail for want of resources, and says how it ended. Any other exception
# ends the child, and the test.
BEGIN = """
import os, resource, sys, threading
import numpy as np
import edgerun
from edgerun.errors import EdgerunError
from edgerun.plan import program
program._LANE_US = 1e-9  # so that this small model uses the pool
path = sys.argv[1]
given = np.random.default_rng(0).integers(-128, 128, (1, 24, 24, 3), np.int8)

def answer(session):
    return session.run(given)["scores"].tobytes()

def cache_in(folder):
    from edgerun import cache
    os.environ["EDGERUN_CACHE"], os.environ["EDGERUN_CACHE_DIR"] = "on", folder
    cache.WORTH_SECONDS = 0.0

def attempt(work):
    try:
        return work()
    except (EdgerunError, MemoryError) as error:
        return error
    except SystemError as error:
        # Of CPython 3.11 itself, seen where a Python function calls another and there is no memory for the
        # frame. A function of C++ that fails without an exception has another message, and fails the test.
        if str(error) != "error return without exception set":
            raise
        return error
"""


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier_net())
    return path


@pytest.fixture
def child():
    """Runs a script after BEGIN in a process of its own; gives what it prints. One that fails, crashes or
    does not end fails the test."""

    # Memory goes back to the system when it is free: what a limit leaves is all there is.
    environment = os.environ | {
        "MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_TRIM_THRESHOLD_": "0",
        "MALLOC_TOP_PAD_": "0", "MALLOC_ARENA_MAX": "1",
    }  # fmt: skip

    def run(script: str, *arguments: object, seconds: float = 60) -> str:
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + script, *map(str, arguments)],
            capture_output=True, text=True, timeout=seconds, check=False, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
        return done.stdout

    return run
