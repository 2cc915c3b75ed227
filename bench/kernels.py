#!/usr/bin/env python3
"""GMAC/s of every kernel on typical layers: compiles csrc/tests/kernel_check.cc and runs it with --bench."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["-std=c++17", "-O2", "-ffp-contract=off", "-Icsrc"]


def main() -> None:
    compiler = os.environ.get("CXX", "c++")
    folders = ("gemm_s8", "dwconv_s8", "row_sum")
    sources = [p for folder in folders for p in (ROOT / "csrc/kernels" / folder).glob("*.cc")]
    sources += [ROOT / "csrc/base/isa.cc", ROOT / "csrc/tests/kernel_check.cc"]
    with tempfile.TemporaryDirectory() as build:

        def compile_one(source: Path) -> str:
            target = str(Path(build) / f"{source.parent.name}-{source.stem}.o")
            subprocess.run([compiler, *FLAGS, "-c", str(source), "-o", target], cwd=ROOT, check=True)
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, sources))
        program = str(Path(build) / "kernel_check")
        subprocess.run([compiler, *objects, "-o", program], check=True)
        sys.exit(subprocess.run([program, "--bench"], check=False).returncode)


if __name__ == "__main__":
    main()
