"""What to serve, checked before anything is opened."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from edgerun.errors import ConfigError


@dataclass(frozen=True)
class CameraConfig:
    """One stream: where pictures come from. `name` is unique, and a word in URLs and metrics."""

    name: str
    camera: str
    loop: bool = True


@dataclass(frozen=True)
class ModelConfig:
    """The model, and what the command line says instead of its card."""

    path: Path
    labels: Path | None = None
    threads: int | None = None
    threshold: float | None = None
    backend: str = "edgerun"


@dataclass(frozen=True)
class ServeConfig:
    """Everything `serve` needs. `insecure` allows addresses other than this machine's own."""

    cameras: tuple[CameraConfig, ...]
    model: ModelConfig
    host: str = "127.0.0.1"
    port: int = 8000
    insecure: bool = False

    def check(self) -> None:
        """Raises ConfigError for a combination that must not run."""
        if not self.cameras:
            raise ConfigError("There is no camera to serve.")
        if not self.insecure and not _is_loopback(self.host):
            raise ConfigError(
                f"Serving on {self.host} shows the cameras to everybody who reaches this machine: "
                "add --insecure if that is meant, or leave --host away."
            )


def name_cameras(specs: list[str]) -> list[str]:
    """Short, unique names: "0" -> camera0, "/dev/video0" -> video0, a file -> its stem."""
    names: list[str] = []
    for spec in specs:
        stem = f"camera{spec}" if spec.isdecimal() else Path(spec).stem
        base = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in stem)
        base = base or "camera"
        name, number = base, 2
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
