"""A script: forged_models.py SEED COUNT changes compiled models, mends their checksums, and loads them."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import edgerun
from cases import CASES
from edgerun.artifact import compile_model
from edgerun.errors import InputError, ModelError
from edgerun.formats import compiled_file


def contents(compiled: bytes) -> tuple[dict, bytes]:
    """The header of a file as JSON, and the section of arrays."""
    size = int.from_bytes(compiled[16:24], "little")
    return json.loads(compiled[64 : 64 + size]), compiled[64 + size + -size % 64 :]


class Section(compiled_file.Arrays):
    """The section of arrays of another file, with a table of one's own."""

    def __init__(self, table: list, section: bytes) -> None:
        super().__init__()
        self.table, self._chunks = table, [section]


def forged(header: dict, section: bytes) -> bytes:
    """A file with a checksum that holds."""
    return compiled_file.write_compiled(header["content"], Section(header["arrays"], section))


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The way to every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for k, v in inner for p in places(v, (*path, k)))]


def mutate(header: dict, rng: np.random.Generator) -> None:
    """Changes one value somewhere."""
    ways = places(header)[1:]
    *path, last = ways[rng.integers(len(ways))]
    parent = header
    for key in path:
        parent = parent[key]
    old = parent[last]
    choices = [None, -1, 0, 1, 7, 255, 1 << 31, 1 << 62, 1 << 70, 0.5, "conv", "float32", True, [], {}, [old]]
    if type(old) is int:
        choices += [old + 1, old - 1, old * 2, -old, old + 64] * 3
    if isinstance(old, list):
        choices += [old[1:], old[:-1], [*old, *old[:1]], old[::-1]] * 3
    parent[last] = choices[rng.integers(len(choices))]


def small_nets() -> list[bytes]:
    """Nets with weights, tables, several outputs, host steps, states."""
    wanted = ("CONV_2D", "DEPTHWISE_CONV_2D", "CUMSUM", "CONCATENATION", "SVDF", "PAD", "LSTM", "LOGISTIC")
    found = {}
    for case in CASES:
        if any(case.operator.upper().replace("_", "") == w.replace("_", "") for w in wanted):
            found.setdefault(case.operator, case)
    return [case.build() for case in found.values()]


def run(seed: int, count: int) -> None:
    """Mutated files with a good checksum either raise our errors or run. Prints how many did which."""
    rng, done = np.random.default_rng(seed), {"refused": 0, "ran": 0}
    for model in small_nets():
        compiled = compile_model(model)
        for _ in range(count):
            header, section = contents(compiled)
            mutate(header, rng)
            try:
                session = edgerun.Session(forged(header, section), threads=1)
                session.fingerprint()
                done["ran"] += 1
            except (ModelError, InputError):
                done["refused"] += 1
    sys.stdout.write(json.dumps(done))


if __name__ == "__main__":
    warnings.simplefilter("error")
    run(int(sys.argv[1]), int(sys.argv[2]))
