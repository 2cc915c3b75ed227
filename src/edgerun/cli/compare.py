"""edgerun compare: a model beside another runtime, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgerun.cli.common import (
    PATH,
    existing,
    json_option,
    model_argument,
    print_json,
    print_table,
    shape_option,
)
from edgerun.errors import InputError

if TYPE_CHECKING:
    from edgerun.compress.compare import Comparison, Distance

# backends.reference.REFERENCES, which would load numpy for --help
_REFERENCES = ("litert", "litert-optimized", "litert-xnnpack", "micro")

_ONNXRUNTIME = "onnxruntime"
_NAME = 48  # characters of a tensor's name in the table


@click.command("compare")
@model_argument
@click.argument("picture", type=PATH, required=False)
@click.option(
    "--against",
    type=click.Choice((*_REFERENCES[:2], *_REFERENCES[3:], _ONNXRUNTIME)),
    help="litert: LiteRT's reference kernels (for .tflite files, by default); litert-optimized: its own fast "
    "ones; micro: TFLite Micro; onnxruntime: ONNX Runtime without optimisations (for .onnx files).",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=FILE.npy",
    help="An array for an input, by name; may be repeated. Without a picture and arrays: pseudo-random.",
)
@shape_option
@json_option
def command(
    model: Path,
    picture: Path | None,
    against: str | None,
    inputs: tuple[str, ...],
    shapes: dict[str, tuple[int, ...]],
    as_json: bool,
) -> None:
    """Compare a .tflite or .onnx model with another runtime, layer by layer.

    "fed" is the distance of an operator fed with the other runtime's tensors: its own error; "differ" counts
    the integers that differ. "run" is the distance of the same tensor in two whole runs. Distances are in
    quanta; of floats, relative to the magnitude, of which 1e-5 is what an operator may be off. Two runs have
    parted where that is more than 1, or 1e-4.
    """
    from edgerun.compress.compare import compare
    from edgerun.compress.compare_onnx import compare_onnx
    from edgerun.frontends import parse_model, read_source
    from edgerun.frontends.onnx import OnnxFile

    path, data = read_source(existing(model))
    if isinstance(parse_model(data, path), OnnxFile):
        if against not in (None, _ONNXRUNTIME):
            raise InputError(f"{path}: an .onnx file is compared with {_ONNXRUNTIME}, not with {against}.")
        comparison = compare_onnx(model, _feeds(model, picture, inputs, shapes))
    else:
        if against == _ONNXRUNTIME:
            raise InputError(f"{path}: only .onnx files can be compared with {_ONNXRUNTIME}.")
        comparison = compare(model, _feeds(model, picture, inputs, shapes), against or "litert")
    if as_json:
        print_json(_json(comparison))
        return
    rows = [["layer", "operator", "fed", "differ", "fed dB", "run", "run dB", "tensor"]]
    for layer in comparison.layers:
        fed, run = layer.fed, layer.run
        cells = [_show(fed), str(fed.differing or ""), _decibel(fed), _show(run), _decibel(run)]
        name = layer.name if len(layer.name) <= _NAME else f"{layer.name[: _NAME - 1]}…"
        name += "" if layer.engine_is_eval else " (ENGINE AND EVAL DIFFER)"
        # An importer's own node, as for a variable that is read, has no place in the file.
        place = str(layer.index) if layer.index >= 0 else ""
        rows.append([place, layer.operator, *cells, name])
    print_table(rows, right="023456")
    click.echo(f"{comparison.model} beside {comparison.reference}; the worst of each operator, fed:")
    click.echo("  " + ", ".join(f"{name} {_show(d)}" for name, d in comparison.worst_by_operator().items()))
    first = comparison.parting
    if first is None:
        click.echo("The two runs never part.")
    else:
        place = f"layer {first.index}, " if first.index >= 0 else ""
        click.echo(f"The two runs part first at {place}{first.operator} '{first.name}'.")


def _feeds(
    model: Path, picture: Path | None, inputs: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]
) -> Mapping[str, Any]:
    import numpy as np

    from edgerun.session import Session, fixed_inputs

    if picture is not None:
        if inputs or shapes:
            raise InputError("Give a picture, or arrays and shapes, not both.")
        from edgerun.vision.media import read_image
        from edgerun.vision.model import load

        loaded = load(model)
        loaded.prepare(read_image(existing(picture)))
        return loaded.prepared()
    feeds = dict(fixed_inputs(Session(model, threads=1, shapes=shapes or None).inputs))
    for text in inputs:
        name, _, file = text.partition("=")
        if name not in feeds or not file:
            raise InputError(f"--input {text!r}: expected NAME=FILE.npy with a NAME of {sorted(feeds)}.")
        try:
            feeds[name] = np.load(existing(Path(file)), allow_pickle=False)
        except ValueError as error:
            raise InputError(f"{file}: not an array of numpy: {error}.") from error
    return feeds


def _json(comparison: Comparison) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        # JSON has no infinity: equal arrays have no noise.
        return None if value in (float("inf"), float("-inf")) else value

    first = comparison.parting
    return {
        "model": comparison.model,
        "reference": comparison.reference,
        "layers": [plain(layer.to_dict()) for layer in comparison.layers],
        "parting": None if first is None else {"index": first.index, "name": first.name},
    }


def _show(distance: Distance) -> str:
    return f"{distance.relative:.1e}" if distance.relative else str(distance.quanta)


def _decibel(distance: Distance) -> str:
    return "" if distance.sqnr == float("inf") else f"{distance.sqnr:.1f}"
