"""OpenCV, imported by the first that needs it: `import edgerun` must not pay for it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from edgerun import knobs
from edgerun.errors import ConfigError


def opencv() -> ModuleType:
    """The module cv2. Raises ConfigError with what to install where it is missing."""
    if "cv2" not in sys.modules:
        knobs.limit_opencv()
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise ConfigError(
            "Reading, drawing and writing pictures needs OpenCV: install it with "
            "`pip install edgerun[vision]`, or Debian's package python3-opencv."
        ) from error
