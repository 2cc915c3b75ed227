"""From the start of a process to the first output of a model, side by side and interleaved.

    python bench/first_output.py MODEL.tflite|MODEL.onnx... [--runs 15] [--against MODEL.tflite]

Wall-clock milliseconds of whole processes (interpreter, imports, model, one inference on zeros), medians over
`--runs`: edgerun with an empty cache, a filled one and none, LiteRT (on the model, or on --against where that
is ONNX), ONNX Runtime (on ONNX).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EDGERUN = "import sys; from edgerun import Session; Session(sys.argv[1], threads=1).run()"
LITERT = """import sys
from ai_edge_litert.interpreter import Interpreter
net = Interpreter(sys.argv[1], num_threads=1)
net.allocate_tensors()
net.invoke()
[net.get_tensor(d["index"]) for d in net.get_output_details()]"""
ONNXRUNTIME = """import sys
import numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
net = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
kinds = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}
shape = lambda i: [d if isinstance(d, int) else 1 for d in i.shape]
net.run(None, {i.name: np.zeros(shape(i), kinds[i.type]) for i in net.get_inputs()})"""


def milliseconds(script: str, model: Path, cache: str) -> float:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= (
        {"EDGERUN_CACHE": "off"} if not cache else {"EDGERUN_CACHE": "on", "EDGERUN_CACHE_DIR": cache}
    )
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", script, str(model)], env=environment, check=True, capture_output=True
    )
    return (time.perf_counter() - begin) * 1e3


def measure(model: Path, against: Path | None, runs: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        warm, cold = f"{folder}/warm", f"{folder}/cold"
        sides = {
            "edgerun, empty cache": (EDGERUN, model, cold),
            "edgerun, filled cache": (EDGERUN, model, warm),
            "edgerun, no cache": (EDGERUN, model, ""),
        }
        tflite = model if model.suffix == ".tflite" else against
        if tflite is not None:
            sides[f"LiteRT, {tflite.name}"] = (LITERT, tflite, "")
        if model.suffix == ".onnx":
            sides["ONNX Runtime"] = (ONNXRUNTIME, model, "")
        for side in sides.values():  # byte code and the page cache, and the filled cache
            milliseconds(*side)
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(runs):
            for name, side in sides.items():
                shutil.rmtree(cold, ignore_errors=True)
                times[name].append(milliseconds(*side))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--against", type=Path)
    arguments = parser.parse_args()
    for model in arguments.models:
        print(model.name)
        for name, times in measure(model, arguments.against, arguments.runs).items():
            print(f"  {name:<48}{statistics.median(times):8.0f} ms   (least {min(times):.0f})")


if __name__ == "__main__":
    main()
