"""edgerun run: what is in a picture, a video or a folder of pictures."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
    backend: Any,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say what is in a picture, a video or a folder of pictures.

    A picture and a folder give the predictions of each picture, a video those of the whole
    video; with --json each picture or frame is a line of JSON. --save draws the predictions: into
    a picture for a picture, a video for a video, a folder for a folder.
    """
    from edgerun.vision import load
    from edgerun.vision.media import is_image, list_images

    existing(source)
    loaded = load(existing(model), labels, threads, backend, threshold, top)
    # The figures shown are those of a model that has run before.
    loaded.warm_up()
    if source.is_dir():
        _run_folder(loaded, list_images(source), save, as_json)
    elif is_image(source):
        _run_picture(loaded, source, save, as_json)
    else:
        _run_video(loaded, source, save, as_json)


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
    with _progress(paths, len(paths), as_json) as bar:
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


def _run_video(model: Model, path: Path, save: Path | None, as_json: bool) -> None:
    from edgerun.vision.draw import draw
    from edgerun.vision.media import VideoReader, VideoWriter

    tally = _Tally()
    with VideoReader(path) as video:
        writer = VideoWriter(save, video.fps) if save is not None else None
        try:
            with _progress(video, video.count or None, as_json) as bar:
                for number, image in enumerate(bar):
                    prediction, milliseconds = _predict(model, image)
                    at = number / video.fps
                    tally.add(prediction, at, milliseconds)
                    if as_json:
                        place = {"file": str(path), "frame": number, "time_s": round(at, 3)}
                        print_json({**place, "ms": milliseconds, **prediction.to_dict()})
                    if writer is not None:
                        writer.write(draw(image, prediction))
        finally:
            if writer is not None:
                writer.close()
    if not as_json:
        tally.print(path.name)


class _Tally:
    """What a whole video showed."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.seen: dict[str, list[float]] = {}  # label: frames, best score, first seen
        self.tensors = ""

    def add(self, prediction: Prediction, at: float, milliseconds: float) -> None:
        self.times.append(milliseconds)
        if prediction.task == "tensors":
            self.tensors = str(prediction)
            return
        items: Iterable[Any] = prediction.items
        if prediction.task == "classification":
            items = prediction.items[:1]
        best: dict[str, float] = {}
        for item in items:
            best[item.label] = max(item.score, best.get(item.label, 0.0))
        for label, score in best.items():
            entry = self.seen.setdefault(label, [0, 0.0, at])
            entry[0] += 1
            entry[1] = max(entry[1], score)

    def print(self, name: str) -> None:
        median = sorted(self.times)[len(self.times) // 2] if self.times else 0.0
        click.echo(f"{name}: {len(self.times)} frames, median {median:.1f} ms")
        if self.tensors:
            click.echo(f"the last frame: {self.tensors}")
            return
        rows = [
            [label, str(int(frames)), f"{best:.0%}", f"{first:.1f} s"]
            for label, (frames, best, first) in sorted(
                self.seen.items(), key=lambda entry: -entry[1][0]
            )
        ]
        if rows:
            print_table([["label", "frames", "best", "first seen"], *rows], right="123")
        else:
            click.echo("nothing was seen")


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
        if prediction.task == "detection":
            left, top, right, bottom = (round(side) for side in item.box)
            box = f"  at {left},{top} to {right},{bottom}"
        click.echo(f"  {item.score:6.1%}  {item.label}{box}")


@contextmanager
def _progress(items: Iterable[Any], length: int | None, as_json: bool) -> Iterator[Iterable[Any]]:
    """`items` under a progress bar on a terminal; no bar where JSON runs over the same terminal."""
    if not sys.stderr.isatty() or (as_json and sys.stdout.isatty()):
        yield items
        return
    with click.progressbar(items, length=length, file=sys.stderr, show_pos=True) as bar:
        yield bar
