"""A drop-in for `onnxruntime`, on edgerun's own kernels.

Change the import line and nothing else:

    import edgerun.compat.onnxruntime as ort                        # was: import onnxruntime as ort
    from edgerun.compat.onnxruntime import InferenceSession

Exceptions have the names that ONNX Runtime raises for the same mistakes. docs/compat.md tells what differs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from edgerun import __version__
from edgerun.compat import onnxruntime_errors
from edgerun.compat.onnxruntime_errors import Fail, InvalidArgument, OrtError, RuntimeException
from edgerun.compat.onnxruntime_feeds import check_missing, checked
from edgerun.compat.onnxruntime_model import Array, ModelMetadata, NodeArg
from edgerun.compat.onnxruntime_options import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    RunOptions,
    SessionOptions,
)
from edgerun.compat.onnxruntime_profile import Trace
from edgerun.compat.onnxruntime_source import PROVIDER, Source, check_providers
from edgerun.compat.onnxruntime_values import IOBinding, OrtValue
from edgerun.errors import EdgerunError, InputError

__all__ = [
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "OrtValue",
    "RunOptions",
    "SessionIOBinding",
    "SessionOptions",
    "__version__",
    "get_all_providers",
    "get_available_providers",
    "get_device",
    "get_version_string",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_seed",
]

Callback = Callable[[list[Array], Any, str], None]

SessionIOBinding = IOBinding
# Where scripts find the exceptions: onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument
capi = SimpleNamespace(onnxruntime_pybind11_state=onnxruntime_errors)


def get_available_providers() -> list[str]:
    return [PROVIDER]


get_all_providers = get_available_providers


def get_device() -> str:
    return "CPU"


def get_version_string() -> str:
    return __version__


def set_default_logger_severity(severity: int) -> None:
    """Nothing: edgerun writes no log of its own."""


def set_default_logger_verbosity(verbosity: int) -> None:
    """Nothing: edgerun writes no log of its own."""


def set_seed(seed: int) -> None:
    """Nothing: no operator of edgerun's draws random numbers."""


