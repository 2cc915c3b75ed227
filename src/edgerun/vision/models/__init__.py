"""Models that come with edgerun, each with its card beside it.

`demo`: finds the seven kinds of objects of the demo camera (vision/scene.py); how it was trained is
in training/README.md of the source tree.
"""

from __future__ import annotations

from pathlib import Path

from edgerun.errors import ModelError


def bundled(name: str) -> Path:
    """The path of a bundled model. Raises ModelError where there is none of that name."""
    path = Path(__file__).parent / f"{name}.tflite"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in path.parent.glob("*.tflite"))) or "none"
        raise ModelError(f"There is no bundled model {name!r}; there are: {names}.")
    return path
