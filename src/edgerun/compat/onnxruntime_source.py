"""From what a script gives an InferenceSession to a Session and its facts."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgerun.compat import onnxruntime_errors as errors
from edgerun.compat.onnxruntime_model import Facts, facts_of, read_facts
from edgerun.compat.onnxruntime_options import SessionOptions
from edgerun.errors import EdgerunError, FormatError, UnsupportedOperatorError
from edgerun.session import Session

PROVIDER = "CPUExecutionProvider"
_TFLITE = b"TFL3"


def load(source: str | bytes | os.PathLike[str], options: SessionOptions) -> tuple[Session, Facts]:
    """The session over a file or its bytes, and what the file says. Raises OrtError."""
    where = "" if isinstance(source, bytes) else f"Load model from {os.fspath(source)} failed:"
    if isinstance(source, bytes):
        data = source
    else:
        path = Path(source)
        if not path.is_file():
            raise errors.NoSuchFile(f"{where}Load model {path} failed. File doesn't exist")
        data = path.read_bytes()
    foreign = data[4:8] == _TFLITE
    facts = None if foreign else read_facts(data, options._by_name, options._by_denotation)
    threads = options.intra_op_num_threads if options.intra_op_num_threads > 0 else None
    try:
        made = Session(
            source if isinstance(source, bytes) else Path(source),
            threads,
            shapes=_shapes(facts) if facts is not None else None,
        )
    except UnsupportedOperatorError as error:
        raise errors.NotImplemented(f"{where}{error}") from error
    except FormatError as error:
        raise errors.InvalidGraph(f"{where}{error}") from error
    except EdgerunError as error:
        raise errors.Fail(f"{where}{error}") from error
    return made, facts or facts_of(made.inputs, made.outputs)


def _shapes(facts: Facts) -> dict[str, tuple[int, ...]] | None:
    """The shapes of the inputs, for a Session, in which dimensions that stay open begin as 1."""
    return {
        arg.name: tuple(d if isinstance(d, int) and d > 0 else 1 for d in arg.shape) for arg in facts.inputs
    }


def check_providers(providers: Any, provider_options: Any) -> None:
    """Warns of providers that are not there. Raises ValueError for lists that make no sense."""
    if providers is None:
        return
    if not isinstance(providers, Sequence):
        raise ValueError("'providers' should be a sequence.")
    if provider_options is not None and len(providers) != len(provider_options):
        raise ValueError("'providers' and 'provider_options' should be the same length if both are given.")
    for provider in providers:
        if isinstance(provider, tuple) and len(provider) == 2 and isinstance(provider[1], dict):
            provider = provider[0]
        if not isinstance(provider, str):
            raise ValueError("'providers' values must be either strings or (string, dict) tuples.")
        if provider != PROVIDER:
            warnings.warn(
                f"Specified provider '{provider}' is not in available provider names. "
                f"Available providers: '{PROVIDER}'",
                stacklevel=3,
            )
