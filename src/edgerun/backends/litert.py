"""A TFLite model on LiteRT, or on tflite-runtime where that is what is installed: the peer that
Session(backend="litert") and `bench` compare with."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.backends.trial import message
from edgerun.errors import InputError, ModelError
from edgerun.formats.archive import appended_metadata
from edgerun.formats.tflite_reader import read_model
from edgerun.ir.types import Quantization, Shape, TensorInfo

Array = npt.NDArray[Any]

# Where an Interpreter is found: LiteRT, and the package of the same that came before it.
_MODULES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


class LitertBackend:
    """The inputs, outputs and run() of a Session, computed by LiteRT with its default kernels.

    `source` is a path or the bytes of a .tflite file; `threads` None leaves LiteRT its default; `shapes` are
    other shapes for inputs, by name. `operators` is empty: LiteRT does not tell them. Concurrent runs take
    turns. Raises ModelError where LiteRT is missing or refuses the model, InputError for a name in `shapes`
    that is no input.
    """

    operators: tuple[str, ...] = ()

    def __init__(
        self,
        source: str | Path | bytes,
        threads: int | None = None,
        *,
        shapes: Mapping[str, Shape] | None = None,
    ) -> None:
        self._interpreter_class = _interpreter_class()
        self._source, self.threads, self._shapes = source, threads, dict(shapes or {})
        self.path = Path(source) if isinstance(source, (str, Path)) else None
        if self.path is not None and not self.path.is_file():
            raise ModelError(f"There is no model file {str(self.path)!r}.")
        self._interpreter = self._open()
        with self._refusals():
            for detail in self._interpreter.get_input_details():
                # LiteRT's memory begins as anything, and a loop would count from there.
                if np.dtype(detail["dtype"]).kind in "biufc":
                    self._interpreter.tensor(detail["index"])().fill(0)
            # Some operators (detection post-processing) shape their outputs only when they run.
            self._interpreter.invoke()
        self._input_details = self._interpreter.get_input_details()
        self._output_details = self._interpreter.get_output_details()
        self.inputs = _infos(self._input_details)
        self.outputs = _infos(self._output_details)
        self._lock = threading.Lock()
        self.reset()  # what it remembers of that run

    def _open(self) -> Any:
        """A new interpreter, ready to run."""
        model: dict[str, Any] = (
            {"model_content": self._source} if self.path is None else {"model_path": str(self.path)}
        )
        with self._refusals():
            interpreter = self._interpreter_class(**model, num_threads=self.threads)
        details = interpreter.get_input_details()
        indices = {i.name: d["index"] for i, d in zip(_infos(details), details, strict=True)}
        with self._refusals():
            for name, shape in self._shapes.items():
                if name not in indices:
                    raise InputError(f"There is no input {name!r}; the inputs are {sorted(indices)}.")
                interpreter.resize_tensor_input(indices[name], list(shape))
            interpreter.allocate_tensors()
        return interpreter

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Raises LiteRT's errors as ModelError."""
        try:
            yield
        except InputError:
            raise
        except (ValueError, RuntimeError) as error:
            name = "the model" if self.path is None else str(self.path)
            raise ModelError(f"LiteRT refuses {name}: {message(error)}") from error

    def run(self, feeds: Mapping[str, Array] | Array) -> dict[str, Array]:
        """One inference: arrays by input name (or the array of the one input) -> by output name.

        Raises InputError for a wrong name, shape or dtype.
        """
        if not isinstance(feeds, Mapping):
            if len(self.inputs) != 1:
                raise InputError(
                    f"The model has {len(self.inputs)} inputs: give a dict of arrays by name."
                )
            feeds = {self.inputs[0].name: feeds}
        names = {info.name for info in self.inputs}
        if set(feeds) != names:
            raise InputError(f"Expected the inputs {sorted(names)}, got {sorted(feeds)}.")
        with self._lock, self._refusals():
            for info, detail in zip(self.inputs, self._input_details, strict=True):
                value = np.asarray(feeds[info.name])
                if value.shape != info.shape or value.dtype != info.dtype:
                    raise InputError(
                        f"Input {info.name!r} must be {info.dtype} of shape {info.shape}, "
                        f"got {value.dtype} of shape {value.shape}."
                    )
                self._interpreter.set_tensor(detail["index"], value)
            self._interpreter.invoke()
            return {
                info.name: self._interpreter.get_tensor(detail["index"])
                for info, detail in zip(self.outputs, self._output_details, strict=True)
            }

    __call__ = run

    def reset(self) -> None:
        """Makes a model that remembers forget: the next run is the first."""
        with self._lock, self._refusals():
            # Resources are variables that LiteRT does not reset; their tensors have no numbers.
            if any(detail["dtype"] is np.object_ for detail in self._interpreter.get_tensor_details()):
                self._interpreter = self._open()
            else:
                self._interpreter.reset_all_variables()

    @functools.cached_property
    def metadata(self) -> Mapping[str, bytes | memoryview]:
        """The raw metadata of the file, by name; LiteRT runs some files that edgerun refuses to read."""
        data = self._source if isinstance(self._source, bytes) else Path(self._source).read_bytes()
        path = "<bytes>" if self.path is None else str(self.path)
        try:
            return {**read_model(data, path=path).metadata, **appended_metadata(data, path)}
        except ModelError:
            return {}

    def twin(self) -> LitertBackend:
        """The same model for another thread; LiteRT shares nothing between the two."""
        return LitertBackend(self._source, self.threads, shapes=self._shapes)


def _interpreter_class() -> Any:
    """The class Interpreter of what is installed. Raises ModelError."""
    for module in _MODULES:
        try:
            return import_module(module).Interpreter
        except ImportError:
            continue
    raise ModelError(
        "The litert backend needs the package ai-edge-litert or tflite-runtime: install one of them with "
        "`pip install edgerun[litert]` or `pip install edgerun[tflite-runtime]`."
    )


def _infos(details: list[dict[str, Any]]) -> tuple[TensorInfo, ...]:
    """The inputs or outputs as a Session tells them; a name that is there already gets the tensor's index."""
    infos: dict[str, TensorInfo] = {}
    for detail in details:
        name = str(detail["name"])
        if name in infos:
            name = f"{name}#{detail['index']}"
        infos[name] = _tensor_info(name, detail)
    return tuple(infos.values())


def _tensor_info(name: str, detail: dict[str, Any]) -> TensorInfo:
    parameters = detail["quantization_parameters"]
    quantization = None
    if len(parameters["scales"]):
        quantization = Quantization(
            np.asarray(parameters["scales"], np.float32),
            np.asarray(parameters["zero_points"], np.int32),
            int(parameters["quantized_dimension"]),
        )
    return TensorInfo(
        name=name,
        shape=tuple(int(side) for side in detail["shape"]),
        dtype=np.dtype(detail["dtype"]),
        quantization=quantization,
    )
