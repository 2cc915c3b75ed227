"""The kernels this machine may be unable to run: AMX on a model of its tiles, NEON on an emulator."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parents[2] / "csrc"
GEMM = CSRC / "kernels" / "gemm_s8"
FLAGS = ["-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{CSRC}"]
AMX_SOURCES = [
    CSRC / "tests" / "amx_check.cc",
    GEMM / "amx.cc",
    GEMM / "generic.cc",
    CSRC / "base" / "isa.cc",
]
NEON_SOURCES = [CSRC / "tests" / "neon_check.cc", GEMM / "neon.cc", GEMM / "generic.cc"]
ARM_CORES = ["cortex-a53", "cortex-a72", "cortex-a76", "max"]


def compiler() -> list[str]:
    """The C++ compiler's command: CXX, else g++ or c++; skips the test where there is none."""
    named = shlex.split(os.environ.get("CXX", ""))
    if named:
        return named
    for name in ("g++", "c++"):
        if shutil.which(name):
            return [name]
    pytest.skip("There is no C++ compiler: neither CXX nor g++ nor c++.")


def build(command: Sequence[str], sources: Sequence[Path], program: Path) -> Path:
    """Compiles and links ``sources`` to ``program``; fails with the compiler's own words."""
    done = subprocess.run(
        [*command, *FLAGS, "-o", str(program), *map(str, sources)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return program


def run(command: Sequence[str]) -> str:
    """What ``command`` prints; fails with it where the command does."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def problems(report: str, name: str) -> int:
    """How many problems ``report`` says were computed as ``name``, all of them equal."""
    line = re.search(
        rf"^{re.escape(name)}: (\d+) problems, \d+ outputs, 0 problems differ$",
        report,
        re.MULTILINE,
    )
    assert line, report
    return int(line[1])


def test_amx_equals_generic_bit_for_bit(tmp_path: Path) -> None:
    report = run([str(build(compiler(), AMX_SOURCES, tmp_path / "amx_check"))])
    assert problems(report, "amx over soft tiles") > 6_000
    # The kernel's own machine code runs on AMX, or trapped; where neither is possible, it is said.
    own = ("amx on this processor's tiles", "amx with trapped tile instructions")
    if f"{own[0]}: did not run" not in report:
        assert problems(report, own[0]) > 6_000
    elif own[1] in report:
        assert problems(report, own[1]) > 6_000
    else:
        assert "there is neither AMX nor AVX-512 here" in report


def test_amx_equals_generic_under_sanitizers(tmp_path: Path) -> None:
    sanitized = [*compiler(), "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    empty = tmp_path / "empty.cc"
    empty.write_text("int main() {}\n")
    probe = subprocess.run(
        [*sanitized, "-o", str(tmp_path / "empty"), str(empty)], check=False, capture_output=True
    )
    if probe.returncode != 0:
        pytest.skip("This C++ compiler has no address and undefined-behaviour sanitizers.")
    report = run([str(build(sanitized, AMX_SOURCES, tmp_path / "amx_check"))])
    assert problems(report, "amx over soft tiles") > 6_000


@pytest.fixture(scope="module")
def neon_check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """neon_check for AArch64, linked statically, so that the emulator needs no foreign root."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("The package ziglang, which cross-compiles for AArch64, is not installed.")
    target = ["-target", "aarch64-linux-musl", "-mcpu=generic", "-static"]
    program = tmp_path_factory.mktemp("neon") / "neon_check"
    return build([sys.executable, "-m", "ziglang", "c++", *target], NEON_SOURCES, program)


@pytest.mark.system
@pytest.mark.parametrize("core", ARM_CORES)
def test_neon_equals_generic_bit_for_bit(core: str, request: pytest.FixtureRequest) -> None:
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if emulator is None:
        pytest.skip("There is no qemu-aarch64 on the PATH.")
    program: Path = request.getfixturevalue("neon_check")
    assert problems(run([emulator, "-cpu", core, str(program)]), "neon") > 4_000


def test_tile_intrinsics_stay_inside_amx_regions() -> None:
    # g++'s are assembler macros: outside the target region one would compile without a word.
    intrinsic = re.compile(r"\b_tile_\w+")
    sources = [p for p in CSRC.rglob("*") if p.suffix in {".cc", ".h", ".inc", ".inl", ".pyx"}]
    users = [p.relative_to(CSRC).as_posix() for p in sources if intrinsic.search(p.read_text())]
    assert users == ["kernels/gemm_s8/amx.cc"]
    before, region, after = re.split(
        r"^EDGERUN_TARGET_REGION(?:\(.*\)|_END)$", (GEMM / "amx.cc").read_text(), flags=re.MULTILINE
    )
    assert intrinsic.search(region)
    assert not intrinsic.search(before) and not intrinsic.search(after)
    assert re.search(
        r'^EDGERUN_TARGET_REGION\("amx-int8,amx-tile,', (GEMM / "amx.cc").read_text(), re.MULTILINE
    )
