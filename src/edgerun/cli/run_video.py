"""edgerun run on a video: frame by frame to predictions, objects, events, a drawn video, lines of
JSON."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from edgerun.cli.common import print_json, print_table, progress
from edgerun.errors import InputError

if TYPE_CHECKING:
    from edgerun.vision import Model, Prediction
    from edgerun.vision.follow import Followed, Follower
    from edgerun.vision.frame import Image
    from edgerun.vision.media import VideoWriter


@dataclass(frozen=True)
class Wishes:
    """What is to be done with a video: options of the command."""

    save: Path | None
    jsonl: Path | None
    track: bool
    zones: Path | None
    motion: bool
    as_json: bool

    @property
    def of_video_alone(self) -> str:
        """The option that pictures have no use for, "" where there is none."""
        given = {"--zones": self.zones, "--track": self.track, "--motion": self.motion, "--jsonl": self.jsonl}
        return next((name for name, value in given.items() if value), "")


def run_video(model: Model, path: Path, wishes: Wishes) -> None:
    """Runs the model over each frame. Raises InputError, ConfigError, CameraError."""
    from edgerun.vision.media import VideoReader, VideoWriter
    from edgerun.vision.motion import MotionGate

    follower = _follower(model, wishes) if wishes.track else None
    if follower is not None:
        model = _with_unsure(model)
    gate = MotionGate() if wishes.motion else None
    tally, drawing = _Tally(), _Drawing(follower)
    with ExitStack() as stack:
        video = stack.enter_context(VideoReader(path))
        lines = stack.enter_context(_replaced(wishes.jsonl)) if wishes.jsonl else None
        writer = stack.enter_context(_saved(wishes.save, VideoWriter, video.fps)) if wishes.save else None
        bar = stack.enter_context(progress(video, video.count or None, wishes.as_json))
        for number, image in enumerate(bar):
            at = number / video.fps
            if gate is not None and not gate.update(image, at):
                tally.still += 1
                if writer is not None:
                    writer.write(drawing.still(image))
                continue
            prediction, followed, milliseconds = _look(model, follower, image, at)
            tally.add(prediction, at, milliseconds, followed)
            record = {
                "file": str(path),
                "frame": number,
                "time_s": round(at, 3),
                "ms": milliseconds,
                **prediction.to_dict(),
            }
            if followed is not None:
                record["events"] = followed.happenings()
            _tell(record, lines, wishes.as_json)
            if writer is not None:
                writer.write(drawing(image, prediction))
        if follower is not None:
            events, ended = follower.finish()
            tally.end(events, ended)
            last = [e.to_dict() for e in events] + [e.to_dict() for e in ended]
            _tell({"file": str(path), "end": True, "events": last}, lines, wishes.as_json)
    if not wishes.as_json:
        tally.print(path.name)


def _follower(model: Model, wishes: Wishes) -> Follower:
    from edgerun.vision.follow import Follower
    from edgerun.vision.tracking import Tracker
    from edgerun.vision.zones_toml import read_zones

    if model.card.task != "detection":
        raise InputError(
            f"--track needs a model that finds objects, and {model.name} is for {model.card.task}."
        )
    tracker = Tracker(sure=model.card.threshold)
    return Follower(tracker, read_zones(wishes.zones)) if wishes.zones is not None else Follower(tracker)


def _with_unsure(model: Model) -> Model:
    """The model, with the boxes that a tracker alone has a use for."""
    from edgerun.vision.model import Model as Loaded
    from edgerun.vision.tracking import UNSURE

    low = min(UNSURE, model.card.threshold)
    return Loaded(model.session, replace(model.card, threshold=low), model.name)


def _look(
    model: Model, follower: Follower | None, image: Image, at: float
) -> tuple[Prediction, Followed | None, float]:
    """What is in a frame, what of it is new, and milliseconds of the first."""
    from edgerun.vision.detections import Detections

    start = time.perf_counter()
    prediction = model(image)
    milliseconds = round((time.perf_counter() - start) * 1e3, 3)
    if follower is None or not isinstance(prediction, Detections):
        return prediction, None, milliseconds
    followed = follower.update(prediction, at, image)
    return followed.objects, followed, milliseconds


def _tell(record: dict[str, Any], lines: IO[str] | None, as_json: bool) -> None:
    if lines is not None:
        lines.write(json.dumps(record) + "\n")
    if as_json:
        print_json(record)


@contextmanager
def _replaced(path: Path) -> Iterator[IO[str]]:
    """A text file that is there when all of it is. Raises InputError where it cannot be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _saved(path: Path, kind: type[VideoWriter], fps: float) -> Iterator[VideoWriter]:
    """A video that is there when all of it is."""
    part = path.with_name(f".part-{path.name}")
    writer = kind(part, fps)
    try:
        yield writer
        writer.close()
        if part.exists():
            part.replace(path)
    finally:
        writer.close()
        part.unlink(missing_ok=True)


