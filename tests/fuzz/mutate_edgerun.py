"""Changes to compiled models: to their bytes, to the values of the header, to the arrays.

The checksum is mended but for a few, so that what stands behind it is reached.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz.values import FLOATS, TEXTS, changed_bytes, changed_data, integer, near, rearranged

_START, _DIGEST_AT = 64, 32  # bytes of the fixed beginning, and where its checksum lies

_VERBS_INC = Path(__file__).parents[2] / "csrc" / "executor" / "verbs.inc"
_VERBS = re.findall(r"^VERB\((\w+)\)", _VERBS_INC.read_text(), re.MULTILINE)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A file like the sound one of `data`, with one to four changes."""
    if rng.random() < 0.05:
        return changed_bytes(data, rng)
    if rng.random() < 0.15:
        return mended(changed_bytes(data, rng))
    size = int.from_bytes(data[16:24], "little")
    header = json.loads(data[_START : _START + size])
    section = data[_START + size + -size % 64 :]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if rng.random() < 0.15 and section:
            section = changed_data(section, rng).ljust(len(section), b"\0")[: len(section)]
        else:
            rng.choice(_CHANGES)(header, rng)
    text = json.dumps(header, separators=(",", ":")).encode()
    return mended(
        data[:16] + len(text).to_bytes(8, "little") + bytes(40) + text + bytes(-len(text) % 64) + section
    )


def mended(data: bytes) -> bytes:
    """The file with the size and the checksum that it should have."""
    if len(data) < _START:
        return data
    start = data[:24] + len(data).to_bytes(8, "little")
    return start + hashlib.sha256(start + data[_START:]).digest() + data[_START:]


# -- single values --

Place = tuple[Any, Any]  # a list or dict, and an index or key of it


def _places(value: Any, found: list[Place]) -> list[Place]:
    """Every place below a JSON value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(inner, dict | list):
            _places(inner, found)
    return found


def _below(header: Any, key: str) -> list[Any]:
    """The values that any record has under a key."""
    return [holder[k] for holder, k in _places(header, []) if k == key and isinstance(holder, dict)]


def _other(old: Any, same: list[Any], rng: random.Random) -> Any:
    """Another value, often of the same kind; `same` are those of the file under the same key."""
    if rng.random() < 0.3 and same:
        return json.loads(json.dumps(rng.choice(same)))
    if rng.random() < 0.1:
        return rng.choice(
            (None, -1, 0, 1 << 70, 0.5, "conv", True, [], {}, [old], {"array": 0}, {"float": "nan"})
        )
    if type(old) is int:
        return near(old, "q", rng)
    if type(old) is float:
        value = rng.choice(FLOATS)
        return value if abs(value) < float("inf") else {"float": str(value)}
    if isinstance(old, str):
        return rng.choice(TEXTS)
    if isinstance(old, list):
        items = list(old)
        if not rearranged(items, rng):
            items.append(integer("q", rng))
        return items
    return not old if isinstance(old, bool) else old


def _value(header: Any, rng: random.Random) -> None:
    """One value anywhere, each key as likely as another."""
    found = _places(header, [])
    kind = rng.choice(sorted({str(key) for _, key in found}))
    holder, key = rng.choice([place for place in found if str(place[1]) == kind])
    if rng.random() < 0.04 and isinstance(holder, dict):
        del holder[key]
        return
    holder[key] = _other(holder[key], [h[k] for h, k in found if k == key and type(k) is str], rng)


def _in(*keys: str) -> Callable[[Any, random.Random], None]:
    """The change of a value somewhere below one of these keys."""

    def change(header: Any, rng: random.Random) -> None:
        roots = [v for key in keys for v in _below(header, key) if isinstance(v, dict | list)]
        found = [place for root in roots for place in _places(root, [])]
        if found:
            holder, key = rng.choice(found)
            holder[key] = _other(holder[key], [h[k] for h, k in found if k == key], rng)

    return change


def _dimension(header: Any, rng: random.Random) -> None:
    """A size, in every shape where it is."""
    shapes = [s for s in _below(header, "shape") if isinstance(s, list)]
    table = header.get("arrays")
    entries = table if isinstance(table, list) else []
    shapes += [entry[1] for entry in entries if isinstance(entry, list) and len(entry) == 3]
    sizes = sorted({d for s in shapes if isinstance(s, list) for d in s if type(d) is int})
    if sizes:
        old, new = rng.choice(sizes), near(3, "q", rng)
        for shape in shapes:
            if isinstance(shape, list):
                shape[:] = [new if d == old else d for d in shape]


def _place_in_memory(header: Any, rng: random.Random) -> None:
    """Where a tensor lies: its root, offset and stride."""
    tensors = [t for t in _below(header, "PlanTensor") if isinstance(t, dict)]
    if tensors:
        key = rng.choice(("root", "offset", "row_stride"))
        tensor = rng.choice(tensors)
        tensor[key] = _other(tensor.get(key), [t.get(key) for t in tensors], rng)


def _verb(header: Any, rng: random.Random) -> None:
    """A step becomes one of another verb."""
    steps = [s for s in _below(header, "Step") if isinstance(s, dict)]
    if steps:
        rng.choice(steps)["verb"] = rng.choice(_VERBS)


def _operands(header: Any, rng: random.Random) -> None:
    """Which tensors a step reads and writes."""
    steps = [s for s in _below(header, "Step") if isinstance(s, dict)]
    tensors = [t for t in _below(header, "tensors") if isinstance(t, list)]
    if steps and tensors:
        step, role = rng.choice(steps), rng.choice(("inputs", "outputs"))
        ids = list(step[role]) if isinstance(step.get(role), list) else []
        new = rng.randrange(-1, len(tensors[0]) + 1)
        if ids and rng.random() < 0.8:
            ids[rng.randrange(len(ids))] = new
        else:
            ids.append(new)
        step[role] = ids


_CHANGES: tuple[Callable[[Any, random.Random], None], ...] = (
    _value,
    _value,
    _in("attributes"),
    _in("attributes"),
    _in("op", "weights"),
    _in("arrays"),
    _in("type"),
    _in("states", "inputs", "outputs", "values"),
    _dimension,
    _place_in_memory,
    _operands,
    _verb,
)
