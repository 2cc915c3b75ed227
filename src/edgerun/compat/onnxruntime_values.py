"""OrtValue and IOBinding: arrays that a script holds beside its session."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgerun.compat.onnxruntime_model import NUMBERS, Array, element_dtype, type_name

if TYPE_CHECKING:
    from edgerun.compat.onnxruntime import InferenceSession


class OrtValue:
    """An array of numbers on the CPU, over the memory that it was made from."""

    def __init__(self, array: Array) -> None:
        self._array = array

    @classmethod
    def ortvalue_from_numpy(
        cls, numpy_obj: Array, device_type: str = "cpu", device_id: int = 0, vendor_id: int = -1
    ) -> OrtValue:
        """The value over this array. Raises RuntimeError for another device than the CPU."""
        _cpu(device_type)
        return cls(_contiguous(np.asarray(numpy_obj)))

    @classmethod
    def ortvalue_from_shape_and_type(
        cls,
        shape: Sequence[int],
        element_type: Any = np.float32,
        device_type: str = "cpu",
        device_id: int = 0,
        vendor_id: int = -1,
    ) -> OrtValue:
        """A new value; element_type: a numpy dtype or ONNX's number."""
        _cpu(device_type)
        return cls(np.zeros(tuple(shape), element_dtype(element_type)))

    def numpy(self) -> Array:
        return self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self._array, dtype, copy=True) if copy else np.asarray(self._array, dtype)

    def shape(self) -> list[int]:
        return list(self._array.shape)

    def data_type(self) -> str:
        """Such as 'tensor(float)'."""
        return type_name(self._array.dtype)

    def element_type(self) -> int:
        """ONNX's number of the element type."""
        return NUMBERS[self.data_type()]

    def device_name(self) -> str:
        return "cpu"

    def data_ptr(self) -> int:
        return self._array.ctypes.data

    def tensor_size_in_bytes(self) -> int:
        return self._array.nbytes

    def has_value(self) -> bool:
        return True

    def is_tensor(self) -> bool:
        return True

    def is_sparse_tensor(self) -> bool:
        return False

    def is_tensor_sequence(self) -> bool:
        return False

    def update_inplace(self, np_arr: Array) -> None:
        """Copies an array of the same size in. Raises RuntimeError for another size."""
        if np_arr.size != self._array.size:
            raise RuntimeError("The input size of numpy arrays does not match the size of the OrtValue.")
        self._array[...] = np_arr.reshape(self._array.shape)


class IOBinding:
    """Arrays that run_with_iobinding reads from and writes into, by the names of inputs and outputs."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self.inputs: dict[str, Any] = {}
        self.targets: dict[str, OrtValue | None] = {}
        self.results: dict[str, OrtValue] = {}

    def bind_cpu_input(self, name: str, arr_on_cpu: Array) -> None:
        """The array that the next runs read. Raises RuntimeError for a name that is no input."""
        self._known(name)
        self.inputs[name] = arr_on_cpu

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        self.bind_cpu_input(name, ortvalue.numpy())

    def bind_input(
        self,
        name: str,
        device_type: str,
        device_id: int,
        element_type: Any,
        shape: Sequence[int],
        buffer_ptr: int,
    ) -> None:
        """An input at an address, which must stay valid."""
        _cpu(device_type)
        self.bind_cpu_input(name, _at(buffer_ptr, element_dtype(element_type), shape))

    def bind_output(
        self,
        name: str,
        device_type: str = "cpu",
        device_id: int = 0,
        element_type: Any = None,
        shape: Sequence[int] | None = None,
        buffer_ptr: int | None = None,
    ) -> None:
        """An output that runs write: at an address, or into memory of its own."""
        _cpu(device_type)
        if buffer_ptr is None:
            self.targets[name] = None
            return
        if shape is None or element_type is None:
            raise ValueError(
                "`shape` and `element_type` are to be provided if pre-allocated memory is provided"
            )
        self.targets[name] = OrtValue(_at(buffer_ptr, element_dtype(element_type), shape))

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        self.targets[name] = ortvalue

    def get_outputs(self) -> list[OrtValue]:
        """The outputs of the last run, in the order in which they were bound."""
        return [self.results[name] for name in self.targets if name in self.results]

    def copy_outputs_to_cpu(self) -> list[Array]:
        return [value.numpy().copy() for value in self.get_outputs()]

    def clear_binding_inputs(self) -> None:
        self.inputs.clear()

    def clear_binding_outputs(self) -> None:
        self.targets.clear()
        self.results.clear()

    def synchronize_inputs(self) -> None:
        """Nothing: all is on the CPU."""

    def synchronize_outputs(self) -> None:
        """Nothing: all is on the CPU."""

    def _known(self, name: str) -> None:
        if name not in {arg.name for arg in self._session.get_inputs()}:
            raise RuntimeError(f"Failed to find NodeArg with name: {name} in the def list")


def _cpu(device_type: str) -> None:
    if device_type.lower() != "cpu":
        raise RuntimeError(f"edgerun computes on the CPU, and cannot hold values on {device_type!r}.")


def _contiguous(array: Array) -> Array:
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _at(address: int, dtype: np.dtype[Any], shape: Sequence[int]) -> Array:
    """The array of this dtype and shape at an address."""
    nbytes = dtype.itemsize * int(np.prod(tuple(shape), dtype=np.int64))
    memory = (ctypes.c_byte * nbytes).from_address(address)
    return np.ndarray(tuple(shape), dtype, buffer=memoryview(memory))
