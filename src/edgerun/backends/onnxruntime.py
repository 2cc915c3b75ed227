"""An ONNX model on ONNX Runtime: the peer that Session(backend="onnxruntime") and `bench` compare with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.backends.trial import message
from edgerun.errors import InputError, ModelError
from edgerun.ir.types import Shape, TensorInfo

Array = npt.NDArray[Any]

# Element types by ONNX Runtime's names; numpy has no others of those that a tensor may have.
DTYPES: dict[str, np.dtype[Any]] = {
    **{f"tensor({name})": np.dtype(name) for name in ("int8", "int16", "int32", "int64")},
    **{f"tensor({name})": np.dtype(name) for name in ("uint8", "uint16", "uint32", "uint64")},
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(string)": np.dtype(np.object_),
}
_FATAL = 4  # the severity from which it writes to stderr what its exceptions say already


class OnnxruntimeBackend:
    """The inputs, outputs and run() of a Session, computed by ONNX Runtime on the CPU.

    `source` is a path or the bytes of an .onnx file; `threads` None leaves ONNX Runtime its default; `shapes`
    give sizes to open dimensions of inputs, by name; `optimized` False runs the graph as it is in the file,
    operator by operator. `operators` is empty: ONNX Runtime does not tell them. Runs of several threads go on
    at the same time. Raises ModelError where ONNX Runtime is missing or refuses the model, InputError for
    shapes that the inputs cannot have.
    """

    operators: tuple[str, ...] = ()

    def __init__(
        self,
        source: str | Path | bytes,
        threads: int | None = None,
        *,
        shapes: Mapping[str, Shape] | None = None,
        optimized: bool = True,
    ) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}.")
        self._package = _package()
        self._source, self.threads, self.optimized = source, threads, optimized
        self._shapes = dict(shapes or {})
        self.path = None if isinstance(source, bytes) else Path(source)
        if self.path is not None and not self.path.is_file():
            raise ModelError(f"There is no model file {str(self.path)!r}.")
        self._session = self._open({})
        self.inputs, self.outputs = (
            self._infos(ports) for ports in (self._session.get_inputs(), self._session.get_outputs())
        )
        if self._shapes:
            sizes = self._sizes()
            self._session = self._open(sizes)
            self.inputs = tuple(_with_shape(info, self._shapes.get(info.name)) for info in self.inputs)
            self.outputs = tuple(
                _with_shape(info, tuple(sizes.get(str(side), side) for side in info.shape))
                for info in self.outputs
            )

    def _open(self, sizes: Mapping[str, int]) -> Any:
        """A new session of ONNX Runtime; `sizes` are those of dimensions by their names."""
        levels = self._package.GraphOptimizationLevel
        options = self._package.SessionOptions()
        options.log_severity_level = _FATAL
        options.intra_op_num_threads = self.threads or 0
        options.graph_optimization_level = levels.ORT_ENABLE_ALL if self.optimized else levels.ORT_DISABLE_ALL
        for name, size in sizes.items():
            options.add_free_dimension_override_by_name(name, size)
        model = self._source if self.path is None else str(self.path)
        with self._refusals():
            return self._package.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def _sizes(self) -> dict[str, int]:
        """Sizes of dimensions by their names, as `shapes` give them. A name with several sizes is left out:
        exporters call all unknown dimensions "?". Raises InputError."""
        known = {info.name: info for info in self.inputs}
        sizes: dict[str, set[int]] = {}
        for name, shape in self._shapes.items():
            if name not in known:
                raise InputError(f"There is no input {name!r}; the inputs are {sorted(known)}.")
            if not _fits(shape, known[name].shape):
                raise InputError(
                    f"Input {name!r} has the shape {known[name].shape}, and cannot have {shape}."
                )
            for side, size in zip(known[name].shape, shape, strict=True):
                if isinstance(side, str):
                    sizes.setdefault(side, set()).add(size)
        return {name: min(found) for name, found in sizes.items() if len(found) == 1}

    def _infos(self, ports: list[Any]) -> tuple[TensorInfo, ...]:
        """Inputs or outputs as a Session tells them. Raises ModelError for what is no array."""
        for port in ports:
            if port.type not in DTYPES:
                raise ModelError(f"{self._name}: {port.name!r} is a {port.type}, which is no array of numpy.")
        return tuple(
            TensorInfo(port.name, tuple(map(_side, port.shape)), DTYPES[port.type]) for port in ports
        )

    @property
    def _name(self) -> str:
        return "the model" if self.path is None else str(self.path)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Raises ONNX Runtime's errors, which have no common base, as ModelError."""
        try:
            yield
        except Exception as error:
            raise ModelError(f"ONNX Runtime refuses {self._name}: {message(error)}") from error

    def run(self, feeds: Mapping[str, Array] | Array) -> dict[str, Array]:
        """One inference: arrays by input name (or the array of the one input) -> new arrays by output name.

        Raises InputError for a wrong name, shape or dtype, ModelError for values that the model cannot take.
        """
        given = self._checked(feeds)
        with self._refusals():
            results = self._session.run(None, given)
        return {info.name: result for info, result in zip(self.outputs, results, strict=True)}

    __call__ = run

    def run_into(self, feeds: Mapping[str, Array] | Array, results: Mapping[str, Array] | Array) -> None:
        """One inference into arrays of the caller, writable and C-contiguous, by output name (or the array of
        the one output). Raises InputError for a wrong name, shape or dtype."""
        given = self._checked(feeds)
        wanted = _by_name(results, self.outputs, "output")
        binding = self._session.io_binding()
        for info in self.outputs:
            array = wanted[info.name]
            _check(info, array, "Output")
            if array.dtype.hasobject or not (array.flags.writeable and array.flags.c_contiguous):
                raise InputError(f"Output {info.name!r} must be a writable, C-contiguous array of numbers.")
            binding.bind_output(info.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        with self._refusals():
            for name, value in given.items():
                binding.bind_cpu_input(name, value)
            self._session.run_with_iobinding(binding)

    def _checked(self, feeds: Mapping[str, Array] | Array) -> dict[str, Array]:
        """The feeds by name, C-contiguous. Raises InputError."""
        given = _by_name(feeds, self.inputs, "input")
        for info in self.inputs:
            _check(info, given[info.name], "Input")
        return {name: np.ascontiguousarray(v) if v.ndim else v for name, v in given.items()}

    def reset(self) -> None:
        """Nothing: what an ONNX model remembers goes out and comes in again."""

    @property
    def metadata(self) -> Mapping[str, bytes | memoryview]:
        """The metadata_props of the file, by name."""
        properties = self._session.get_modelmeta().custom_metadata_map
        return {name: text.encode() for name, text in properties.items()}

    def twin(self) -> OnnxruntimeBackend:
        """The same model in a session of its own."""
        return OnnxruntimeBackend(self._source, self.threads, shapes=self._shapes, optimized=self.optimized)


def _package() -> Any:
    """The module onnxruntime. Raises ModelError where it is not installed."""
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise ModelError(
            "The onnxruntime backend needs the package onnxruntime: `pip install edgerun[onnxruntime]`."
        ) from error


def _by_name(
    arrays: Mapping[str, Array] | Array, infos: tuple[TensorInfo, ...], kind: str
) -> dict[str, Array]:
    """Arrays by the names of `infos`, all of them and no others. Raises InputError."""
    if not isinstance(arrays, Mapping):
        if len(infos) != 1:
            raise InputError(f"The model has {len(infos)} {kind}s: give a dict of arrays by name.")
        arrays = {infos[0].name: arrays}
    names = {info.name for info in infos}
    if set(arrays) != names:
        raise InputError(f"Expected the {kind}s {sorted(names)}, got {sorted(arrays)}.")
    return {name: np.asarray(array) for name, array in arrays.items()}


def _check(info: TensorInfo, array: Array, kind: str) -> None:
    """Raises InputError for an array of another dtype or of a shape that `info` has no room for."""
    if array.dtype != info.dtype or not _fits(array.shape, info.shape):
        raise InputError(
            f"{kind} {info.name!r} must be {info.dtype} of shape {info.shape}, "
            f"got {array.dtype} of shape {array.shape}."
        )


def _side(side: int | str | None) -> int | str:
    """A size, the name of an open dimension, or -1 for one without a name."""
    return side if isinstance(side, int) else side or -1


def _fits(shape: Shape, sides: tuple[int | str, ...]) -> bool:
    """Whether an array of this shape is one of `sides`, of which names and -1 are open. () allows everything:
    ONNX Runtime says it of scalars and where the file gives no shape, and takes care of both."""
    if not sides:
        return True
    return len(shape) == len(sides) and all(
        isinstance(side, str) or side in (-1, size) for size, side in zip(shape, sides, strict=True)
    )


def _with_shape(info: TensorInfo, shape: tuple[int | str, ...] | None) -> TensorInfo:
    return info if shape is None else TensorInfo(info.name, tuple(shape), info.dtype)
