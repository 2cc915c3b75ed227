"""edgerun cameras: what `serve --camera` can be given on this machine, and whether it gives pictures."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edgerun.cli.common import PATH, json_option, print_json, print_table
from edgerun.errors import CameraError

_LOOK_SECONDS = 2.0
_FIRST_SECONDS = 15.0


@click.command("cameras")
@click.argument("cameras", nargs=-1, metavar="[CAMERA...]")
@click.option("--probe", is_flag=True, help="Open each camera of this machine, too.")
@click.option("--save", type=PATH, metavar="FOLDER", help="Put a picture of each that is opened there.")
@json_option
def command(cameras: tuple[str, ...], probe: bool, save: Path | None, as_json: bool) -> None:
    """List the cameras of this machine, or open these and say what they give.

    CAMERA is what `serve --camera` takes: 0, /dev/video0, csi:0, an address, a file. One that is opened is
    looked at for two seconds: size, frames a second, how old a frame is when it is here.
    """
    from edgerun.serve.devices import list_cameras

    if cameras:
        found = [_probe(spec, save) for spec in cameras]
        _tell(found, as_json)
        if any(one["error"] for one in found):
            raise click.exceptions.Exit(3)
        return
    devices = list_cameras()
    if probe or save is not None:
        _tell([{"name": d.name, **_probe(d.device, save)} for d in devices], as_json)
    elif as_json:
        print_json([asdict(camera) for camera in devices])
    elif devices:
        rows = [[c.device, c.name, "yes" if c.readable else "no (group video)"] for c in devices]
        print_table([["camera", "name", "readable"], *rows])
    if not devices and not as_json:
        click.echo("No camera: plug one in, or use a video file with --camera.")


def _probe(spec: str, save: Path | None) -> dict[str, Any]:
    """What a camera gives in two seconds; `error` says why it gives nothing."""
    from edgerun.serve.config import name_cameras
    from edgerun.serve.sources import open_source
    from edgerun.serve.sources.address import masked
    from edgerun.vision.media import write_image

    found: dict[str, Any] = {"camera": masked(spec), "size": None, "fps": None, "age_ms": None}
    found |= {"picture": None, "error": None}
    (name,) = name_cameras([spec])
    stop = threading.Event()
    alarm = threading.Timer(_FIRST_SECONDS, stop.set)
    alarm.start()
    try:
        source = open_source(spec, name, loop=False)
        try:
            ages: list[float] = []
            begun, last = 0.0, None
            while (frame := source.read(stop)) is not None:
                now = time.monotonic()
                ages.append(now - frame.captured_ns / 1e9)
                begun, last = begun or now, frame
                if now - begun > _LOOK_SECONDS:
                    break
            span = time.monotonic() - begun
        finally:
            source.close()
    except CameraError as error:
        return found | {"error": str(error)}
    finally:
        alarm.cancel()
    if last is None:
        return found | {"error": f"It has given no picture for {_FIRST_SECONDS:.0f} seconds."}
    height, width = last.image.shape[:2]
    found |= {"size": [width, height], "age_ms": round(sorted(ages)[len(ages) // 2] * 1e3, 2)}
    if len(ages) > 1:
        found["fps"] = round((len(ages) - 1) / span, 1)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        target = save / f"{name}.jpg"
        write_image(target, last.image)
        found["picture"] = str(target)
    return found


def _tell(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = []
    for one in found:
        size = "x".join(map(str, one["size"])) if one["size"] else "-"
        fps = f"{one['fps']:.1f}" if one["fps"] else "-"
        age = f"{one['age_ms']:.1f} ms" if one["age_ms"] is not None else "-"
        rows.append([one["camera"], size, fps, age, one["error"] or one["picture"] or ""])
    if rows:
        print_table([["camera", "size", "fps", "age", ""], *rows], right="23")
