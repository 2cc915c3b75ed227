"""edgerun serve: cameras, live in the browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from edgerun.cli.common import BACKENDS, PATH, existing, threads_option
from edgerun.errors import ConfigError


@click.command("serve")
@click.argument("config", type=PATH, required=False)
@click.option(
    "--camera",
    "cameras",
    multiple=True,
    metavar="CAMERA",
    help="0 | /dev/video0 | rtsp://... | http://... (MJPEG) | file.mp4 | picture.jpg | folder/ | "
    "demo; may be given several times.",
)
@click.option("--model", type=PATH)
@click.option("--labels", type=PATH, help="Names of the classes, .txt or .pbtxt.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="The lowest score of a box.")
@click.option("--rate", type=click.FloatRange(0.01, 1000), help="Frames a second, at most.")
@click.option("--loop/--once", default=None, help="Begin files again at the end.  [default: loop]")
@click.option("--pace", type=click.Choice(["real", "fast"]), help="fast: files without a pause.")
@click.option("--track", is_flag=True, default=None, help="Follow objects from frame to frame.")
@click.option("--zones", type=PATH, metavar="FILE", help="Zones and lines; drawn on the page, kept there.")
@click.option("--motion", is_flag=True, default=None, help="Pass over frames in which nothing moves.")
@click.option("--backend", type=click.Choice(BACKENDS))
@click.option("--events", type=PATH, metavar="FILE", help="Append results as JSON lines; - prints.")
@click.option("--host", help="The address to serve on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="[default: 8000]")
@click.option(
    "--insecure", is_flag=True, default=None, help="Allow other machines to look without a token."
)
@threads_option
def command(
    config: Path | None, cameras: tuple[str, ...], model: Path | None, **options: Any
) -> None:
    """Run a model on cameras; watch on http://localhost:8000. SIGTERM or Ctrl-C ends it.

    CONFIG is a TOML file; what is given here goes before what it says.
    """
    try:
        from edgerun.serve.config_file import read_config
        from edgerun.serve.service import Service
    except ImportError as error:
        raise ConfigError(
            f"Serving needs {error.name}: install it with `pip install edgerun[serve]`."
        ) from error

    given: dict[str, Any] = {
        "model": _table(options, "labels", "threshold", "backend", "threads"),
        "server": _table(options, "host", "port", "insecure"),
    }
    if cameras:
        given["camera"] = [{"source": camera} for camera in cameras]
    if model is not None:
        given["model"]["path"] = os.fspath(existing(model))
    if options["events"] is not None:
        given["sinks"] = {"jsonl": {"path": os.fspath(options["events"])}}
    each_camera = _table(options, "rate", "loop", "pace", "track", "zones", "motion")
    Service(read_config(config, given, each_camera)).run()


def _table(options: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Those of the options that were given."""
    found = {key: options[key] for key in keys if options[key] is not None}
    return {key: str(v) if isinstance(v, Path) else v for key, v in found.items()}
