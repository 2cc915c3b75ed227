#!/usr/bin/env python3
"""Latency of models, edgerun beside LiteRT, as a Markdown table.

    python bench/models.py [MODEL...] [--threads 1,2] [--seconds 2] [--isa avx2]

Without models: the integer TFLite models of the shared test material (EDGERUN_SHARED, default ../shared).
Both engines take turns in short slices of one process (`edgerun bench`), so only the ratios mean something.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODELS = (
    "classification/*_int8.tflite",
    "classification/*_quant.tflite",
    "classification/*_ptq.tflite",
    "vww/*.tflite",
    "keyword/kws_dscnn_int8.tflite",
    "keyword/micro_speech_int8.tflite",
    "anomaly/ad01_toycar_int8.tflite",
    "micro/*.tflite",
    "face/openmv_fomo_face_detection.tflite",
    "detection/ssd_mobilenet_v1_0.75_pets_uint8.tflite",
    "detection/openmv_yolo_lc_192.tflite",
)


def shared_models() -> list[Path]:
    shared = Path(os.environ.get("EDGERUN_SHARED", ROOT.parent / "shared")) / "models"
    return [path for pattern in MODELS for path in sorted(shared.glob(pattern))]


def measure(model: Path, threads: int, seconds: float, against: str) -> dict[str, dict[str, float]] | str:
    """The engines' figures, or why there are none."""
    command = [sys.executable, "-m", "edgerun", "bench", str(model), "--json"]
    command += ["--threads", str(threads), "--seconds", str(seconds), "--against", against]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    return {row["engine"]: row for row in json.loads(done.stdout)["engines"]}


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--isa", help="cap edgerun's instruction set (EDGERUN_ISA)")
    args = parser.parse_args()
    if args.isa:
        os.environ["EDGERUN_ISA"] = args.isa
    models = args.models or shared_models()
    if not models:
        sys.exit("There are no models: name some, or set EDGERUN_SHARED to the shared test material.")
    print(f"{cpu_name()}, {os.cpu_count()} CPUs, edgerun capped to {args.isa or 'nothing'}\n")
    print("| model | threads | edgerun us | litert us | litert / edgerun |")
    print("|---|---|---|---|---|")
    ratios: list[float] = []
    for model in models:
        for threads in map(int, args.threads.split(",")):
            found = measure(model, threads, args.seconds, "litert")
            if isinstance(found, str):  # a peer that refuses the model: edgerun alone
                alone = measure(model, threads, args.seconds, "")
                own = f"{alone['edgerun']['median_ms'] * 1e3:.1f}" if isinstance(alone, dict) else "failed"
                print(f"| {model.stem} | {threads} | {own} | refused | |", flush=True)
                continue
            own_us, peer_us = (found[e]["median_ms"] * 1e3 for e in ("edgerun", "litert"))
            ratios.append(peer_us / own_us)
            figures = f"{own_us:.1f} | {peer_us:.1f} | {ratios[-1]:.2f}"
            print(f"| {model.stem} | {threads} | {figures} |", flush=True)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"\ngeometric mean {mean:.2f}, worst {min(ratios):.2f}")


if __name__ == "__main__":
    main()
