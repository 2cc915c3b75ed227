"""Dataclasses as JSON and back. Type hints say what each field may hold; anything else is refused.

A dataclass is {"its name": {field: value}}, a tuple or list a list, a mapping (of names) {"map": {...}}, an
array {"array": index}, a dtype {"dtype": name}, bytes {"bytes": index}; numbers, texts, None are themselves,
but for floats that JSON lacks: {"float": "inf"}.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgerun.errors import FormatError, ModelError
from edgerun.formats.compiled_file import DTYPES, Arrays


def encode(value: Any, arrays: Arrays) -> Any:
    """`value` as JSON, its arrays added to `arrays`. Raises ModelError for what has no form there."""
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            finite = isinstance(value, int) or math.isfinite(value)
            return value if finite else {"float": str(value)}
        case np.dtype():
            return {"dtype": value.name}
        case bytes() | memoryview():
            return {"bytes": arrays.add(np.frombuffer(value, np.uint8))}
        case np.ndarray():
            return {"array": arrays.add(value)}
        case np.integer():
            return int(value)
        case tuple() | list():
            return [encode(v, arrays) for v in value]
        case Mapping():
            return {"map": {str(k): encode(v, arrays) for k, v in value.items()}}
    if not dataclasses.is_dataclass(value):
        raise ModelError(f"A compiled model cannot hold {type(value).__name__} {value!r}.")
    fields = {f.name: encode(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
    return {type(value).__name__: fields}


# How what is no dataclass is marked in JSON.
_TAGS: dict[Any, str] = {np.ndarray: "array", np.dtype: "dtype", bytes: "bytes", Mapping: "map"}


class Decoder:
    """JSON values back to what type hints say, over the arrays of a file.

    classes: the dataclasses there may be, by name. Raises FormatError where a value is not of its hint.
    """

    def __init__(self, arrays: Sequence[np.ndarray[Any, Any]], classes: Mapping[str, type]) -> None:
        self._arrays, self._classes = arrays, classes

    def decode(self, value: Any, hint: Any, place: str) -> Any:
        """`value` as an instance of `hint`; `place` names it in messages."""
        for one, origin, arguments in _alternatives(hint):
            if self._looks_like(value, one, origin):
                return self._decode(value, one, origin, arguments, place)
        name = " or ".join(getattr(h, "__name__", str(h)) for h, _, _ in _alternatives(hint))
        raise FormatError(f"{place} should be {name}, it is {str(value)[:80]}.")

    def _looks_like(self, value: Any, hint: Any, origin: Any) -> bool:
        """Whether the JSON form is that of the hint, whatever is inside."""
        if hint in (bool, int, str, types.NoneType):
            return type(value) is hint
        if hint is float:
            plain = type(value) in (int, float)  # as for a type checker, an int is a float
            return plain or (isinstance(value, dict) and list(value) == ["float"])
        if origin in (tuple, list):
            return isinstance(value, list)
        if not isinstance(value, dict) or len(value) != 1:
            return False
        (tag,) = value
        if origin in _TAGS or tag in _TAGS.values():
            return bool(tag == _TAGS.get(origin))
        return tag in self._classes and issubclass(self._classes[tag], origin)

    def _decode(self, value: Any, hint: Any, origin: Any, arguments: Any, place: str) -> Any:
        if origin in (tuple, list):
            return self._sequence(value, origin, arguments, place)
        if not isinstance(value, dict):
            return value
        ((tag, inner),) = value.items()
        if hint is float:
            if inner not in ("inf", "-inf", "nan"):
                raise FormatError(f"{place} should be 'inf', '-inf' or 'nan', it is {str(inner)[:80]}.")
            return float(inner)
        if origin in (np.ndarray, bytes):
            if type(inner) is not int or not 0 <= inner < len(self._arrays):
                raise FormatError(
                    f"{place} should be one of {len(self._arrays)} arrays, it is {str(inner)[:80]}."
                )
            array = self._arrays[inner]
            wanted = _element(arguments) if origin is np.ndarray else np.uint8
            if not issubclass(array.dtype.type, wanted):
                raise FormatError(f"{place} should be an array of {wanted.__name__}, it is {array.dtype}.")
            return array if origin is np.ndarray else array.tobytes()
        if origin is np.dtype:
            if not isinstance(inner, str) or inner not in DTYPES:
                raise FormatError(f"{place} should be a dtype, it is {str(inner)[:80]}.")
            return DTYPES[inner]
        if not isinstance(inner, dict):
            raise FormatError(f"{place} should have fields, it is {str(inner)[:80]}.")
        if origin is Mapping:
            return {k: self.decode(v, arguments[1], f"{place}, {k}") for k, v in inner.items()}
        return self._instance(self._classes[tag], inner, place)

    def _sequence(self, value: list[Any], origin: type, arguments: Any, place: str) -> Any:
        if origin is list or arguments[1:] == (...,):
            arguments = (arguments[0],) * len(value)
        if len(value) != len(arguments):
            raise FormatError(f"{place} should have {len(arguments)} entries, it has {len(value)}.")
        pairs = zip(value, arguments, strict=True)
        return origin(self.decode(v, hint, f"{place}, entry {i}") for i, (v, hint) in enumerate(pairs))

    def _instance(self, cls: type, fields: dict[str, Any], place: str) -> Any:
        hints = _hints(cls)
        if fields.keys() != hints.keys():
            raise FormatError(
                f"{place}: {cls.__name__} should have the fields {', '.join(hints) or '(none)'}, "
                f"it has {', '.join(map(str, fields)) or '(none)'}."
            )
        return cls(**{k: self.decode(v, hints[k], f"{place}, {k}") for k, v in fields.items()})


@functools.cache
def _alternatives(hint: Any) -> tuple[tuple[Any, Any, tuple[Any, ...]], ...]:
    """The hints of a union, or the only one, each with its origin and arguments."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    hints = typing.get_args(hint) if union else (hint,)
    return tuple((one, typing.get_origin(one) or one, typing.get_args(one)) for one in hints)


def _element(arguments: tuple[Any, ...]) -> type:
    """The element class of the hint npt.NDArray[x], which is ndarray[shape, dtype[x]]."""
    found = typing.get_args(arguments[1])[0]
    return found if isinstance(found, type) else np.generic


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    """The type hint of each field, in order."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}
