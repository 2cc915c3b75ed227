"""edgerun fingerprint: one line that is the same on every machine that answers the same."""

from __future__ import annotations

from pathlib import Path

import click

from edgerun.cli.common import existing, model_argument, threads_option


@click.command("fingerprint")
@model_argument
@threads_option
def command(model: Path, threads: int | None) -> None:
    """Print a hash of the outputs on fixed pseudo-random inputs, and how far it is exact."""
    from edgerun.session import Session

    click.echo(Session(existing(model), threads=threads).fingerprint())