class InferenceSession:
    """A model that runs.

    path_or_bytes: an .onnx file (or any other that edgerun.Session takes). providers: those that are not
    there are passed over with a warning. Raises NoSuchFile, InvalidProtobuf, InvalidArgument, InvalidGraph,
    NotImplemented (operators that edgerun has not), Fail.
    """

    def __init__(
        self,
        path_or_bytes: str | bytes | os.PathLike[str],
        sess_options: SessionOptions | None = None,
        providers: Sequence[str | tuple[str, dict[Any, Any]]] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(path_or_bytes, str | bytes | os.PathLike):
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        if not isinstance(sess_options, SessionOptions | None):
            raise TypeError(f"sess_options must be SessionOptions, got {sess_options!r}.")
        check_providers(providers, provider_options, int(kwargs.get("enable_fallback", 1)) == 1)
        self._options = options = sess_options or SessionOptions()
        self._trace = Trace(options.profile_file_prefix) if options.enable_profiling else None
        began = time.monotonic_ns()
        self._source = Source(path_or_bytes, options)
        self._facts = self._source.facts
        if self._trace is not None:
            self._trace.add("session_initialization", began, time.monotonic_ns())

    def get_session_options(self) -> SessionOptions:
        return self._options

    def get_inputs(self) -> list[NodeArg]:
        return self._facts.inputs

    def get_outputs(self) -> list[NodeArg]:
        return self._facts.outputs

    def get_overridable_initializers(self) -> list[NodeArg]:
        """Constants that the file lists among its inputs; edgerun does not let a run replace them."""
        return self._facts.initializers

    def get_modelmeta(self) -> ModelMetadata:
        return self._facts.metadata

    def get_providers(self) -> list[str]:
        return [PROVIDER]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {PROVIDER: {}}

    def set_providers(self, providers: Any = None, provider_options: Any = None) -> None:
        check_providers(providers, provider_options)

    def enable_fallback(self) -> None:
        """Nothing: there is one provider."""

    def disable_fallback(self) -> None:
        """Nothing: there is one provider."""

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        run_options: RunOptions | None = None,
    ) -> list[Array]:
        """New arrays of these outputs (None or empty: of all), from an array, a list or an OrtValue of each
        input by name. Raises ValueError for a missing input, InvalidArgument for a wrong name, shape or
        dtype, RuntimeException for values that the model cannot take.
        """
        check_missing(self._facts, input_feed)
        if isinstance(output_names, str):
            raise TypeError("output_names must be a list of names, got a string.")
        if not isinstance(run_options, RunOptions | None):
            raise TypeError(f"run_options must be RunOptions, got {run_options!r}.")
        names = list(output_names or (arg.name for arg in self._facts.outputs))
        known = {arg.name for arg in self._facts.outputs}
        feeds = checked(self._facts, input_feed)
        for name in names:
            if name not in known:
                raise InvalidArgument(f"Invalid output name:{name}")
        if run_options is not None and run_options.terminate:
            raise Fail("Exiting due to terminate flag being set to true.")
        results = self._compute(feeds)
        return [results[name] for name in names]

    def run_with_ort_values(
        self,
        output_names: Sequence[str] | None,
        input_dict_ort_values: Mapping[str, OrtValue],
        run_options: RunOptions | None = None,
    ) -> list[OrtValue]:
        """As run, from and to OrtValues."""
        return [OrtValue(array) for array in self.run(output_names, input_dict_ort_values, run_options)]

    def run_async(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        callback: Callback,
        user_data: Any,
        run_options: RunOptions | None = None,
    ) -> None:
        """As run, in a thread of its own, which calls callback(results, user_data, error): the error is "",
        or what went wrong, with no results. Raises ValueError for a missing input."""
        check_missing(self._facts, input_feed)

        def work() -> None:
            try:
                results, error = self.run(output_names, input_feed, run_options), ""
            except (EdgerunError, TypeError, ValueError) as caught:
                results, error = [], str(caught)
            callback(results, user_data, error)

        threading.Thread(target=work, name="edgerun-run-async", daemon=True).start()

    def io_binding(self) -> IOBinding:
        return IOBinding(self)

    def run_with_iobinding(self, iobinding: IOBinding, run_options: RunOptions | None = None) -> None:
        """A run from and into the arrays that are bound. Raises ValueError for another session's binding,
        RuntimeError for what a run refuses."""
        if iobinding._session is not self:
            raise ValueError("IOBinding must be used with the session that created it.")
        if not iobinding.targets:
            raise RuntimeError("Error in execution: At least one output should be requested.")
        try:
            arrays = self.run(list(iobinding.targets), iobinding.inputs, run_options)
        except (OrtError, ValueError) as error:
            raise RuntimeError(f"Error in execution: {error}") from error
        for (name, target), array in zip(iobinding.targets.items(), arrays, strict=True):
            if target is None:
                target = OrtValue(array)
            else:
                bound = target.numpy()
                if (bound.shape, bound.dtype) != (array.shape, array.dtype):
                    raise RuntimeError(
                        f"Error in execution: the output {name} is {array.dtype} of shape {array.shape}, "
                        f"and {bound.dtype} of shape {bound.shape} is bound to it."
                    )
                np.copyto(bound, array)
            iobinding.results[name] = target

    def end_profiling(self) -> str:
        """Writes the trace; the file's name, "" without enable_profiling or the second time."""
        trace, self._trace = self._trace, None
        return "" if trace is None else trace.write()

    def get_profiling_start_time_ns(self) -> int:
        return 0 if self._trace is None else self._trace.start_ns

    def _compute(self, feeds: dict[str, Array]) -> dict[str, Array]:
        began = time.monotonic_ns()
        try:
            session = self._source.session(feeds)
            results = session.run(feeds)
            ended = time.monotonic_ns()
            if self._trace is not None:
                sized = session._variant(feeds) or session  # the program of these sizes
                self._trace.add("model_run", began, ended, sized.profile(feeds, runs=1))
        except InputError as error:
            raise InvalidArgument(str(error)) from error
        except OrtError:
            raise
        except EdgerunError as error:
            raise RuntimeException(str(error)) from error
        return results
