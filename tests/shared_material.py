"""The folder of shared models and media: EDGERUN_SHARED, by default ../shared beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("EDGERUN_SHARED") or Path(__file__).resolve().parents[2] / "shared").resolve()

# For a test module's `pytestmark`, or the marks of a pytest.param.
needs_shared = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not FOLDER.is_dir(), reason=f"needs the shared material (EDGERUN_SHARED), there is no {FOLDER}"
    ),
]


def shared(place: str) -> Path:
    """The path of a shared file, named from the folder's root."""
    return FOLDER / place
