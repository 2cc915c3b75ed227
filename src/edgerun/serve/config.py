"""What to serve, checked before anything is opened."""

from __future__ import annotations

import ipaddress
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from edgerun.errors import ConfigError
from edgerun.serve.scheduler import Policy
from edgerun.serve.sources import CaptureOptions, Pace, is_address, is_file
from edgerun.serve.sources.options import Transport

# A value must have its key's type: no number from text, no text from a number.
STRICT = ConfigDict(extra="forbid", strict=True)
Port = Annotated[int, Field(ge=0, le=65535)]
Side = Annotated[int, Field(ge=16, le=16384)]


@dataclass(frozen=True, config=STRICT)
class CameraConfig:
    """One stream: where pictures come from.

    name: unique, and a word in URLs and metrics. rate: frames looked at a second, at most. pace, loop:
    of files, see open_source. latency: seconds from capture to result that are aimed at; a frame that
    cannot make it is dropped. priority: relative to other cameras. policy: keep the `latest` frame, the
    `depth` newest (`queue`), or `all` of a file, which waits then; by default `latest`, and `all` of
    files at pace = "fast". track: follow objects from frame to frame. zones: a file of zones and lines,
    which may be made later, on the page; it tracks, too. motion: pass over frames in which nothing
    moves. size, fps, format: what is asked of a camera (of HTTP pictures: how often they are asked for).
    transport: of RTSP. login: where user:password of a network camera are.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    source: Annotated[str, Field(min_length=1)] = field(repr=False)
    loop: bool = True
    rate: Annotated[float, Field(gt=0, le=1000)] | None = None
    pace: Pace = "real"
    latency: Annotated[float, Field(gt=0, le=3600)] = 0.2
    priority: Annotated[float, Field(gt=0, le=1000)] = 1.0
    policy: Policy | None = None
    depth: Annotated[int, Field(ge=1, le=64)] = 4
    track: bool = False
    zones: Path | None = None
    motion: bool = False
    size: tuple[Side, Side] | None = None
    fps: Annotated[float, Field(gt=0, le=1000)] | None = None
    format: Annotated[str, Field(pattern=r"^([A-Z0-9]{4})?$")] = ""
    transport: Transport = "tcp"
    login: Annotated[str, Field(pattern=r"^(env:\w+|file:.+)?$")] = ""

    @property
    def options(self) -> CaptureOptions:
        """How it is opened."""
        return CaptureOptions(self.size, self.fps, self.format, self.transport, self.login)

    @property
    def follows(self) -> bool:
        """Whether objects are followed from frame to frame."""
        return self.track or self.zones is not None


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """The model, and what is said here instead of in its card."""

    path: Path
    labels: Path | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    backend: Literal["edgerun", "litert", "onnxruntime"] = "edgerun"


@dataclass(frozen=True, config=STRICT)
class SecondConfig:
    """A classifier for the objects of cameras that follow these. on: labels of these; all if empty."""

    path: Path
    labels: Path | None = None
    on: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class JsonLinesConfig:
    """Results as lines of JSON. path: a file that grows, `-` for stdout.

    only: every result, or those that show other things than the last one of their camera.
    """

    path: str
    only: Literal["all", "changes"] = "all"


@dataclass(frozen=True, config=STRICT)
class ServeConfig:
    """Everything `serve` needs.

    tokens: whoever brings one may look; without any, everybody who reaches the port. insecure: the
    latter is meant, although other machines reach it.
    """

    cameras: tuple[CameraConfig, ...]
    model: ModelConfig
    host: str = "127.0.0.1"
    port: Port = 8000
    insecure: bool = False
    tokens: tuple[str, ...] = field(default=(), repr=False)
    events: JsonLinesConfig | None = None
    second: SecondConfig | None = None

    def check(self) -> None:
        """Raises ConfigError for a combination that must not run."""
        if not self.cameras:
            raise ConfigError("There is no camera to serve.")
        names = [camera.name for camera in self.cameras]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"Two cameras have the name {name!r}: names must differ.")
        if self.second is not None and not any(camera.follows for camera in self.cameras):
            raise ConfigError(
                "The second model looks at objects that are followed: no camera has track = true or zones."
            )
        files = [camera.zones for camera in self.cameras if camera.zones is not None]
        for file in files:
            if files.count(file) > 1:
                raise ConfigError(f"Two cameras have the zones {str(file)!r}: each needs a file of its own.")
        for camera in self.cameras:
            if camera.pace == "fast" and camera.rate is not None:
                raise ConfigError(
                    f'The camera {camera.name!r} has a rate and pace = "fast", which means every '
                    "frame: expected one of the two."
                )
            if camera.policy == "all" and not is_file(camera.source):
                raise ConfigError(
                    f'The camera {camera.name!r} has policy = "all", but a live camera does not wait: '
                    'expected "latest" or "queue".'
                )
            if camera.pace == "fast" and camera.policy not in (None, "all"):
                raise ConfigError(
                    f'The camera {camera.name!r} has policy = "{camera.policy}" and pace = "fast", which '
                    "means every frame: expected one of the two."
                )
        if not (self.insecure or self.tokens or _is_loopback(self.host)):
            raise ConfigError(
                f"Serving on {self.host} shows the cameras to everybody who reaches this machine: "
                "give tokens ([server] tokens in the configuration file, or "
                "EDGERUN_TOKENS_FILE), or add --insecure if that is meant, or leave the host away."
            )


def name_cameras(specs: list[str]) -> list[str]:
    """Short, unique names: "0" -> camera0, "/dev/video0" -> video0, a file -> its stem.

    An address is named by the end of its path or else by its host, never by its query.
    """
    names: list[str] = []
    for spec in specs:
        base = "".join(
            c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in _stem(spec)
        )
        base = base[:48] or "camera"
        name, number = base, 2
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names


def _stem(spec: str) -> str:
    if spec.isdecimal():
        return f"camera{spec}"
    if not is_address(spec):
        return Path(spec).stem
    try:
        parts = urlsplit(spec)
        return Path(parts.path).stem or parts.hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
