"""Addresses of network cameras: what may be shown of them, and whether somebody is there."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_KNOCK_SECONDS = 0.5


def is_address(spec: str) -> bool:
    """Whether `spec` is the URL of a network camera."""
    scheme, separator, _ = spec.partition("://")
    return bool(separator) and scheme.lower() in PORTS


def masked(spec: str) -> str:
    """The address without user, password and query: cameras take secrets in all three."""
    scheme, separator, rest = spec.partition("://")
    if not separator:
        return spec
    # The last @, because a password may hold anything when it was not escaped.
    _, at, place = rest.rpartition("@")
    shown, query, _ = re.sub(r"#.*", "", place).partition("?")
    return f"{scheme}://{'***@' if at else ''}{shown}{'?***' if query else ''}"


def knock(url: str) -> str:
    """Connects to the port of `url` and hangs up: "" if somebody is there, or why nobody is."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme.lower()]
        with socket.create_connection((parts.hostname or "", port), _KNOCK_SECONDS):
            return ""
    except TimeoutError:
        return "no answer"
    except (OSError, ValueError) as error:
        return (getattr(error, "strerror", None) or str(error)).lower()
