"""Other runtimes as references: every tensor of a run can be read, by its index in the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgerun.backends.trial import message, refuse_crash
from edgerun.errors import InputError, ModelError
from edgerun.formats.tflite_reader import read_model

Array = npt.NDArray[Any]


class Reference(Protocol):
    """A runtime whose tensors can be read."""

    name: str

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Arrays by the file's input names -> the outputs in the file's order."""
        ...

    def tensor(self, index: int) -> Array:
        """A copy of the tensor with this index in the file, as the last run left it."""
        ...

    def before(self, index: int) -> Array:
        """A copy of a variable tensor as the last run found it."""
        ...


def _input_names(model: bytes) -> list[str]:
    """The names that a Session has for the inputs: those of the file, which may be missing or not unique."""
    names: list[str] = []
    subgraph = read_model(model).subgraphs[0]
    for i in subgraph.inputs:
        name = subgraph.tensors[i].name or f"tensor_{i}"
        names.append(f"{name}#{i}" if name in names else name)
    return names


class LitertReference:
    """LiteRT. model: the bytes of a .tflite file; kernels: "reference" (BUILTIN_REF), "optimized" (its own
    kernels without XNNPACK) or "xnnpack" (what its users get, of which only the outputs can be read)."""

    def __init__(self, model: bytes, kernels: str = "reference") -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        except ImportError as error:
            raise ModelError(
                "Comparing with LiteRT needs the package ai-edge-litert: `pip install edgerun[litert]`."
            ) from error
        resolver = {
            "reference": OpResolverType.BUILTIN_REF,
            "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            "xnnpack": OpResolverType.AUTO,
        }[kernels]
        names = {"reference": "LiteRT BUILTIN_REF", "optimized": "LiteRT", "xnnpack": "LiteRT XNNPACK"}
        self.name = names[kernels]
        refuse_crash(model, resolver.name)
        try:
            self._interpreter = Interpreter(
                model_content=model,
                num_threads=1,
                experimental_op_resolver_type=resolver,
                experimental_preserve_all_tensors=kernels != "xnnpack",
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{self.name} refuses the model: {message(error)}") from error
        indices = [d["index"] for d in self._interpreter.get_input_details()]
        self._inputs = dict(zip(_input_names(model), indices, strict=True))
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]
        self._variables: dict[int, Array] = {}

    def keep(self, indices: list[int]) -> None:
        """Which variable tensors `before` will be asked for."""
        self._variables = {i: np.empty(0) for i in indices}

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        for name, index in self._inputs.items():
            if name not in feeds:
                raise InputError(f"Input {name!r} is missing; the inputs are {sorted(self._inputs)}.")
            self._interpreter.set_tensor(index, feeds[name])
        for i in self._variables:
            self._variables[i] = self.tensor(i)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise ModelError(f"{self.name} cannot run the model: {message(error)}") from error
        return [self.tensor(index) for index in self._outputs]

    def tensor(self, index: int) -> Array:
        return np.array(self._interpreter.get_tensor(index))

    def before(self, index: int) -> Array:
        return self._variables[index]


class MicroReference:
    """TFLite Micro, for what LiteRT refuses or crashes on. model: the bytes of a .tflite file."""

    name = "TFLite Micro"

    def __init__(self, model: bytes) -> None:
        try:
            from tflite_micro import runtime
        except ImportError as error:
            raise ModelError(
                "Comparing with TFLite Micro needs the package tflite-micro: `pip install tflite-micro`."
            ) from error
        subgraph = read_model(model).subgraphs[0]
        self._inputs = _input_names(model)
        self._outputs = len(subgraph.outputs)
        self._shapes = {t.index: t.shape for t in subgraph.tensors}
        self._variables: dict[int, Array] = {}
        try:
            self._interpreter = runtime.Interpreter.from_bytes(
                model,
                arena_size=8 << 20,
                intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
            )
        except RuntimeError as error:
            raise ModelError(f"{self.name} refuses the model: {error}") from error

    def keep(self, indices: list[int]) -> None:
        self._variables = {i: np.empty(0) for i in indices}

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        for i, name in enumerate(self._inputs):
            self._interpreter.set_input(feeds[name], i)
        for i in self._variables:
            self._variables[i] = self.tensor(i)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise ModelError(f"{self.name} cannot run the model: {error}") from error
        return [np.array(self._interpreter.get_output(i)) for i in range(self._outputs)]

    def tensor(self, index: int) -> Array:
        found = np.array(self._interpreter.GetTensor(index, 0)["tensor_data"])
        return found.reshape(self._shapes[index])

    def before(self, index: int) -> Array:
        return self._variables[index]


AnyReference = LitertReference | MicroReference


def make_reference(name: str, model: bytes) -> AnyReference:
    """litert, litert-optimized, litert-xnnpack or micro. Raises ModelError where it cannot run the model."""
    if name == "micro":
        return MicroReference(model)
    kernels = {"litert": "reference", "litert-optimized": "optimized", "litert-xnnpack": "xnnpack"}
    if name not in kernels:
        raise InputError(f"There is no reference {name!r}; there are {[*kernels, 'micro']}.")
    return LitertReference(model, kernels[name])


REFERENCES = ("litert", "litert-optimized", "litert-xnnpack", "micro")
