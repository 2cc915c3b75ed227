"""edgerun compile: a model as a plan in one file, which loads without its frontend."""

from __future__ import annotations

from pathlib import Path

import click

from edgerun.cli.common import (
    PATH,
    existing,
    json_option,
    model_argument,
    print_json,
    shape_option,
    write_whole,
)


@click.command("compile")
@model_argument
@click.option("-o", "--output", type=PATH, required=True, help="The file to write, MODEL.edgerun by custom.")
@shape_option
@json_option
def command(model: Path, output: Path, shapes: dict[str, tuple[int, ...]], as_json: bool) -> None:
    """Write a model's plan to one file, which every command takes in its place, on any machine."""
    from edgerun.artifact import compile_model

    data = compile_model(existing(model), shapes)
    write_whole(output, data)
    if as_json:
        print_json({"model": str(model), "output": str(output), "bytes": len(data)})
    else:
        click.echo(f"{output}: {len(data):,} bytes")
