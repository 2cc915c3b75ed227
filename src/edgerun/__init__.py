"""edgerun: int8 vision models on the CPU you already have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgerun.errors import EdgerunError

__version__ = "0.1.0"
__all__ = ["EdgerunError", "Pipeline", "Session", "load"]

if TYPE_CHECKING:
    from edgerun.serve.programmatic import Pipeline
    from edgerun.session import Session
    from edgerun.vision import load


def __getattr__(name: str) -> Any:
    """Loads what is asked for: `import edgerun` alone takes no time."""
    if name == "Session":
        from edgerun.session import Session

        return Session
    if name == "load":
        from edgerun.vision import load

        return load
    if name == "Pipeline":
        try:
            from edgerun.serve.programmatic import Pipeline
        except ImportError as error:
            raise EdgerunError(f"Pipeline needs {error.name}: pip install edgerun[serve].") from error

        return Pipeline
    raise AttributeError(f"module 'edgerun' has no attribute {name!r}")
