"""Files that are not, or no longer, compiled models: a FormatError, whatever was changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import edgerun
from edgerun.artifact import compile_model
from edgerun.errors import FormatError
from edgerun.formats import compiled_file


def damaged(compiled: bytes) -> list[bytes]:
    """Truncations, additions, and flips of one bit, anywhere."""
    rng = np.random.default_rng(3)
    files = [compiled[:n] for n in (0, 3, 8, 63, 64, 100, len(compiled) - 1)]
    files += [compiled[: int(n)] for n in rng.integers(0, len(compiled), 50)]
    files.append(compiled + b"\0")
    for at in [*range(100), *rng.integers(0, len(compiled), 300).tolist()]:
        flipped = bytearray(compiled)
        flipped[at] ^= 1 << int(rng.integers(8))
        files.append(bytes(flipped))
    return files


def test_damage_is_a_format_error(pair):
    for data in damaged(compile_model(pair)):
        with pytest.raises(FormatError, match="<bytes>: "):
            edgerun.Session(data)


def test_a_newer_version_is_named(pair, monkeypatch):
    monkeypatch.setattr(compiled_file, "VERSION", 2)
    newer = compile_model(pair)
    monkeypatch.undo()
    with pytest.raises(FormatError, match="format version 2; this edgerun reads version 1"):
        edgerun.Session(newer)


@pytest.mark.parametrize("seed", [1, 2])
def test_forged_files_raise_our_errors_or_run(run_script, seed):
    """Files whose checksum holds, with one value of the header changed; in a process of its own."""
    ends = json.loads(run_script(Path(__file__).with_name("forged_models.py"), str(seed), "100"))
    assert ends["refused"] > ends["ran"] > 0


def test_header_numbers_are_those_of_json(pair):
    compiled = compile_model(pair)
    size = int.from_bytes(compiled[16:24], "little")
    header = compiled[64 : 64 + size].replace(b'"macs":0', b'"macs":NaN', 1)
    rest = header + bytes(-len(header) % 64) + compiled[64 + size + -size % 64 :]
    start = compiled[:16] + len(header).to_bytes(8, "little") + (64 + len(rest)).to_bytes(8, "little")
    with pytest.raises(FormatError, match=r"header of the compiled model is not JSON .*NaN"):
        edgerun.Session(start + hashlib.sha256(start + rest).digest() + rest)
