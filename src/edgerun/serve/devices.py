"""The cameras of this machine, from /sys: nothing is opened, nothing taken from other programs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_VIDEO4LINUX = Path("/sys/class/video4linux")


@dataclass(frozen=True)
class CameraDevice:
    """A V4L2 device: /dev path, the driver's name for it, and whether this user may read it."""

    device: str
    name: str
    readable: bool


def list_cameras(folder: Path = _VIDEO4LINUX) -> list[CameraDevice]:
    """Capture devices by number; a camera's second node (metadata) has index 1 and is left out."""
    found = []
    numbered = (path for path in folder.glob("video*") if path.name[5:].isdecimal())
    for path in sorted(numbered, key=lambda path: int(path.name[5:])):
        if _text(path / "index") not in ("", "0"):
            continue
        device = f"/dev/{path.name}"
        found.append(CameraDevice(device, _text(path / "name"), os.access(device, os.R_OK)))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
