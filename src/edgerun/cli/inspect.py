"""edgerun inspect: what a model is, and what each stage makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgerun.cli.common import existing, json_option, model_argument, print_json, threads_option

if TYPE_CHECKING:
    from edgerun.ir.types import TensorInfo

STAGES = ("graph", "passes", "plan", "program", "memory")


@click.command("inspect")
@model_argument
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    help="Print this stage instead: the graph of the file, after the passes, the plan, the program "
    "of this machine, or the layout of its memory.",
)
@threads_option
@json_option
def command(model: Path, stage: str | None, threads: int | None, as_json: bool) -> None:
    """Show what a model is: operators, sizes, inputs, outputs; or one stage of its compilation."""
    from edgerun.session import Session

    session = Session(existing(model), threads=threads)
    if stage is not None:
        text = session.describe(stage)
        if as_json:
            print_json({"model": str(model), "stage": stage, "text": text})
        else:
            click.echo(text)
        return
    facts = session.summary().to_dict()
    for title, infos in (("inputs", session.inputs), ("outputs", session.outputs)):
        facts[title] = [_describe(info) for info in infos]
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if isinstance(value, int):
            value = f"{value:,}"
        for line in value if isinstance(value, list | tuple) else [value]:
            click.echo(f"{name.replace('_', ' '):<14}{line}")


def _describe(info: TensorInfo) -> str:
    shape = "x".join(map(str, info.shape))
    quantization = "" if info.quantization is None else f" scale@zero {info.quantization}"
    return f"{info.name} {info.dtype}[{shape}]{quantization}"