class _Drawing:
    """Frames with what is known about them."""

    def __init__(self, follower: Follower | None) -> None:
        from edgerun.vision.draw_places import Trails

        self._follower = follower
        self._trails = Trails()

    def __call__(self, image: Image, prediction: Prediction) -> Image:
        from edgerun.vision.detections import Detections
        from edgerun.vision.draw import draw

        canvas = self.still(image)
        if self._follower is not None and isinstance(prediction, Detections):
            self._trails.draw(canvas, prediction)
        return draw(canvas, prediction)

    def still(self, image: Image) -> Image:
        """A copy with the places alone."""
        from edgerun.vision.draw_places import draw_places

        canvas = image.copy()
        if self._follower is not None:
            draw_places(canvas, self._follower.watch)
        return canvas


class _Tally:
    """What a whole video showed."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.seen: dict[str, list[float]] = {}  # label: frames, best score, first seen
        self.objects: dict[str, set[int]] = {}  # label: tracks
        self.events: list[dict[str, Any]] = []
        self.still = 0
        self.tensors = ""

    def add(self, prediction: Prediction, at: float, milliseconds: float, followed: Followed | None) -> None:
        self.times.append(milliseconds)
        if followed is not None:
            self.events += [event.to_dict() for event in followed.events]
            for item in followed.objects.items:
                if item.track is not None:
                    self.objects.setdefault(item.label, set()).add(item.track)
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

    def end(self, events: list[Any], ended: list[Any]) -> None:
        self.events += [event.to_dict() for event in events]

    def print(self, name: str) -> None:
        median = sorted(self.times)[len(self.times) // 2] if self.times else 0.0
        still = f", {self.still} still" if self.still else ""
        click.echo(f"{name}: {len(self.times)} frames{still}, median {median:.1f} ms")
        if self.tensors:
            click.echo(f"the last frame: {self.tensors}")
            return
        if not self.seen:
            click.echo("nothing was seen")
            return
        ordered = sorted(self.seen.items(), key=lambda entry: -entry[1][0])
        rows = [[label, str(int(n)), f"{best:.0%}", f"{first:.1f} s"] for label, (n, best, first) in ordered]
        heads = ["label", "frames", "best", "first seen"]
        if self.objects:
            heads.append("objects")
            for row in rows:
                row.append(str(len(self.objects.get(row[0], ()))))
        print_table([heads, *rows], right="1234"[: len(heads) - 1])
        if self.events:
            click.echo()
            print_table(
                [["time", "event", "place", "object", "count"], *map(_event_row, self.events)], right="04"
            )


def _event_row(event: dict[str, Any]) -> list[str]:
    kind = event["event"]
    if "direction" in event:
        kind += f" {event['direction']}"
    elif "seconds" in event:
        kind += f" after {event['seconds']:.1f} s"
    return [
        f"{event['time']:.1f} s",
        kind,
        event["place"],
        f"{event['label']} {event['track']}",
        str(event["count"]),
    ]
