"""Every environment variable that edgerun reads, with a sentence each.

Nothing else in the package reads the environment.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from edgerun.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ISA_NAMES = (
    "generic",
    "sse41",
    "avx2",
    "avxvnni",
    "avx512vnni",
    "amx",
    "neon",
    "dotprod",
    "i8mm",
)


class Knob(NamedTuple):
    """One environment variable: its name, its default as text, and what it does."""

    name: str
    default: str
    help: str


KNOBS = (
    Knob("EDGERUN_ISA", "", "Use no kernel above this instruction set (" + ", ".join(ISA_NAMES) + ")."),
    Knob("EDGERUN_THREADS", "", "Default of Session(threads=): how many CPU threads one run may use."),
    Knob("EDGERUN_VERIFY", "0", "1 checks every step against numpy (no compiled or staged model); slow."),
    Knob("EDGERUN_CACHE", "on", "off: models are set up anew at each start, nothing is kept on disk."),
    Knob("EDGERUN_CACHE_DIR", "", "Where they are kept; by default $XDG_CACHE_HOME/edgerun."),
    Knob("EDGERUN_CACHE_MB", "256", "How large that folder may grow; what was not used for longest goes."),
    Knob("EDGERUN_MAX_ARENA_MB", "2048", "A model whose activations need more memory is refused."),
    Knob("EDGERUN_MAX_FOLD_MB", "64", "Constant folding never creates a constant larger than this."),
    Knob("EDGERUN_MAX_PROGRAMS", "16", "How many programs a session keeps for inputs of different shapes."),
    Knob("EDGERUN_MAX_PICTURE_MP", "128", "Pictures and videos of more megapixels are refused, not decoded."),
    Knob("EDGERUN_TOKENS_FILE", "", "File of the tokens that let people look at `serve`, one on each line."),
)
_DEFAULTS = {knob.name: knob.default for knob in KNOBS}


def _text(name: str) -> str:
    return os.environ.get(name, "").strip() or _DEFAULTS[name]


def _positive(name: str) -> int:
    text = _text(name)
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise ConfigError(f"{name} must be a whole number of at least 1, got {text!r}.")
    return value


def isa() -> str:
    """The cap on instruction sets, or "" for none."""
    text = _text("EDGERUN_ISA").lower()
    if text and text not in ISA_NAMES:
        raise ConfigError(f"EDGERUN_ISA must be one of {', '.join(ISA_NAMES)}, got {text!r}.")
    return text


def threads() -> int | None:
    """The default number of threads of a session, or None for what the machine allows."""
    return _positive("EDGERUN_THREADS") if _text("EDGERUN_THREADS") else None


def verify() -> bool:
    """Whether each step is checked against the numpy reference."""
    text = _text("EDGERUN_VERIFY")
    if text not in ("0", "1"):
        raise ConfigError(f"EDGERUN_VERIFY must be 0 or 1, got {text!r}.")
    return text == "1"


def max_arena_bytes() -> int:
    """The largest arena a program may have."""
    return _positive("EDGERUN_MAX_ARENA_MB") << 20


def max_fold_bytes() -> int:
    """The largest constant that folding may create."""
    return _positive("EDGERUN_MAX_FOLD_MB") << 20


def max_picture_pixels() -> int:
    """How many pixels a picture or a frame of a video may have."""
    return _positive("EDGERUN_MAX_PICTURE_MP") * 10**6


def limit_opencv() -> None:
    """Lets OpenCV's own readers refuse larger pictures, too; before its first import."""
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(max_picture_pixels()))


def max_programs() -> int:
    """How many programs a session keeps for inputs of different shapes."""
    return _positive("EDGERUN_MAX_PROGRAMS")


def login(name: str) -> str:
    """The variable that a camera's configuration names for its user and password, "" where it is not set."""
    return os.environ.get(name, "").strip()


def tokens_file() -> Path | None:
    """Where the tokens of the web server are, or None."""
    from pathlib import Path

    text = _text("EDGERUN_TOKENS_FILE")
    return Path(text) if text else None


def cache_dir() -> str | None:
    """The folder where plans and images are kept, or None for nowhere."""
    wanted = _text("EDGERUN_CACHE")
    if wanted not in ("on", "off"):
        raise ConfigError(f"EDGERUN_CACHE must be on or off, got {wanted!r}.")
    if wanted == "off":
        return None
    if text := _text("EDGERUN_CACHE_DIR"):
        return text
    base = os.path.expanduser(os.environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache")
    return os.path.join(base, "edgerun") if os.path.isabs(base) else None  # a user without a home has none


def cache_bytes() -> int:
    """How large the folder of the cache may grow."""
    return _positive("EDGERUN_CACHE_MB") << 20
