"""edgerun doctor: what this machine offers, and what to do about what it does not."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from typing import Any

import click

from edgerun.cli.common import json_option, print_json

# Distribution, and what to install to get it (None: edgerun itself needs it).
_LIBRARIES = (
    ("numpy", None),
    ("click", None),
    ("opencv-python-headless", "vision"),
    ("starlette", "serve"),
    ("uvicorn", "serve"),
    ("prometheus-client", "serve"),
    ("ai-edge-litert", "litert"),
    ("onnx", "onnx"),
    ("onnxruntime", "onnxruntime"),
)


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Look over this machine: CPU, kernels, limits, libraries, cameras; and say what to do."""
    report = examine()
    if as_json:
        print_json(report)
        return
    for title, facts in report.items():
        if title == "advice":
            continue
        click.echo(title)
        for name, value in facts.items():
            click.echo(f"  {name.replace('_', ' '):<24}{_text(value)}")
        if not facts:
            click.echo("  none")
    click.echo("advice")
    for sentence in report["advice"] or ["nothing: all is well"]:
        click.echo(f"  {sentence}")


def examine() -> dict[str, Any]:
    """Facts by section, and under "advice" a sentence for each thing to do."""
    from edgerun.knobs import KNOBS
    from edgerun.plan.program import machine
    from edgerun.serve.devices import list_cameras

    advice: list[str] = []
    cameras = list_cameras()
    if not cameras:
        advice.append("No camera is there: plug one in, or give --camera a video file.")
    advice += [
        f"{camera.device} cannot be read: add this user to the group video and log in again."
        for camera in cameras
        if not camera.readable
    ]
    return {
        "machine": _engine(machine(), advice),
        "limits": _limits(advice),
        "cache": _cache(),
        "libraries": _libraries(advice),
        "cameras": {camera.device: camera.name for camera in cameras},
        "settings": {knob.name: os.environ.get(knob.name) or "not set" for knob in KNOBS},
        "advice": advice,
    }


def _engine(machine: dict[str, Any], advice: list[str]) -> dict[str, Any]:
    """The instruction sets, and for each kind of kernel the one that runs: the first usable."""
    if machine["isa"] != machine["isas"][-1] and not os.environ.get("EDGERUN_ISA"):
        advice.append(f"{machine['isas'][-1]} is there, but {machine['isa']} is the best allowed.")
    kernels = {
        f"kernel {folder}": next((k["kernel"] for k in found if k["usable"]), "none")
        for folder, found in machine["kernels"].items()
    }
    lines = _read("/proc/cpuinfo").splitlines()
    cpu = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    facts = {key: value for key, value in machine.items() if key != "kernels"}
    return {"cpu": cpu or "unknown", **facts, **kernels}


def _limits(advice: list[str]) -> dict[str, Any]:
    from edgerun.session import default_threads

    cores = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    quota = _read("/sys/fs/cgroup/cpu.max").split()
    cpus = float(quota[0]) / float(quota[1]) if len(quota) == 2 and quota[0] != "max" else None
    if cpus is not None and cpus < allowed:
        advice.append(f"A cgroup allows {cpus:g} of {allowed} CPUs: raise it if frames come late.")
    governor = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if governor in ("powersave", "conservative", "ondemand"):
        advice.append(
            f"The CPU governor is {governor}: `cpupower frequency-set -g performance` may help."
        )
    return {
        "threads of a session": default_threads(),
        "cores": cores,
        "cores allowed": allowed,
        "cgroup CPUs": cpus if cpus is not None else "no limit",
        "governor": governor or "unknown",
    }


def _cache() -> dict[str, Any]:
    """Where plans are kept, and how large that is."""
    from edgerun import cache, knobs

    folder = knobs.cache_dir()
    if folder is None:
        return {"folder": "off"}
    sizes = [size for _, size, _ in cache.entries()]
    return {
        "folder": str(folder),
        "models": len(sizes),
        "bytes": sum(sizes),
        "limit in bytes": knobs.cache_bytes(),
    }


def _libraries(advice: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, extra in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
            if extra is not None:
                advice.append(f"{name} is missing: `pip install edgerun[{extra}]` if you need it.")
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)
