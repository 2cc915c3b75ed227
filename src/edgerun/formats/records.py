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
            if value.name not in DTYPES:
                raise ModelError(f"A compiled model cannot hold elements of {value}.")
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
_SCALARS = (bool, int, str, types.NoneType)

# The hints that a value may be of, each with its origin and arguments.
_Hints = tuple[tuple[Any, Any, tuple[Any, ...]], ...]
# Where a value stands: the place around it, and the field, key or entry. It becomes text in messages alone.
_Place = str | tuple[Any, str | int]


class Decoder:
    """JSON values back to what type hints say, over the arrays of a file.

    classes: the dataclasses there may be, by name. Raises FormatError where a value is not of its hint.
    """

    def __init__(self, arrays: Sequence[np.ndarray[Any, Any]], classes: Mapping[str, type]) -> None:
        self._arrays, self._classes = arrays, classes

    def decode(self, value: Any, hint: Any, place: str) -> Any:
        """`value` as an instance of `hint`; `place` names it in messages."""
        return self._value(value, _alternatives(hint), place)

    def _value(self, value: Any, hints: _Hints, place: _Place) -> Any:
        kind = type(value)
        for hint, origin, arguments in hints:
            if kind is list:
                if origin is tuple or origin is list:
                    return self._sequence(value, origin, arguments, place)
            elif kind is dict:
                if self._looks_like(value, hint, origin):
                    return self._tagged(value, hint, origin, arguments, place)
            elif kind is hint or (hint is float and kind is int):  # as for a type checker, an int is a float
                return value
        name = " or ".join(getattr(hint, "__name__", str(hint)) for hint, _, _ in hints)
        raise FormatError(f"{_text(place)} should be {name}, it is {str(value)[:80]}.")

    def _looks_like(self, value: dict[str, Any], hint: Any, origin: Any) -> bool:
        """Whether the tag is that of the hint, whatever is inside."""
        if len(value) != 1 or hint in _SCALARS or origin is tuple or origin is list:
            return False
        (tag,) = value
        if hint is float:
            return tag == "float"
        if origin in _TAGS or tag in _TAGS.values():
            return tag == _TAGS.get(origin)
        return tag in self._classes and issubclass(self._classes[tag], origin)

    def _tagged(self, value: dict[str, Any], hint: Any, origin: Any, arguments: Any, place: _Place) -> Any:
        ((tag, inner),) = value.items()
        if hint is float:
            if inner not in ("inf", "-inf", "nan"):
                raise FormatError(
                    f"{_text(place)} should be 'inf', '-inf' or 'nan', it is {str(inner)[:80]}."
                )
            return float(inner)
        if origin in (np.ndarray, bytes):
            if type(inner) is not int or not 0 <= inner < len(self._arrays):
                raise FormatError(
                    f"{_text(place)} should be one of {len(self._arrays)} arrays, it is {str(inner)[:80]}."
                )
            array = self._arrays[inner]
            wanted = _element(arguments) if origin is np.ndarray else np.uint8
            if not issubclass(array.dtype.type, wanted):
                raise FormatError(
                    f"{_text(place)} should be an array of {wanted.__name__}, it is {array.dtype}."
                )
            return array if origin is np.ndarray else array.tobytes()
        if origin is np.dtype:
            if not isinstance(inner, str) or inner not in DTYPES:
                raise FormatError(f"{_text(place)} should be a dtype, it is {str(inner)[:80]}.")
            return DTYPES[inner]
        if not isinstance(inner, dict):
            raise FormatError(f"{_text(place)} should have fields, it is {str(inner)[:80]}.")
        if origin is Mapping:
            hints = _alternatives(arguments[1])
            return {k: self._value(v, hints, (place, k)) for k, v in inner.items()}
        return self._instance(self._classes[tag], inner, place)

    def _sequence(self, value: list[Any], origin: type, arguments: Any, place: _Place) -> Any:
        if origin is list or arguments[1:] == (...,):
            hint = arguments[0]
            if hint in _SCALARS and all(type(v) is hint for v in value):
                return origin(value)
            hints = [_alternatives(hint)] * len(value)
        else:
            hints = [_alternatives(hint) for hint in arguments]
        if len(value) != len(hints):
            raise FormatError(f"{_text(place)} should have {len(hints)} entries, it has {len(value)}.")
        pairs = zip(value, hints, strict=True)
        return origin([self._value(v, one, (place, i)) for i, (v, one) in enumerate(pairs)])

    def _instance(self, cls: type, fields: dict[str, Any], place: _Place) -> Any:
        hints = _fields(cls)
        if fields.keys() != hints.keys():
            raise FormatError(
                f"{_text(place)}: {cls.__name__} should have the fields {', '.join(hints) or '(none)'}, "
                f"it has {', '.join(map(str, fields)) or '(none)'}."
            )
        return cls(**{k: self._value(v, hints[k], (place, k)) for k, v in fields.items()})


def _text(place: _Place) -> str:
    """A place as messages name it."""
    if isinstance(place, str):
        return place
    around, at = place
    return f"{_text(around)}, " + (at if isinstance(at, str) else f"entry {at}")


@functools.cache
def _alternatives(hint: Any) -> _Hints:
    """The hints of a union, or the only one."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    hints = typing.get_args(hint) if union else (hint,)
    return tuple((one, typing.get_origin(one) or one, typing.get_args(one)) for one in hints)


def _element(arguments: tuple[Any, ...]) -> type:
    """The element class of the hint npt.NDArray[x], which is ndarray[shape, dtype[x]]."""
    found = typing.get_args(arguments[1])[0]
    return found if isinstance(found, type) else np.generic


@functools.cache
def _fields(cls: type) -> dict[str, _Hints]:
    """The hints of each field, in order."""
    hints = typing.get_type_hints(cls)
    return {f.name: _alternatives(hints[f.name]) for f in dataclasses.fields(cls)}
