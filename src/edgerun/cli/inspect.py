"""edgerun inspect: what a model is, and what each stage makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgerun.cli.common import (
    PATH,
    existing,
    json_option,
    model_argument,
    print_json,
    threads_option,
    write_whole,
)

if TYPE_CHECKING:
    from edgerun.ir.types import TensorInfo
    from edgerun.session import Session

STAGES = ("graph", "passes", "plan", "program", "memory")


@click.command("inspect")
@model_argument
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    help="Print this stage instead: the graph of the file, after the passes, the plan, the program "
    "of this machine, or the layout of its memory.",
)
@click.option("--svg", type=PATH, metavar="OUT.svg", help="Draw the graph of the file as a picture instead.")
@threads_option
@json_option
def command(
    model: Path, stage: str | None, svg: Path | None, threads: int | None, as_json: bool
) -> None:
    """Show what a model is: operators, sizes, inputs, outputs; or one stage of its compilation."""
    if svg is not None:
        _draw(model, svg, as_json)
        return
    from edgerun.session import Session

    with PeakMemory() as peak:
        session = Session(existing(model), threads=threads)
    if stage is not None:
        text = session.describe(stage)
        if as_json:
            print_json({"model": str(model), "stage": stage, "text": text})
        else:
            click.echo(text)
        return
    facts = session.summary().to_dict()
    facts["file_bytes"] = model.stat().st_size
    if peak.nbytes is not None:
        facts["peak_bytes_while_loading"] = peak.nbytes
    for title, infos in (("inputs", session.inputs), ("outputs", session.outputs)):
        facts[title] = [_describe(info) for info in infos]
    if session.signatures:
        facts["signatures"] = list(session.signatures)
    facts.update(_about(session))
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if isinstance(value, int):
            value = f"{value:,}"
        for line in value if isinstance(value, list | tuple) else [value]:
            click.echo(f"{name.replace('_', ' '):<25}{line}")


def _draw(model: Path, svg: Path, as_json: bool) -> None:
    """Writes the picture of the graph."""
    from edgerun.cli.graph_svg import draw_graph
    from edgerun.errors import ModelError
    from edgerun.frontends import load_graph
    from edgerun.frontends.stages import Cut

    try:
        graph = load_graph(existing(model))
    except Cut as cut:
        raise ModelError(f"{model}: it runs in stages ({cut}), so that there is no one graph.") from cut
    write_whole(svg, draw_graph(graph).encode("utf-8", "replace"))
    if as_json:
        print_json({"model": str(model), "output": str(svg), "operators": len(graph.nodes)})
    else:
        click.echo(f"{svg}: {len(graph.nodes)} operators")


class PeakMemory:
    """How far the process's memory rises within a `with`: nbytes, None where the system does not tell."""

    nbytes: int | None = None

    def __enter__(self) -> PeakMemory:
        try:
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
            self._before = self._status("VmRSS")
        except OSError:
            self._before = -1
        return self

    def __exit__(self, *error: object) -> None:
        if self._before >= 0:
            self.nbytes = max(0, self._status("VmHWM") - self._before)

    @staticmethod
    def _status(name: str) -> int:
        """A figure of proc(5)'s status in bytes; -1 where there is none."""
        for line in Path("/proc/self/status").read_text().splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0]) << 10
        return -1


def _about(session: Session) -> dict[str, str | int]:
    """What the model's metadata say: name, description and so on, labels, normalisation, oldest runtime."""
    from edgerun.errors import FormatError
    from edgerun.formats.tflite_metadata import find_metadata
    from edgerun.vision.card_metadata import find_labels, normalisation

    facts: dict[str, str | int] = {}
    notes: list[str] = []
    runtime = session.metadata.get("min_runtime_version")
    if runtime is not None:
        facts["min_runtime"] = bytes(runtime).rstrip(b"\0").decode("utf-8", "replace")
    try:
        about = find_metadata(session.metadata, path="the TFLite metadata")
    except FormatError as error:
        return {**facts, "note": str(error)}
    if about is not None:
        facts["model_name"], facts["description"] = about.name, about.description
        facts["version"], facts["author"], facts["licence"] = about.version, about.author, about.license
        for tensor in about.inputs:
            meaning = normalisation(tensor)
            if meaning is not None:
                mean, std = _list(tensor.mean or (0.0,)), _list(tensor.std or (1.0,))
                facts["normalisation"] = f"{tensor.name}: (value - {mean}) / {std}"
    labels = find_labels(session.metadata, about, notes)
    if labels is not None:
        facts["labels"] = len(labels.names)
        facts["labels_from"] = labels.source
    if notes:
        facts["note"] = "; ".join(notes)
    return {key: value for key, value in facts.items() if value}


def _list(numbers: tuple[float, ...]) -> str:
    """One number as it is, several in brackets."""
    text = ", ".join(f"{number:g}" for number in numbers)
    return text if len(numbers) == 1 else f"[{text}]"


def _describe(info: TensorInfo) -> str:
    shape = "x".join(map(str, info.shape))
    quantization = "" if info.quantization is None else f" scale@zero {info.quantization}"
    return f"{info.name} {info.dtype}[{shape}]{quantization}"
