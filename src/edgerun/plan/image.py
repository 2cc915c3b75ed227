"""Images: programs on disk as bind() left them, weights packed, for a start that binds nothing.

It imports little, on purpose: with it alone a process gets from a file to a run.
"""

from __future__ import annotations

import ast  # numpy imports it, unlike json
from typing import TYPE_CHECKING, Any

import numpy as np

from edgerun import knobs
from edgerun.errors import FormatError, ModelError
from edgerun.ir.ports import Quantization, TensorInfo

try:
    from edgerun import _engine
except ImportError as error:  # pragma: no cover - only in a checkout that was not built
    raise ImportError(
        "edgerun's engine is not built: install the package (`pip install .`), or run `make build`."
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edgerun.ir.types import TensorType

Runner = _engine.Runner  # one stream of inferences over a program
# Name, buffer, dtype, shape, scale and zero point and axis.
_Port = tuple[str, int, str, list[int], list[float], list[int], int]


def best_isa() -> str:
    """The cap on instruction sets: the knob, or the best this CPU has."""
    return knobs.isa() or str(_engine.isas()[-1])


def machine_key(threads: int) -> str:
    """All that bind() asks the machine for."""
    return repr((best_isa(), _engine.isas(), _engine.amx_permitted(), _engine.native_unsigned, threads))


def port_record(name: str, buffer: int, kind: TensorType) -> _Port:
    """An input or output as an image keeps it."""
    q = kind.quantization
    means: tuple[list[float], list[int], int] = ([], [], 0)
    if q is not None:
        means = (q.scale.tolist(), q.zero_point.tolist(), q.axis)
    return (name, buffer, str(kind.dtype), list(kind.shape), *means)


class Image:
    """A program read from an image: what its ports and its model are, and runners over it.

    told: what else the writer noted. Raises FormatError for a file that is damaged, of another key, or
    not readable by its owner alone.
    """

    def __init__(self, path: str, key: str) -> None:
        try:
            self._image = _engine.Image(path, key)
            noted = ast.literal_eval(self._image.note.decode())
        except (ModelError, ValueError, SyntaxError) as error:
            raise FormatError(str(error)) from error
        self._ports: list[list[_Port]] = [noted["inputs"], noted["outputs"]]
        self.inputs, self.outputs = (tuple(map(_info, ports)) for ports in self._ports)
        self.told: dict[str, Any] = noted["told"]

    def runner(self, threads: int) -> Runner:
        """A new stream of inferences, with an arena of its own."""
        inputs, outputs = ([(p[0], p[1], p[2], tuple(p[3])) for p in ports] for ports in self._ports)
        return self._image.runner(threads, inputs, outputs)


def note_of(inputs: list[_Port], outputs: list[_Port], told: Mapping[str, Any]) -> bytes:
    """What an Image finds again; `told` are Python literals."""
    return repr({"inputs": inputs, "outputs": outputs, "told": dict(told)}).encode()


def checksum(text: str) -> str:
    """A short name for a text: equal texts have equal ones, and an accident gives another none of them."""
    return f"{_engine.checksum(text.encode()):016x}"


def tensor_infos(values: Iterable[Any]) -> tuple[TensorInfo, ...]:
    """Of values of a graph: name and type as a session shows them."""
    return tuple(TensorInfo(v.name, v.type.shape, v.type.dtype, v.type.quantization) for v in values)


def _info(port: _Port) -> TensorInfo:
    name, _, dtype, shape, scale, zero_point, axis = port
    quantization = (
        Quantization(np.array(scale, np.float32), np.array(zero_point, np.int32), axis) if scale else None
    )
    return TensorInfo(name, tuple(shape), np.dtype(dtype), quantization)
