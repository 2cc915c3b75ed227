"""A drop-in for `tflite_runtime.interpreter` and `ai_edge_litert.interpreter`, on edgerun's own kernels.

Change the import line and nothing else:

    from edgerun.compat.tflite import Interpreter, load_delegate    # names
    import edgerun.compat.tflite as tflite                          # tflite.Interpreter(...)
    import edgerun.compat.tflite as tf                              # tf.lite.Interpreter(...)

Exceptions have the types that LiteRT raises for the same mistakes. docs/compat.md tells what differs.
"""

from __future__ import annotations

import enum
import logging
import operator
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, SupportsIndex

from edgerun.compat.tflite_delegate import Delegate, load_delegate
from edgerun.compat.tflite_details import operator_details, tensor_details
from edgerun.compat.tflite_signature import SignatureRunner
from edgerun.compat.tflite_source import Source
from edgerun.compat.tflite_subgraph import Subgraph
from edgerun.errors import EdgerunError
from edgerun.frontends.tflite import TfliteFile
from edgerun.ir.types import Array

__all__ = [
    "Delegate",
    "Interpreter",
    "InterpreterWithCustomOps",
    "OpResolverType",
    "SignatureRunner",
    "load_delegate",
]

_log = logging.getLogger(__name__)

_HELD_VIEW = (
    "There is at least 1 reference to internal data in the interpreter in the form of a numpy array or "
    "slice. Be sure to only hold the function returned from tensor() if you are using raw data access."
)


@enum.unique
class OpResolverType(enum.Enum):
    """Which of LiteRT's kernels to use; edgerun has one set, and takes all of these for it."""

    AUTO = 0
    BUILTIN = 1
    BUILTIN_REF = 2
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


