"""From what a script gives an InferenceSession to a Session and its facts."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.compat import onnxruntime_errors as errors
from edgerun.compat.onnxruntime_model import Array, facts_of, read_facts
from edgerun.compat.onnxruntime_options import SessionOptions
from edgerun.errors import EdgerunError, FormatError, UnsupportedOperatorError
from edgerun.frontends import open_model
from edgerun.ir.types import Shape
from edgerun.session import Session

PROVIDER = "CPUExecutionProvider"
_TFLITE = b"TFL3"


class Source:
    """A file or its bytes, what it says about itself, and the Session over it. Raises OrtError."""

    def __init__(self, source: str | bytes | os.PathLike[str], options: SessionOptions) -> None:
        self._source = source if isinstance(source, bytes) else Path(source)
        self._where = "" if isinstance(source, bytes) else f"Load model from {os.fspath(source)} failed:"
        self._threads = options.intra_op_num_threads if options.intra_op_num_threads > 0 else None
        self._making = threading.Lock()
        self._session: Session | None = None
        data = self._read()
        if data[4:8] == _TFLITE:
            self._session = self._open(None)
            self.facts = facts_of(self._session.inputs, self._session.outputs)
            return
        self.facts = read_facts(data, options._by_name, options._by_denotation)
        open_ones = any(not isinstance(d, int) for arg in self.facts.inputs for d in arg.shape)
        try:
            self._session = self._open(
                {
                    arg.name: tuple(d if isinstance(d, int) else 1 for d in arg.shape)
                    for arg in self.facts.inputs
                }
            )
        except errors.InvalidGraph:
            # Not every sound model has a meaning where its open dimensions are 1: the first run tells their
            # sizes.
            if not (open_ones and self._sound()):
                raise

    def session(self, feeds: Mapping[str, Array]) -> Session:
        """The session, made for the sizes of these feeds where the file alone does not say enough."""
        with self._making:
            if self._session is None:
                self._session = self._open({name: array.shape for name, array in feeds.items()})
            return self._session

    def _read(self) -> bytes:
        if isinstance(self._source, bytes):
            return self._source
        if not self._source.is_file():
            raise errors.NoSuchFile(f"{self._where}Load model {self._source} failed. File doesn't exist")
        try:
            return self._source.read_bytes()
        except OSError as error:
            raise errors.Fail(f"{self._where}{error.strerror}") from error

    def _sound(self) -> bool:
        """Whether the file is in order, whatever the sizes of its inputs."""
        try:
            open_model(self._source)
        except FormatError:
            return False
        return True

    def _open(self, shapes: Mapping[str, Shape] | None) -> Session:
        try:
            return Session(self._source, self._threads, shapes=shapes)
        except UnsupportedOperatorError as error:
            raise errors.NotImplemented(f"{self._where}{error}") from error
        except FormatError as error:
            raise errors.InvalidGraph(f"{self._where}{error}") from error
        except EdgerunError as error:
            raise errors.Fail(f"{self._where}{error}") from error


def check_providers(providers: Any, provider_options: Any, fallback: bool = True) -> None:
    """Warns of providers that are not there and, with `fallback`, of lists that make no sense, for which
    ValueError is raised without."""
    for name in _provider_names(providers, provider_options, fallback):
        if name != PROVIDER:
            warnings.warn(
                f"Specified provider '{name}' is not in available provider names. "
                f"Available providers: '{PROVIDER}'",
                stacklevel=3,
            )


def _provider_names(providers: Any, options: Any, fallback: bool) -> list[str]:
    given = list(providers or [])
    names = [p[0] if isinstance(p, tuple) and len(p) == 2 else p for p in given]
    wrong = ""
    if options is not None and len(options) != len(given):
        wrong = "'providers' and 'provider_options' should be the same length if both are given."
    elif not all(isinstance(name, str) for name in names):
        wrong = "'providers' values must be either strings or (string, dict) tuples."
    if not wrong:
        return names
    if not fallback:
        raise ValueError(wrong)
    warnings.warn(f"{wrong} Falling back to {[PROVIDER]}.", stacklevel=4)
    return []
