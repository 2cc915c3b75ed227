"""Delegates: other processors' plug-ins for LiteRT, which edgerun checks for and does not use."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any


class Delegate:
    """A delegate library that is there; nothing in it is ever called, models run on edgerun's own kernels.

    Raises what LiteRT raises: OSError where the library cannot be loaded, AttributeError where it is no
    delegate.
    """

    def __init__(self, library: str, options: Mapping[str, Any] | None = None) -> None:
        self._library = ctypes.PyDLL(library)
        self._library.tflite_plugin_create_delegate  # noqa: B018 - looks the symbol up
        self._options = dict(options or {})


def load_delegate(library: str, options: Mapping[str, Any] | None = None) -> Delegate:
    """The delegate of a shared library, for `experimental_delegates`. Raises as Delegate does."""
    return Delegate(library, options)