class Interpreter:
    """A TFLite model with its tensors by index, as LiteRT's Interpreter.

    model_path or model_content: the model, one of the two. num_threads: CPU threads of one run; None: as
    many as the machine allows. experimental_preserve_all_tensors: get_tensor gives intermediate tensors too.
    The other arguments are accepted and change nothing. Raises ValueError for arguments and files that are
    not right; `allocate_tensors` raises RuntimeError for models that edgerun cannot run.
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        model_content: bytes | None = None,
        experimental_delegates: Sequence[Any] | None = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: OpResolverType = OpResolverType.AUTO,
        experimental_preserve_all_tensors: bool = False,
        experimental_disable_delegate_clustering: bool = False,
        experimental_default_delegate_latest_features: bool = False,
        experimental_compress_quantization_zero_points: bool = False,
        experimental_disable_delegate_node_fusion: bool = False,
        experimental_force_delegate_node_profiling: bool = False,
    ) -> None:
        if not isinstance(experimental_op_resolver_type, OpResolverType):
            raise ValueError(
                f"Unrecognized passed in op resolver type: {experimental_op_resolver_type}"
            )
        if num_threads is not None:
            if not isinstance(num_threads, int):
                raise ValueError("type of num_threads should be int")
            if num_threads < 1:
                raise ValueError("num_threads should >= 1")
        if experimental_preserve_all_tensors:
            warnings.warn(
                "experimental_preserve_all_tensors is for debugging: nothing is fused, and every tensor "
                "keeps its memory.",
                stacklevel=2,
            )
        if experimental_delegates:
            _log.warning("experimental_delegates are not used: edgerun runs the model on its own kernels.")
        self._experimental_compress_quantization_zero_points = experimental_compress_quantization_zero_points
        name, data = _content(model_path, model_content)
        try:
            file = TfliteFile(data, name)
        except EdgerunError as error:
            raise ValueError(str(error)) from error
        self._model = file.model
        self._source = Source(file, data, num_threads, experimental_preserve_all_tensors)
        self._subgraphs: dict[int, Subgraph] = {}
        self._main = self._subgraph(0)

    # -- tensors --

    def allocate_tensors(self) -> None:
        """Makes the model ready to run with the shapes its inputs have now.

        Raises RuntimeError for a model that edgerun cannot run, or while views of tensors are held.
        """
        self._ensure_safe()
        self._main.allocate()

    def get_input_details(self) -> list[dict[str, Any]]:
        """Of each input in the file's order: name, index, shape, shape_signature (-1: may change), dtype,
        quantization (scale, zero_point; (0.0, 0) where there is none or one per channel),
        quantization_parameters, sparsity_parameters."""
        return [self._get_tensor_details(i) for i in self._main.graph.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """Of each output in the file's order, what get_input_details gives of inputs."""
        return [self._get_tensor_details(i) for i in self._main.graph.outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """Of each tensor of a subgraph, what get_input_details gives of inputs."""
        if subgraph_index < 0 or subgraph_index >= self.num_subgraphs():
            raise ValueError(
                f"subgraph_index is out of range: {subgraph_index} for the model, which has "
                f"{self.num_subgraphs()} subgraphs."
            )
        return [
            self._get_tensor_details(tensor.index, subgraph_index)
            for tensor in self._model.subgraphs[subgraph_index].tensors
        ]

    def set_tensor(self, tensor_index: SupportsIndex, value: object) -> None:
        """Copies an array into a tensor; inputs keep their values from run to run.

        Raises ValueError for another type or shape than the tensor has, and before allocate_tensors().
        """
        self._main.set(tensor_index, value)

    def get_tensor(self, tensor_index: SupportsIndex, subgraph_index: SupportsIndex = 0) -> Any:
        """A copy of a tensor. Intermediate ones have their values of the last run; without
        experimental_preserve_all_tensors they are computed when first asked for, and kept from then on.

        Raises ValueError for an index that is none, and for a tensor without memory.
        """
        index, count = operator.index(subgraph_index), self.num_subgraphs()
        if not 0 <= index < count:
            raise ValueError(f"Invalid subgraph index {index} exceeds max subgraph index {count}")
        return self._subgraph(index).get(tensor_index)

    def tensor(self, tensor_index: SupportsIndex) -> Callable[[], Any]:
        """A function that gives the tensor as an array over its memory: what is written there, the next run
        reads. Hold the function, not the array: while one is held, nothing runs (RuntimeError)."""
        return lambda: self._main.view(tensor_index)

    def resize_tensor_input(
        self, input_index: SupportsIndex, tensor_size: Sequence[int] | Array, strict: bool = False
    ) -> None:
        """Another shape for an input, from the next allocate_tensors() on; strict: unknown dimensions only.

        Raises RuntimeError for an index that is none, and for sizes that are not allowed.
        """
        self._ensure_safe()
        self._main.resize(input_index, tensor_size, strict)

    # -- runs --

    def invoke(self) -> None:
        """One inference; releases the GIL. Raises RuntimeError before allocate_tensors(), and while views of
        tensors are held."""
        self._ensure_safe()
        self._main.invoke()

    def reset_all_variables(self) -> None:
        """Brings the model's variables back to where they were before the first run."""
        for subgraph in self._subgraphs.values():
            subgraph.reset()

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """The model's signatures: key -> {"inputs": names, "outputs": names}."""
        return {
            key: {"inputs": list(names["inputs"]), "outputs": list(names["outputs"])}
            for key, names in self._get_full_signature_list().items()
        }

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """A callable for a signature; None: the only one. Raises ValueError for a key that is none."""
        if signature_key is None:
            keys = list(self._get_full_signature_list())
            if len(keys) != 1:
                raise ValueError(
                    f"SignatureDef signature_key is None and model has {len(keys)} Signatures. "
                    "None is only allowed when the model has 1 SignatureDef"
                )
            signature_key = keys[0]
        return SignatureRunner(self, signature_key)

    def num_subgraphs(self) -> int:
        """The number of subgraphs in the file."""
        return len(self._model.subgraphs)

    @property
    def experimental_compress_quantization_zero_points(self) -> bool:
        return self._experimental_compress_quantization_zero_points

    # -- what LiteRT keeps for itself, and scripts use all the same --

    def _get_tensor_details(
        self, tensor_index: SupportsIndex, subgraph_index: SupportsIndex = 0
    ) -> dict[str, Any]:
        subgraph, index = self._subgraph(operator.index(subgraph_index)), operator.index(tensor_index)
        tensors = subgraph.graph.tensors
        if not 0 <= index < len(tensors):
            raise ValueError(f"Invalid tensor index {index} exceeds max tensor index {len(tensors)}")
        return tensor_details(tensors[index], subgraph.shape(index))

    def _get_op_details(self, op_index: SupportsIndex) -> dict[str, Any]:
        index, operators = operator.index(op_index), self._main.graph.operators
        if not 0 <= index < len(operators):
            raise ValueError("Invalid node index")
        return operator_details(operators[index], self._main.graph)

    def _get_ops_details(self) -> list[dict[str, Any]]:
        return [self._get_op_details(i) for i in range(len(self._main.graph.operators))]

    def _get_full_signature_list(self) -> dict[str, dict[str, dict[str, int]]]:
        return {
            s.key: {"inputs": dict(sorted(s.inputs.items())), "outputs": dict(sorted(s.outputs.items()))}
            for s in self._model.signatures
        }

    def _subgraph_of(self, signature_key: str) -> int:
        return next(s.subgraph for s in self._model.signatures if s.key == signature_key)

    def _subgraph(self, index: int) -> Subgraph:
        """The state of a subgraph, made when first asked for."""
        if index not in self._subgraphs:
            found = [s for s in self._model.signatures if s.subgraph == index] if index else []
            graph = self._model.subgraphs[index]
            self._subgraphs[index] = Subgraph(graph, self._source, found[0] if found else None)
        return self._subgraphs[index]

    def _safe_to_run(self) -> bool:
        return all(not subgraph.viewed for subgraph in self._subgraphs.values())

    def _ensure_safe(self) -> None:
        if not self._safe_to_run():
            raise RuntimeError(_HELD_VIEW)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")


class InterpreterWithCustomOps(Interpreter):
    """An Interpreter that takes LiteRT's registerers of custom operators and does not call them: custom
    operators that edgerun does not know are refused by allocate_tensors()."""

    def __init__(self, custom_op_registerers: Sequence[Any] | None = None, **kwargs: Any) -> None:
        if custom_op_registerers:
            _log.warning("custom_op_registerers are not used: edgerun has kernels of its own.")
        super().__init__(**kwargs)


def _content(path: str | os.PathLike[str] | None, content: bytes | None) -> tuple[str, bytes]:
    """The name for messages and the bytes of the model, read once. Raises ValueError."""
    if path and content:
        raise ValueError("Can't both provide `model_path` and `model_content`")
    if content:
        if not isinstance(content, bytes | bytearray | memoryview):
            raise TypeError(f"model_content must be bytes, not {type(content).__name__}")
        return "<bytes>", bytes(content)
    if not path:
        raise ValueError("`model_path` or `model_content` must be specified.")
    place = Path(os.fsdecode(path))
    try:
        return str(place), place.read_bytes()
    except OSError as error:
        raise ValueError(f"Could not open '{place}'. {error.strerror}.") from error


# For scripts that say `tf.lite.Interpreter` and `tf.lite.experimental.load_delegate`.
lite = sys.modules[__name__]
experimental = SimpleNamespace(load_delegate=load_delegate, OpResolverType=OpResolverType)
