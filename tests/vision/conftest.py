"""A session without an engine, synthetic pictures, and the folder of shared files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerun.ir.types import Quantization, TensorInfo


class FakeSession:
    """Answers every run with fixed arrays and keeps what it was fed."""

    def __init__(
        self,
        input_info: TensorInfo,
        answers: dict[str, np.ndarray],
        operators: tuple[str, ...] = (),
        quantization: dict[str, Quantization] | None = None,
    ) -> None:
        self.inputs = (input_info,)
        self.outputs = tuple(
            TensorInfo(name, value.shape, value.dtype, (quantization or {}).get(name))
            for name, value in answers.items()
        )
        self.operators = operators
        self.metadata: dict[str, bytes] = {}
        self.answers = answers
        self.fed: list[np.ndarray] = []

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        (value,) = feeds.values()
        self.fed.append(value.copy())
        return self.answers

    def twin(self) -> FakeSession:
        return FakeSession(self.inputs[0], self.answers, self.operators)


@pytest.fixture
def make_session() -> type[FakeSession]:
    return FakeSession


@pytest.fixture
def image_input() -> Callable[..., TensorInfo]:
    """A TensorInfo of an image input: dtype, shape, scale and zero point."""

    def make(
        dtype: Any = np.uint8,
        shape: tuple[int, ...] = (1, 8, 8, 3),
        scale: float | None = None,
        zero_point: int = 0,
    ) -> TensorInfo:
        quantization = None if scale is None else Quantization.of(scale, zero_point)
        return TensorInfo("image", shape, np.dtype(dtype), quantization)

    return make


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """uint8 noise of a shape, the same every time."""

    def make(*shape: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return make


@pytest.fixture
def shared() -> Path:
    """The folder of shared models and media; skips the test where it is absent."""
    beside = Path(__file__).resolve().parents[2] / ".." / "shared"
    folder = Path(os.environ.get("EDGERUN_SHARED") or beside).resolve()
    if not folder.is_dir():
        pytest.skip(f"EDGERUN_SHARED is not set and there is no {folder}")
    return folder
