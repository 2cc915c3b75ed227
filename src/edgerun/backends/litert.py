"""A TFLite model on LiteRT: the peer that Session(backend="litert") and `bench` compare with."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.errors import InputError, ModelError
from edgerun.formats.archive import appended_metadata
from edgerun.formats.tflite_reader import read_model
from edgerun.ir.types import Quantization, TensorInfo

Array = npt.NDArray[Any]


class LitertBackend:
    """The inputs, outputs and run() of a Session, computed by LiteRT with its default kernels.

    `model` is a path or the bytes of a .tflite file; `threads` None leaves LiteRT its default.
    `operators` is empty: LiteRT does not tell them. Concurrent runs take turns. Raises ModelError
    where LiteRT is missing or refuses the model.
    """

    operators: tuple[str, ...] = ()

    def __init__(self, model: str | Path | bytes, threads: int | None = None) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ModelError(
                "The litert backend needs the package ai-edge-litert: "
                "install it with `pip install edgerun[litert]`."
            ) from error
        self._model, self.threads = model, threads
        self.path = Path(model) if isinstance(model, (str, Path)) else None
        if self.path is not None and not self.path.is_file():
            raise ModelError(f"There is no model file {str(self.path)!r}.")
        source: dict[str, Any] = (
            {"model_content": model} if self.path is None else {"model_path": str(self.path)}
        )
        name = "the model" if self.path is None else str(self.path)
        try:
            self._interpreter = Interpreter(**source, num_threads=threads)
            self._interpreter.allocate_tensors()
            shaped = self._interpreter
            if not _shapes_are_known(shaped):
                # They come from a run, of another interpreter: a model may remember what it was fed.
                shaped = Interpreter(**source, num_threads=threads)
                shaped.allocate_tensors()
                shaped.invoke()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"LiteRT refuses {name}: {reason}") from error
        self._input_details = self._interpreter.get_input_details()
        self._output_details = shaped.get_output_details()
        self.inputs = tuple(map(_tensor_info, self._input_details))
        self.outputs = tuple(map(_tensor_info, self._output_details))
        self._lock = threading.Lock()

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
        with self._lock:
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

    @functools.cached_property
    def metadata(self) -> Mapping[str, bytes | memoryview]:
        """The raw metadata of the file, by name; LiteRT runs some files that edgerun refuses to read."""
        data = self._model if isinstance(self._model, bytes) else Path(self._model).read_bytes()
        path = "<bytes>" if self.path is None else str(self.path)
        try:
            return {**read_model(data, path=path).metadata, **appended_metadata(data, path)}
        except ModelError:
            return {}

    def twin(self) -> LitertBackend:
        """The same model for another thread; LiteRT shares nothing between the two."""
        return LitertBackend(self._model, self.threads)


def _shapes_are_known(interpreter: Any) -> bool:
    """Some operators (detection post-processing) shape their outputs only when they run."""
    details = interpreter.get_output_details()
    return all(len(d["shape"]) > 0 and (d["shape_signature"] > 0).all() for d in details)


def _tensor_info(detail: dict[str, Any]) -> TensorInfo:
    parameters = detail["quantization_parameters"]
    quantization = None
    if len(parameters["scales"]):
        quantization = Quantization(
            np.asarray(parameters["scales"], np.float32),
            np.asarray(parameters["zero_points"], np.int32),
            int(parameters["quantized_dimension"]),
        )
    return TensorInfo(
        name=str(detail["name"]),
        shape=tuple(int(side) for side in detail["shape"]),
        dtype=np.dtype(detail["dtype"]),
        quantization=quantization,
    )
