"""Changed steps into the engine's prepare() and, when it takes them, a run, under the sanitizers of g++.

`PYTHONPATH=tests python -m fuzz.native --count 10000000`, or `make fuzz-native`: compiles the engine and
csrc/tests/step_fuzz.cc into build/fuzz (some minutes; again only what changed), and runs it.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz.steps import write_steps

ROOT = Path(__file__).parents[2]
CSRC, FOLDER = ROOT / "csrc", ROOT / "build" / "fuzz"
FLAGS = ["-std=c++17", "-O1", "-g1", "-ffp-contract=off", f"-I{CSRC}", "-pthread"]
# By calls, g++ compiles the unrolled kernels in a fraction of the time.
CALLS = ["--param", "asan-instrumentation-with-call-threshold=0"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", *CALLS]


def build() -> Path:
    """The program, compiled where a source or any header is newer than it."""
    compiler = [*shlex.split(os.environ.get("CXX", "g++")), *FLAGS, *SANITIZE]
    FOLDER.mkdir(parents=True, exist_ok=True)
    sources = [p for d in ("base", "executor", "ops", "kernels") for p in sorted((CSRC / d).rglob("*.cc"))]
    sources = [p for p in sources if p.parent.name != "letterbox"] + [CSRC / "tests" / "step_fuzz.cc"]
    headers = [p for suffix in ("h", "inc", "inl") for p in CSRC.rglob(f"*.{suffix}")]
    newest = max(p.stat().st_mtime for p in headers)

    def compiled(source: Path) -> str:
        target = FOLDER / "_".join(source.relative_to(CSRC).with_suffix(".o").parts)
        if not target.exists() or target.stat().st_mtime < max(newest, source.stat().st_mtime):
            subprocess.run([*compiler, "-c", str(source), "-o", str(target)], check=True)
        return str(target)

    with ThreadPoolExecutor(int(os.environ.get("MAX_JOBS", len(os.sched_getaffinity(0))))) as pool:
        objects = list(pool.map(compiled, sources))
    program = FOLDER / "step_fuzz"
    subprocess.run([*compiler, *objects, "-o", str(program)], check=True)
    return program


def main() -> int:
    """The program's exit code: 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="fuzz.native", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="of changed steps")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    program, steps = build(), FOLDER / "steps.txt"
    write_steps(steps)
    environment = {"UBSAN_OPTIONS": "print_stacktrace=1", **os.environ}
    command = [str(program), str(steps), str(options.count), str(options.seed)]
    return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
