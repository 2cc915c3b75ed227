"""edgerun fingerprint: one line that is the same on every machine that answers the same."""

from __future__ import annotations

from pathlib import Path

import click

from edgerun.cli.common import (
    existing,
    json_option,
    model_argument,
    print_json,
    shape_option,
    threads_option,
)


@click.command("fingerprint")
@model_argument
@threads_option
@shape_option
@json_option
def command(model: Path, threads: int | None, shapes: dict[str, tuple[int, ...]], as_json: bool) -> None:
    """Print a hash of the outputs on fixed pseudo-random inputs, and how far it is exact."""
    from edgerun.session import Session

    fingerprint = Session(existing(model), threads=threads, shapes=shapes or None).fingerprint()
    if as_json:
        digest, _, where = fingerprint.partition(" ")
        print_json({"model": str(model), "fingerprint": digest, "where": where})
    else:
        click.echo(fingerprint)
