"""The command line in this process, over a session without an engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import click.testing
import cv2
import numpy as np
import pytest

from edgerun.cli import cli
from edgerun.errors import ModelError
from edgerun.ir.types import Quantization, TensorInfo
from edgerun.report import StepProfile, Summary

UINT8 = np.dtype(np.uint8)


class FakeSession:
    """Says that bright pictures are "day" (class 1) and dark ones "night" (class 0)."""

    inputs = (TensorInfo("image", (1, 8, 8, 3), UINT8),)
    outputs = (TensorInfo("scores", (1, 2), UINT8, Quantization.of(1 / 255)),)
    operators = ("Mean", "Softmax")
    signatures = ("serving_default", "encode")
    metadata: ClassVar[dict[str, bytes]] = {}

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        *,
        shapes: dict[str, tuple[int, ...]] | None = None,
        backend: str = "edgerun",
    ) -> None:
        if path.read_bytes() != b"net":
            raise ModelError(f"{path}: this is no model.")
        self.threads = threads or 2
        self.backend = backend

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        day = round(float(feeds["image"].mean()))
        return {"scores": np.array([[255 - day, day]], np.uint8)}

    def twin(self) -> FakeSession:
        return self

    def summary(self) -> Summary:
        return Summary("net.tflite", 2, 2, 1_000_000, 10, 15, 20, 0, (), self.fingerprint())

    def describe(self, stage: str) -> str:
        return f"the {stage} of the model"

    def fingerprint(self) -> str:
        return "0123abcd exact"

    def profile(self, feeds: dict[str, np.ndarray]) -> list[StepProfile]:
        return [
            StepProfile("Mean", "m", "mean/generic", 3.0, 0, 0.0, 192, 0.75),
            StepProfile("Softmax", "s", "softmax/avx2", 1.0, 2_000_000, 2.0, 192, 0.25),
        ]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., click.testing.Result]]:
    """Calls the command line with these words."""
    monkeypatch.setattr("edgerun.vision.model.Session", FakeSession)  # first: importing it takes the real one
    monkeypatch.setattr("edgerun.session.Session", FakeSession)

    def call(*words: object) -> click.testing.Result:
        return click.testing.CliRunner().invoke(cli, [str(word) for word in words])

    yield call
    logging.getLogger("edgerun").handlers.clear()


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"net")
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a bright and a dark picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, value in (("noon.png", 204), ("dusk.png", 51)):
        cv2.imwrite(str(folder / name), np.full((300, 400, 3), value, np.uint8))
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three dark frames, then five bright ones."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 256))
    for i in range(8):
        writer.write(np.full((256, 320, 3), 51 if i < 3 else 204, np.uint8))
    writer.release()
    return path


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("night\nday\n")
    return path
