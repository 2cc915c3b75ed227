"""A short run of the fuzzer, in a process of its own: a crash or a hang is a failure, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgerun.formats.tflite_reader import read_model
from edgerun.formats.tflite_writer import write_model
from fuzz.decode_tflite import decode
from fuzz.readers import BESIDE
from fuzz.seeds import seeds
from shared_material import needs_shared, shared

FOLDER = Path(__file__).parent.parent
COUNT = 1500  # some ten seconds


def fuzz(*arguments: str) -> str:
    path = os.pathsep.join([str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "--seconds", "300", *arguments],
        capture_output=True,
        text=True,
        errors="replace",  # FFmpeg repeats what a file says
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    return done.stdout


@pytest.mark.parametrize("seed", [1, 1_000_000])
def test_mutated_models_raise_our_errors_alone(seed: int) -> None:
    """And those that run give what the reference gives."""
    assert "'ran'" in fuzz("--seed", str(seed), "--count", str(COUNT // 2), "--verify")


@pytest.mark.parametrize("format", ["onnx", "edgerun"])
def test_mutated_files_of_the_other_formats(format: str) -> None:
    assert "'ran'" in fuzz("--format", format, "--seed", "1", "--count", str(COUNT))


@pytest.mark.parametrize("format", BESIDE)
def test_files_beside_models_raise_our_errors_alone(format: str) -> None:
    assert "'ran'" in fuzz("--format", format, "--seed", "1", "--count", "400")


@pytest.mark.parametrize("folder", [pytest.param("models", marks=needs_shared)])
def test_mutated_models_of_the_shared_folder(folder: str) -> None:
    fuzz("--seed", "7", "--count", "150", "--shared", str(shared(folder)), "--only", ".tflite")


def test_a_file_survives_decoding_and_writing() -> None:
    for _, build in seeds("tflite")[::40]:
        data = build()
        assert data is not None
        again = read_model(write_model(decode(data)))
        model = read_model(data)
        for a, b in zip(again.subgraphs[0].operators, model.subgraphs[0].operators, strict=True):
            assert (a.name, a.inputs, a.outputs, a.options) == (b.name, b.inputs, b.outputs, b.options)
            assert bytes(a.custom_options) == bytes(b.custom_options)
        for a, b in zip(again.subgraphs[0].tensors, model.subgraphs[0].tensors, strict=True):
            assert (a.name, a.shape, a.type_name) == (b.name, b.shape, b.type_name)
            assert (a.data is None) == (b.data is None)
            if a.data is not None and b.data is not None:
                assert a.data.tobytes() == b.data.tobytes()
