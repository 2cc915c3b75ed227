"""edgerun compile: a model as a plan in one file, which loads without its frontend."""

from __future__ import annotations

from pathlib import Path

import click

from edgerun.cli.common import PATH, existing, json_option, model_argument, print_json, write_whole


def _shape(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """NAME=1x224x224x3, any number of them, as shapes by name."""
    shapes = {}
    for value in values:
        name, _, sizes = value.rpartition("=")
        if not name or not all(d.isascii() and d.isdigit() for d in sizes.split("x")):
            raise click.BadParameter(f"expected NAME=1x224x224x3, got {value!r}.")
        shapes[name] = tuple(map(int, sizes.split("x")))
    return shapes


@click.command("compile")
@model_argument
@click.option("-o", "--output", type=PATH, required=True, help="The file to write, MODEL.edgerun by custom.")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    callback=_shape,
    metavar="NAME=1x224x224x3",
    help="Another shape for an input; may be given several times.",
)
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
