"""The C++ engine (csrc/bindings/engine.cc), as plan/program.py and plan/image.py see it.

Every function raises ModelError for a step or a program that is malformed; runs raise InputError for arrays
of another name, shape or dtype than the ports say.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict, type_check_only

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.generic]
# Buffer, byte offset, bytes from row to row, shape, stored dtype.
_Ref = tuple[int, int, int, tuple[int, ...], str]
# Name, buffer, dtype, shape.
_Port = tuple[str, int, str, tuple[int, ...]]
_Feeds = Mapping[str, _Array] | _Array | None

@type_check_only
class StepSpec(TypedDict):
    """One call of a verb; `kernel` is a name that candidates() gave, or "" when asking for them."""

    verb: str
    kernel: str
    inputs: Sequence[_Ref]
    outputs: Sequence[_Ref]
    attributes: Mapping[str, int | float | str | Sequence[int] | Blob]

native_unsigned: bool
"""Whether 8-bit activations are stored as uint8 inside programs on this machine."""

class Blob:
    """Constant bytes, aligned, shared by programs."""

    def __init__(self, array: _Array) -> None: ...
    @property
    def layout(self) -> str: ...
    def __len__(self) -> int: ...

class Program:
    """Prepared steps, shared by runners. lanes: threads of each step; buffer_bytes: size of each buffer."""

    def __init__(
        self, steps: Sequence[StepSpec], lanes: Sequence[int], buffer_bytes: Sequence[int]
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def scratch_bytes(self) -> int: ...

class Runner:
    """One stream of inferences over programs; None stands for a step that `host` runs, told its index and
    the memory of all buffers."""

    def __init__(
        self,
        programs: Sequence[Program | None],
        buffer_bytes: Sequence[int],
        constants: Mapping[int, Blob],
        lanes: int,
        inputs: Sequence[_Port],
        outputs: Sequence[_Port],
        host: Callable[[int, list[memoryview]], None],
        states: Mapping[int, Blob] = ...,
    ) -> None: ...
    def reset(self) -> None:
        """Every state as `states` has it, as before the first run."""

    def run(self, feeds: _Feeds = None) -> dict[str, _Array]: ...
    def run_into(self, feeds: _Feeds, results: Mapping[str, _Array] | _Array) -> None: ...
    def profile(self, feeds: _Feeds = None) -> tuple[dict[str, _Array], list[int]]:
        """The outputs, and the nanoseconds of each step."""

    def trace(self, feeds: _Feeds = None) -> list[memoryview]:
        """Copies of the memory of all buffers as they are after a run, of states as they were before it."""

    def input(self, name: str) -> _Array:
        """The runner's own array of an input; run() without feeds reads it."""

class Image:
    """A program that image_bytes() wrote, mapped from a file. Raises ModelError where it is damaged, of
    another key, or not its owner's alone."""

    def __init__(self, path: str, key: str) -> None: ...
    @property
    def note(self) -> bytes: ...
    def runner(self, lanes: int, inputs: Sequence[_Port], outputs: Sequence[_Port]) -> Runner: ...

def image_bytes(
    key: str,
    note: bytes,
    steps: Sequence[StepSpec],
    lanes: Sequence[int],
    buffer_bytes: Sequence[int],
    constants: Mapping[int, Blob],
    states: Mapping[int, Blob],
) -> bytes:
    """The file that Image reads."""

def checksum(data: bytes) -> int:
    """64 bits that change with the data by accident, not by intent."""

def candidates(step: StepSpec, cap: str) -> list[tuple[str, str, str]]:
    """(kernel, layout, storage of 8-bit inputs) of every kernel that can run the step, best first."""

def pack(verb: str, kernel: str, weights: _Array, shape: Sequence[int]) -> Blob | None:
    """Packed weights, or None when the kernel has no form for them."""

def isas() -> list[str]:
    """The instruction sets of this CPU, in ascending order."""

def amx_permitted() -> bool:
    """Whether the system lets this process use AMX tiles."""

def kernels() -> list[tuple[str, str, str, bool]]:
    """(folder, kernel, instruction set, whether this CPU has it) of every kernel."""
