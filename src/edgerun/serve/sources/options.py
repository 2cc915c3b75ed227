"""How a camera is to be opened, where that can be chosen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from edgerun import knobs
from edgerun.errors import ConfigError

Transport = Literal["tcp", "udp"]


@dataclass(frozen=True)
class CaptureOptions:
    """What is asked of a camera; None and "" leave it the choice.

    size: width and height; fps: frames a second; fourcc: V4L2's pixel format, such as MJPG or YUYV.
    transport: of RTSP. login: "env:NAME" or "file:PATH", where user:password of a network camera are.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    fourcc: str = ""
    transport: Transport = "tcp"
    login: str = ""

    def with_login(self, url: str) -> str:
        """The address with user and password. Raises ConfigError that shows neither."""
        if not self.login:
            return url
        kind, _, where = self.login.partition(":")
        if kind == "env":
            said = knobs.login(where)
            place = f"the environment variable {where}"
        elif kind == "file":
            try:
                said = Path(where).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"The login file {where!r} cannot be read: {error}.") from error
            place = f"the file {where!r}"
        else:
            raise ConfigError('A login is "env:NAME" or "file:PATH", where user:password are.')
        user, colon, password = said.partition(":")
        if not colon or not user:
            raise ConfigError(f"In {place} user:password is expected.")
        scheme, separator, rest = url.partition("://")
        return f"{scheme}{separator}{quote(user, '')}:{quote(password, '')}@{rest.rpartition('@')[2]}"
