"""The engine on chosen instruction sets, with the tools that every engine test needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pytest

from edgerun.ir.types import Array
from edgerun.plan import program

ISAS: tuple[str, ...] = tuple(program.machine()["isas"])


@contextmanager
def bound_for(isa: str) -> Iterator[None]:
    """Sessions made inside use no kernel above `isa` and, however small a step is, all their threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "EDGERUN_ISA", isa)
        patch.setattr(program, "_lanes", lambda *arguments: arguments[-1])
        yield


# Instruction sets with fused multiply-add: there float results too are equal, bit by bit (contract 4.1.5).
FMA_ISAS = tuple(isa for isa in ISAS if isa not in ("generic", "sse41"))


def assert_close(
    got: Mapping[str, Array], want: Mapping[str, Array], allowed: Mapping[str, Array]
) -> None:
    """As assert_equal, but the floats named in `allowed` may differ by so much."""
    assert got.keys() == want.keys()
    assert_equal(
        {name: array for name, array in got.items() if name not in allowed},
        {name: array for name, array in want.items() if name not in allowed},
    )
    for name, tolerance in allowed.items():
        assert (got[name].dtype, got[name].shape) == (want[name].dtype, want[name].shape)
        mine, reference = got[name].astype(np.float64), want[name].astype(np.float64)
        with np.errstate(invalid="ignore"):
            close = np.abs(mine - reference) <= tolerance
        close |= (mine == reference) | (np.isnan(mine) & np.isnan(reference))
        if not close.all():
            worst = np.unravel_index(np.argmin(close), close.shape)
            pytest.fail(f"{name}{list(map(int, worst))}: {mine[worst]!r}, expected {reference[worst]!r}")


def assert_equal(got: Mapping[str, Array], want: Mapping[str, Array]) -> None:
    """The same names, dtypes, shapes and bits."""
    assert got.keys() == want.keys()
    for name, expected in want.items():
        assert got[name].dtype == expected.dtype
        np.testing.assert_array_equal(got[name], expected, err_msg=name, strict=True)
