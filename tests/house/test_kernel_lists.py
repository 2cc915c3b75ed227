"""No kernel can exist unlisted, unregistered or untested: kernels.inc, the folder and the engine agree."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from edgerun.knobs import ISA_NAMES
from edgerun.plan import program

CSRC = Path(__file__).resolve().parents[2] / "csrc"
FOLDERS = sorted(p.parent for p in CSRC.glob("kernels/*/kernels.inc"))
MACHINES = {"EDGERUN_X86": ("x86_64", "AMD64"), "EDGERUN_ARM64": ("aarch64", "arm64")}


def listed(folder: Path) -> list[tuple[str, str, str]]:
    """(kernel, Isa, condition or "") of every line of kernels.inc."""
    lines, condition = [], ""
    for line in (folder / "kernels.inc").read_text().splitlines():
        if found := re.fullmatch(r"#(?:el)?if (\w+)", line):
            condition = found[1]
        elif line == "#endif":
            condition = ""
        elif found := re.fullmatch(r"KERNEL\((\w+), Isa::k(\w+)\)", line):
            lines.append((found[1], found[2].lower(), condition))
        else:
            assert line.startswith("//"), f"{folder.name}/kernels.inc: {line}"
    return lines


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_the_list_names_exactly_the_files(folder: Path) -> None:
    kernels = listed(folder)
    assert sorted(name for name, _, _ in kernels) == sorted(p.stem for p in folder.glob("*.cc"))
    # Best first, and at the end the one that every CPU runs.
    assert kernels[-1] == ("generic", "generic", "")
    for condition in MACHINES:
        order = [ISA_NAMES.index(isa) for _, isa, on in kernels if on in (condition, "")]
        assert order == sorted(order, reverse=True)
    for name, isa, _ in kernels:
        source = (folder / f"{name}.cc").read_text()
        definition = re.search(rf'\b{folder.name}_{name} = \{{\s*\{{"(\w+)", Isa::k(\w+)\}}', source)
        assert definition, f"{folder.name}/{name}.cc does not define {folder.name}_{name}"
        assert (definition[1], definition[2].lower()) == (name, isa)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_the_engine_and_the_checks_know_the_list(folder: Path) -> None:
    call = f"{folder.name}_kernels()"
    assert f'add("{folder.name}", {call});' in (CSRC / "kernels" / "registry.cc").read_text()
    assert any(call in p.read_text() for p in (CSRC / "tests").iterdir()), "no native check runs it"
    mine = [name for name, _, on in listed(folder) if not on or platform.machine() in MACHINES[on]]
    assert [k["kernel"] for k in program.machine()["kernels"][folder.name]] == mine


def test_the_engine_has_no_other_kernels() -> None:
    assert sorted(program.machine()["kernels"]) == [p.name for p in FOLDERS]


def test_every_machine_can_run_something() -> None:
    for folder, kernels in program.machine()["kernels"].items():
        assert kernels[-1]["kernel"] == "generic", folder
        assert kernels[-1]["usable"], folder


def test_target_regions_hold_no_standard_header() -> None:
    # An inline std function compiled in a region may be the copy that the linker keeps for an old CPU too.
    for source in CSRC.glob("kernels/**/*.cc"):
        pieces = re.split(r"^EDGERUN_TARGET_REGION(?:\(.*\)|_END)$", source.read_text(), flags=re.MULTILINE)
        assert len(pieces) in (1, 3), f"{source} has other than one target region"
        for inside in pieces[1:2]:
            assert "#include <" not in inside, source
            assert inside.lstrip().startswith("namespace edgerun {\nnamespace {"), source
            for included in re.findall(r'#include "(.*)"', inside):
                assert "#include <" not in (CSRC / included).read_text(), f"{source}: {included}"
