"""edgerun cameras: what `serve --camera` can be given on this machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from edgerun.cli.common import json_option, print_json, print_table


@click.command("cameras")
@json_option
def command(as_json: bool) -> None:
    """List the cameras of this machine."""
    from edgerun.serve.devices import list_cameras

    found = list_cameras()
    if as_json:
        print_json([asdict(camera) for camera in found])
    elif not found:
        click.echo("No camera: plug one in, or use a video file with --camera.")
    else:
        rows = [[c.device, c.name, "yes" if c.readable else "no (group video)"] for c in found]
        print_table([["camera", "name", "readable"], *rows])
