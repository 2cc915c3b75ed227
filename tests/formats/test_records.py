"""Dataclasses as JSON and back: everything a field may hold comes back the same, anything else is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgerun.errors import FormatError, ModelError
from edgerun.formats.compiled_file import Arrays, read_compiled, write_compiled
from edgerun.formats.records import Decoder, encode


@dataclass(frozen=True)
class Inner:
    name: str
    sizes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Outer:
    flag: bool
    number: float
    either: int | float | str | Inner | None
    pair: tuple[int, float]
    dtype: np.dtype[np.generic]
    content: bytes
    table: npt.NDArray[np.int16]
    by_name: Mapping[str, Inner]


CLASSES = {"Inner": Inner, "Outer": Outer}
INNER = Inner("né", (1, 2))
VALUES: dict[str, Any] = {
    "flag": True,
    "number": 0.1,
    "either": INNER,
    "pair": (3, -0.0),
    "dtype": np.dtype(np.int8),
    "content": b"\0\1",
    "table": np.array([[-300, 5]], np.int16),
    "by_name": {"a": INNER, "dtype": INNER},
}


def there_and_back(value: Outer) -> Outer:
    arrays = Arrays()
    content, found = read_compiled(write_compiled(encode(value, arrays), arrays), "a file")
    return Decoder(found, CLASSES).decode(content, Outer, "It")


@pytest.mark.parametrize("either", [INNER, None, 7, 0.5, -math.inf, "text"])
@pytest.mark.parametrize("number", [0.1, math.inf, 5e-324, 2])
def test_everything_comes_back(either, number):
    got = there_and_back(Outer(**{**VALUES, "either": either, "number": number}))
    np.testing.assert_array_equal(got.table, VALUES["table"])
    assert got.table.dtype == np.int16
    assert not got.table.flags.writeable
    assert (got.either, type(got.either), got.number) == (either, type(either), number)
    assert math.copysign(1, got.pair[1]) == -1
    for name in ("flag", "pair", "dtype", "content", "by_name"):
        assert getattr(got, name) == VALUES[name]


def test_nan_comes_back():
    assert math.isnan(there_and_back(Outer(**{**VALUES, "number": math.nan})).number)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("flag", 1, "It, flag should be bool, it is 1"),
        ("number", "0.1", "It, number should be float"),
        ("number", {"float": "1"}, "should be 'inf', '-inf' or 'nan'"),
        ("either", [1], "It, either should be int or float or str or Inner or NoneType"),
        ("either", {"Outer": {}}, "It, either should be"),
        ("either", {"Inner": {"name": "x"}}, "Inner should have the fields name, sizes, it has name"),
        ("either", {"Inner": {"name": "x", "sizes": [1, True]}}, "either, sizes, entry 1 should be int"),
        ("pair", [1], "It, pair should have 2 entries, it has 1"),
        ("dtype", {"dtype": "object"}, "It, dtype should be a dtype, it is object"),
        ("content", {"bytes": 9}, "It, content should be one of 2 arrays, it is 9"),
        ("content", {"bytes": 1}, "It, content should be an array of uint8, it is int16"),
        ("table", {"array": 0}, "It, table should be an array of int16, it is uint8"),
        ("table", {"array": -1}, "should be one of 2 arrays"),
        ("by_name", {"map": []}, "It, by_name should have fields"),
    ],
)
def test_anything_else_is_refused(field, value, message):
    arrays = Arrays()
    content = json.loads(json.dumps(encode(Outer(**VALUES), arrays)))
    content["Outer"][field] = value
    stored = [np.zeros(2, np.uint8), np.zeros((1, 2), np.int16)]
    with pytest.raises(FormatError) as error:
        Decoder(stored, CLASSES).decode(content, Outer, "It")
    assert message in str(error.value)


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([None])])
def test_what_has_no_form_is_not_written(value):
    with pytest.raises(ModelError, match="A compiled model cannot hold"):
        encode(value, Arrays())


def test_equal_arrays_are_stored_once():
    arrays = Arrays()
    first = arrays.add(np.arange(3, dtype=np.int32))
    assert arrays.add(np.arange(3, dtype=np.int32)) == first
    assert arrays.add(np.arange(3, dtype=np.int64)) != first
    assert arrays.add(np.arange(3, dtype=np.int32).reshape(1, 3)) != first
    assert all(offset % 64 == 0 for _, _, offset in arrays.table)
