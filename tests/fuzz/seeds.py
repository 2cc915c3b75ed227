"""The sound models that are mutated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cases import CASES

_LARGEST = 300 << 10  # bytes of a shared model


def case_models() -> list[tuple[str, bytes]]:
    """Name and content of the model of every Case."""
    return [(f"{case.operator}-{case.id}", case.build()) for case in CASES]


def shared_models(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The small models of a folder."""
    for path in sorted(folder.rglob("*.tflite")):
        if path.stat().st_size <= _LARGEST:
            yield path.name, path.read_bytes()
