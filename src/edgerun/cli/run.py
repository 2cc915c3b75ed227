"""edgerun run: what is in a picture, a video or a folder of pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgerun.cli.common import (
    BACKENDS,
    PATH,
    existing,
    json_option,
    model_argument,
    print_json,
    print_table,
    progress,
    threads_option,
)
from edgerun.errors import InputError

if TYPE_CHECKING:
    from edgerun.vision import Model, Prediction
    from edgerun.vision.frame import Image


@click.command("run")
@model_argument
@click.argument("source", type=PATH, metavar="IMAGE|VIDEO|DIR")
@click.option("--labels", type=PATH, help="Names of the classes, .txt or .pbtxt.")
@click.option("--save", type=PATH, help="Draw into this picture, video or folder.")
@click.option("--top", type=click.IntRange(min=1), help="How many classes to show.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="The lowest score of a box.")
@click.option("--track", is_flag=True, help="Of a video: follow objects from frame to frame.")
@click.option("--zones", type=PATH, help="Of a video: say who enters, leaves, crosses; a TOML file. Tracks.")
@click.option("--motion", is_flag=True, help="Of a video: pass over frames in which nothing moves.")
@click.option("--jsonl", type=PATH, help="Of a video: a line of JSON for each frame, into this file.")
@click.option("--backend", type=click.Choice(BACKENDS), default="edgerun", show_default=True)
@threads_option
@json_option
def command(
    model: Path,
    source: Path,
    labels: Path | None,
    save: Path | None,
    top: int | None,
    threshold: float | None,
    track: bool,
    zones: Path | None,
    motion: bool,
    jsonl: Path | None,
    backend: Any,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say what is in a picture, a video or a folder of pictures.

    A picture and a folder give the predictions of each picture, a video those of the whole
    video; with --json each picture or frame is a line of JSON. --save draws the predictions: into
    a picture for a picture, a video for a video, a folder for a folder.

    With --track the objects of a video have numbers; with --zones there are events, too. FILE of --zones:

    \b
        [[zone]]
        name = "door"
        points = [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9]]   # parts of width and height
        dwell = 5.0                                     # optional: say who stays so many seconds
        [[line]]
        name = "gate"
        start = [0.5, 0.0]
        end = [0.5, 1.0]
    """
    from edgerun.cli.run_video import Wishes, run_video
    from edgerun.vision import load
    from edgerun.vision.media import is_image, list_images

    existing(source)
    wishes = Wishes(save, jsonl, track or zones is not None, zones, motion, as_json)
    if wishes.of_video_alone and (source.is_dir() or is_image(source)):
        raise click.UsageError(f"{wishes.of_video_alone} is for videos, and {source} is none.")
    loaded = load(existing(model), labels, threads, backend, threshold, top)
    # The figures shown are those of a model that has run before.
    loaded.warm_up()
    if source.is_dir():
        _run_folder(loaded, list_images(source), save, as_json)
    elif is_image(source):
        _run_picture(loaded, source, save, as_json)
    else:
        run_video(loaded, source, wishes)


def _run_picture(model: Model, path: Path, save: Path | None, as_json: bool) -> None:
    from edgerun.vision.draw import draw
    from edgerun.vision.media import write_image

    image, size = _read(model, path, whole=save is not None)
    prediction, milliseconds = _predict(model, image, size)
    if as_json:
        print_json({"file": str(path), "ms": milliseconds, **prediction.to_dict()})
    else:
        click.echo(f"{path.name}: {milliseconds:.1f} ms")
        _print_prediction(prediction)
    if save is not None:
        target = save / f"{path.stem}.png" if save.is_dir() else save
        write_image(target, draw(image, prediction))


def _run_folder(model: Model, paths: list[Path], save: Path | None, as_json: bool) -> None:
    from edgerun.vision.draw import draw
    from edgerun.vision.media import write_image

    if save is not None:
        if save.exists() and not save.is_dir():
            raise InputError(
                f"--save must be a folder for a folder of pictures, got {str(save)!r}."
            )
        save.mkdir(parents=True, exist_ok=True)
    lines = []
    unread = 0
    with progress(paths, len(paths), as_json) as bar:
        for path in bar:
            try:
                image, size = _read(model, path, whole=save is not None)
            except InputError as error:
                unread += 1
                click.echo(f"edgerun: {error}", err=True)
                continue
            prediction, milliseconds = _predict(model, image, size)
            if as_json:
                print_json({"file": str(path), "ms": milliseconds, **prediction.to_dict()})
            lines.append([path.name, f"{milliseconds:.1f} ms", str(prediction)])
            if save is not None:
                write_image(save / f"{path.stem}.png", draw(image, prediction))
    if not as_json:
        print_table([["picture", "time", "predictions"], *lines], right="1")
    if unread:
        raise InputError(f"{unread} of {len(paths)} pictures could not be read.")


def _read(model: Model, path: Path, whole: bool) -> tuple[Image, tuple[int, int] | None]:
    """The picture as the model needs it, and its size where that is less than what the file holds."""
    from edgerun.vision.media import read_image

    return (read_image(path), None) if whole else model.read(path)


def _predict(
    model: Model, image: Image, size: tuple[int, int] | None = None
) -> tuple[Prediction, float]:
    """The prediction and the milliseconds that preparing, inferring and decoding took."""
    start = time.perf_counter()
    prediction = model(image, size)
    return prediction, round((time.perf_counter() - start) * 1e3, 3)


def _print_prediction(prediction: Prediction) -> None:
    items: Any = prediction.items
    if prediction.task == "tensors":
        for item in items:
            click.echo(f"  {item}")
        return
    if not items:
        click.echo("  nothing above the threshold")
    for item in items:
        box = ""
        if getattr(item, "box", None) is not None:
            left, top, right, bottom = (round(side) for side in item.box)
            box = f"  at {left},{top} to {right},{bottom}"
        if getattr(item, "points", None) is not None:
            box += f"  {len(item.points)} points"
        click.echo(f"  {item.score:6.1%}  {item.label}{box}")
