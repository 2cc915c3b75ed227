"""The programs of csrc/tests: each kernel of this machine against its generic version."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parents[2] / "csrc"
CHECKS = ("kernel_check", "verb_check", "picture_check", "float_check", "float_conv_check")
# What the checks are linked with: the leaves of the engine.
LEAVES = sorted(
    p
    for p in [*CSRC.glob("base/*.cc"), *CSRC.glob("kernels/*/*.cc")]
    if p.name != "thread_pool.cc"
)
FLAGS = ["-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{CSRC}"]
WAYS = {
    "plain": ["-O2"],
    "sanitized": ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
# g++ compiles unrolled kernels twice as fast when their memory accesses are checked by calls.
BY_CALLS = ["--param", "asan-instrumentation-with-call-threshold=0"]


def compiler() -> list[str]:
    """The C++ compiler's command: CXX, else g++ or c++; skips the test where there is none."""
    named = shlex.split(os.environ.get("CXX", ""))
    found = named or [name for name in ("g++", "c++") if shutil.which(name)][:1]
    if not found:
        pytest.skip("There is no C++ compiler: neither CXX nor g++ nor c++.")
    return found


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Path]]:
    """Builds the programs one way, once: every file by itself, as many at a time as there are CPUs."""
    built: dict[str, dict[str, Path]] = {}

    def build(way: str) -> dict[str, Path]:
        if way in built:
            return built[way]
        folder = tmp_path_factory.mktemp(way)
        empty = folder / "empty.cc"
        empty.write_text("int main() {}\n")
        plain = [*compiler(), *FLAGS, *WAYS[way]]
        for command in ([*plain, *BY_CALLS], plain):
            probe = [*command, str(empty), "-o", str(folder / "empty")]
            if subprocess.run(probe, capture_output=True).returncode == 0:
                break
        else:
            pytest.skip(f"This C++ compiler cannot build what is {way}.")

        def run(arguments: list[str]) -> None:
            done = subprocess.run([*command, *arguments], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr

        def compiled(source: Path) -> str:
            target = folder / "_".join(source.relative_to(CSRC).with_suffix(".o").parts)
            run(["-c", str(source), "-o", str(target)])
            return str(target)

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            mains = [pool.submit(compiled, CSRC / "tests" / f"{check}.cc") for check in CHECKS]
            leaves = list(pool.map(compiled, LEAVES))
        programs = {check: folder / check for check in CHECKS}
        for main, program in zip(mains, programs.values(), strict=True):
            run([main.result(), *leaves, "-o", str(program)])
        built[way] = programs
        return programs

    return build


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("way", WAYS)
def test_kernels_equal_the_generic_ones(
    check: str, way: str, checks: Callable[[str], dict[str, Path]]
) -> None:
    done = subprocess.run([str(checks(way)[check])], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.splitlines(), "the check says what it ran"
