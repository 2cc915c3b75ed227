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


def assert_equal(got: Mapping[str, Array], want: Mapping[str, Array]) -> None:
    """The same names, dtypes, shapes and bits."""
    assert got.keys() == want.keys()
    for name, expected in want.items():
        assert got[name].dtype == expected.dtype
        np.testing.assert_array_equal(got[name], expected, err_msg=name, strict=True)
