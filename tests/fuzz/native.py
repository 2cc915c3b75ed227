"""Changed steps into the engine's prepare() and, when it takes them, a run, under sanitizers.

`PYTHONPATH=tests python -m fuzz.native --count 10000000`, or `make fuzz-native`: compiles the engine and
csrc/tests/step_fuzz.cc into build/fuzz (some minutes; again only what changed), and runs it. With `--guided`
libFuzzer looks for choices that reach new code; that needs Clang (CXX names another one than clang++).
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
CSRC, BUILD = ROOT / "csrc", ROOT / "build"
FLAGS = ["-std=c++17", "-O1", "-g1", "-ffp-contract=off", f"-I{CSRC}", "-pthread"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# By calls, g++ compiles the unrolled kernels in a fraction of the time.
CALLS = ["--param", "asan-instrumentation-with-call-threshold=0"]
GUIDED = [
    "-fsanitize=fuzzer-no-link",
    "-DEDGERUN_LIBFUZZER",
    "-mllvm",
    "-asan-instrumentation-with-call-threshold=0",
]
_HANGS = 10  # seconds that one vector may take


def build(guided: bool = False) -> Path:
    """The program, compiled where a source or any header is newer than it."""
    compiler = shlex.split(os.environ.get("CXX", "clang++" if guided else "g++"))
    compiler += [*FLAGS, *SANITIZE, *(GUIDED if guided else CALLS)]
    folder = BUILD / ("guided" if guided else "fuzz")
    folder.mkdir(parents=True, exist_ok=True)
    sources = [p for d in ("base", "executor", "ops", "kernels") for p in sorted((CSRC / d).rglob("*.cc"))]
    sources.append(CSRC / "tests" / "step_fuzz.cc")
    headers = [p for suffix in ("h", "inc", "inl") for p in CSRC.rglob(f"*.{suffix}")]
    newest = max(p.stat().st_mtime for p in headers)

    def compiled(source: Path) -> str:
        target = folder / "_".join(source.relative_to(CSRC).with_suffix(".o").parts)
        if not target.exists() or target.stat().st_mtime < max(newest, source.stat().st_mtime):
            subprocess.run([*compiler, "-c", str(source), "-o", str(target)], check=True)
        return str(target)

    with ThreadPoolExecutor(int(os.environ.get("MAX_JOBS", len(os.sched_getaffinity(0))))) as pool:
        objects = list(pool.map(compiled, sources))
    program = folder / "step_fuzz"
    link = ["-fsanitize=fuzzer"] if guided else []
    subprocess.run([*compiler, *link, *objects, "-o", str(program)], check=True)
    return program


def main() -> int:
    """The program's exit code: 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="fuzz.native", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="of changed steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by libFuzzer")
    parser.add_argument("--corpus", type=Path, help="a folder of choices to begin with")
    options = parser.parse_args()
    program = build(options.guided)
    steps = program.parent / "steps.txt"
    write_steps(steps)
    environment = {
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "ASAN_OPTIONS": "use_sigaltstack=0",  # with its small one, the system refuses AMX tiles
        **os.environ,
        "EDGERUN_FUZZ_STEPS": str(steps),
    }
    command = [str(program), str(options.count), str(options.seed)]
    if options.guided:
        corpus = options.corpus or program.parent / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        limits = [f"-timeout={_HANGS}", "-rss_limit_mb=2048", "-malloc_limit_mb=512", "-max_len=96"]
        seed = [f"-seed={options.seed + 1}", f"-runs={options.count}", f"-artifact_prefix={program.parent}/"]
        command = [str(program), *limits, *seed, "-print_final_stats=1", str(corpus)]
    return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
