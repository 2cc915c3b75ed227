"""edgerun serve: cameras, live in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from edgerun.cli.common import BACKENDS, PATH, existing, threads_option
from edgerun.errors import ConfigError


@click.command("serve")
@click.option(
    "--camera",
    "cameras",
    multiple=True,
    required=True,
    metavar="CAMERA",
    help="0 | /dev/video0 | file.mp4 | picture.jpg | folder/; may be given several times.",
)
@click.option("--model", type=PATH, required=True)
@click.option("--labels", type=PATH, help="Names of the classes, .txt or .pbtxt.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="The lowest score of a box.")
@click.option(
    "--loop/--once", default=True, show_default=True, help="Begin files again at the end."
)
@click.option("--backend", type=click.Choice(BACKENDS), default="edgerun", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--insecure", is_flag=True, help="Allow a --host that other machines can reach.")
@threads_option
def command(
    cameras: tuple[str, ...],
    model: Path,
    labels: Path | None,
    threshold: float | None,
    loop: bool,
    backend: str,
    host: str,
    port: int,
    insecure: bool,
    threads: int | None,
) -> None:
    """Run a model on cameras; watch on http://localhost:8000. SIGTERM or Ctrl-C ends it."""
    from edgerun.serve.config import CameraConfig, ModelConfig, ServeConfig, name_cameras

    try:
        from edgerun.serve.service import Service
    except ImportError as error:
        raise ConfigError(
            f"Serving needs {error.name}: install it with `pip install edgerun[serve]`."
        ) from error

    names = name_cameras(list(cameras))
    config = ServeConfig(
        cameras=tuple(
            CameraConfig(name, camera, loop) for name, camera in zip(names, cameras, strict=True)
        ),
        model=ModelConfig(existing(model), labels, threads, threshold, backend),
        host=host,
        port=port,
        insecure=insecure,
    )
    Service(config).run()
