"""Signatures: a model called by the names of its inputs, giving its outputs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgerun.compat.tflite import Interpreter


class SignatureRunner:
    """A callable for one signature of a model, made by Interpreter.get_signature_runner().

    Raises ValueError for a key that the model has not.
    """

    def __init__(self, interpreter: Interpreter | None = None, signature_key: str | None = None) -> None:
        if not interpreter:
            raise ValueError("None interpreter provided.")
        if not signature_key:
            raise ValueError("None signature_key provided.")
        signatures = interpreter._get_full_signature_list()
        if signature_key not in signatures:
            raise ValueError(f'Invalid signature_key provided: "{signature_key}".')
        self._inputs: dict[str, int] = signatures[signature_key]["inputs"]
        self._outputs: dict[str, int] = signatures[signature_key]["outputs"]
        self._interpreter = interpreter
        self._subgraph_index = interpreter._subgraph_of(signature_key)

    def __call__(self, **kwargs: Any) -> dict[str, Any]:
        """One inference: arrays by the signature's input names -> new arrays by its output names.

        Inputs of other shapes resize the model. Raises ValueError for other names, types or ranks,
        RuntimeError for shapes with which the model cannot run.
        """
        if len(kwargs) != len(self._inputs):
            raise ValueError(
                "Invalid number of inputs provided for running a SignatureDef, "
                f"expected {len(self._inputs)} vs provided {len(kwargs)}"
            )
        subgraph = self._interpreter._subgraph(self._subgraph_index)
        for name, value in kwargs.items():
            if name not in self._inputs:
                raise ValueError(f"Invalid Input name ({name}) for SignatureDef")
            subgraph.resize(self._inputs[name], value.shape, False)
        subgraph.allocate()
        for name, value in kwargs.items():
            subgraph.set(self._inputs[name], value)
        subgraph.invoke()
        return {name: subgraph.get(index) for name, index in self._outputs.items()}

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        """The details of each input tensor, by the signature's name."""
        return self._details(self._inputs)

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        """The details of each output tensor, by the signature's name."""
        return self._details(self._outputs)

    def _details(self, tensors: dict[str, int]) -> dict[str, dict[str, Any]]:
        return {
            name: self._interpreter._get_tensor_details(index, self._subgraph_index)
            for name, index in tensors.items()
        }
