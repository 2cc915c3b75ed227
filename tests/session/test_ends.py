"""What the engine refuses from Python, and how a process ends while runs go on."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

import edgerun
from edgerun import _engine
from edgerun.errors import InputError, ModelError
from edgerun.formats.tflite_writer import ModelBuilder

SCRIPT = """
import sys, threading, time
import numpy as np
import edgerun

session = edgerun.Session(sys.argv[1], threads=1)
feeds = {i.name: np.zeros(i.shape, i.dtype) for i in session.inputs}
started = threading.Barrier(3)

def work(twin):
    started.wait()
    while True:
        twin.run(feeds)

for _ in range(2):
    threading.Thread(target=work, args=(session.twin(),), daemon=True).start()
started.wait()
time.sleep(0.05)
"""


def test_a_process_ends_while_daemon_threads_run(classifier, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier)
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_program_runs_only_over_buffers_of_its_sizes():
    step = {
        "verb": "table",
        "kernel": "generic",
        "inputs": [(1, 0, 64, (64,), "uint8")],
        "outputs": [(2, 0, 64, (64,), "uint8")],
        "attributes": {"table": _engine.Blob(np.arange(256, dtype=np.uint8))},
    }
    program = _engine.Program([step], [1], [0, 64, 64])
    ports = ([("x", 1, "uint8", (1,))], [("y", 2, "uint8", (1,))])
    with pytest.raises(ModelError, match="buffers of other sizes"):
        _engine.Runner([program], [0, 1, 1], {}, 1, *ports, None)
    constant = {2: _engine.Blob(np.zeros(64, np.uint8))}
    with pytest.raises(ModelError, match="writes to a constant"):
        _engine.Runner([program], [0, 64, 64], constant, 1, [("x", 1, "uint8", (64,))], [], None)
    step["inputs"] = [(1, 0, 1, (1, 3340214413, 5522622740, 1), "uint8")]
    with pytest.raises(ModelError, match="too large"):
        _engine.Program([step], [1], [0, 64, 64])


def test_verification_holds_with_many_threads(classifier, images, monkeypatch):
    monkeypatch.setenv("EDGERUN_VERIFY", "1")
    session = edgerun.Session(classifier, threads=1)
    failures: list[Exception] = []

    def work(x: np.ndarray) -> None:
        try:
            for _ in range(5):
                session.run(x)
        except ModelError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(x,)) for x in images(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_floats_are_padded_with_a_number():
    builder = ModelBuilder()
    x = builder.tensor("x", (1, 2), np.float32)
    pads = builder.tensor("pads", (2, 2), np.int32, data=np.array([[0, 0], [1, 1]], np.int32))
    fill = builder.tensor("fill", (1,), np.float32, data=np.array([1.5], np.float32))
    y = builder.tensor("y", (1, 4), np.float32)
    builder.operator("PADV2", [x, pads, fill], [y])
    session = edgerun.Session(builder.finish([x], [y]))
    given = np.array([[-2.5, 3]], np.float32)
    np.testing.assert_array_equal(session.run(given)["y"], np.array([[1.5, -2.5, 3, 1.5]], np.float32))


def test_another_batch_goes_through_a_constant_reshape():
    builder = ModelBuilder()
    x = builder.tensor("x", (1, 2, 2, 3), np.int8, scale=[0.5], zero_point=[0])
    shape = builder.tensor("shape", (2,), np.int32, data=np.array([1, 12], np.int32))
    y = builder.tensor("y", (1, 12), np.int8, scale=[0.5], zero_point=[0])
    builder.operator("RESHAPE", [x, shape], [y])
    session = edgerun.Session(builder.finish([x], [y]), shapes={"x": (3, 2, 2, 3)})
    batch = np.arange(36, dtype=np.int8).reshape(3, 2, 2, 3)
    assert np.array_equal(session.run(batch)["y"], batch.reshape(3, 12))


def test_an_output_over_an_input_is_refused():
    builder = ModelBuilder()
    x = builder.tensor("x", (4, 4), np.int8, scale=[0.5], zero_point=[0])
    perm = builder.tensor("perm", (2,), np.int32, data=np.array([1, 0], np.int32))
    y = builder.tensor("y", (4, 4), np.int8, scale=[0.5], zero_point=[0])
    builder.operator("TRANSPOSE", [x, perm], [y])
    session = edgerun.Session(builder.finish([x], [y]))
    array = np.arange(16, dtype=np.int8).reshape(4, 4)
    with pytest.raises(InputError, match="shares memory"):
        session.run_into(array, array)
    out = np.empty_like(array)
    session.run_into(array, out)
    assert np.array_equal(out, array.T)
