"""What a session tells about itself: the steps of a run, and the model in figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class StepProfile:
    """One step of a run: the operator it does, the kernel that ran, and what it cost.

    time_us: microseconds; macs: multiply-adds; gmacs: 10^9 multiply-adds per second (0 where there are none);
    bytes: what it reads and writes, weights included; share: of the run's time.
    """

    operator: str
    name: str
    kernel: str
    time_us: float
    macs: int
    gmacs: float
    bytes: int
    share: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Summary:
    """What a model is, in figures.

    weight_bytes: of the constants that are computed with, packed_bytes: of what they were packed into for
    this machine's kernels; arena_bytes: of the activations; host_steps: operators that run in numpy.
    """

    name: str
    operators: int
    steps: int
    macs: int
    weight_bytes: int
    packed_bytes: int
    arena_bytes: int
    host_steps: int
    metadata: tuple[str, ...]
    fingerprint: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
