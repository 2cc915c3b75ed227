"""Scores a model on scenes it has never seen: `python training/evaluate.py [MODEL]`.

MODEL is a .tflite file with its card beside it (the bundled one by default), run by edgerun itself;
or the trained float weights net.pt, run by PyTorch. 500 frames of 100 held-out seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from generate import HELD_OUT_SEED, frames

import edgerun
from edgerun.vision.decoders.centres import find_centres
from edgerun.vision.detections import Detection
from edgerun.vision.frame import Image, TrueObject
from edgerun.vision.metrics import PrecisionRecall, average_precision
from edgerun.vision.models import bundled
from edgerun.vision.scene import HEIGHT, WIDTH
from edgerun.vision.sprites import CLASSES

LOWEST_SCORE = 0.05
SHOWN_SCORE = 0.4

Detector = Callable[[Image], list[Detection]]
Truth = tuple[TrueObject, ...]


def integer_detector(path: Path) -> Detector:
    model = edgerun.load(path, threshold=LOWEST_SCORE)
    return lambda image: list(model(image).items)  # type: ignore[arg-type]


def float_detector(path: Path) -> Detector:
    import torch
    from net import Net

    net = Net().eval()
    net.load_state_dict(torch.load(path))
    torch.set_num_threads(1)

    def detect(image: Image) -> list[Detection]:
        picture = torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1)
        with torch.no_grad():
            logits, boxes = net(picture[None].float() / 255)
        scores = torch.sigmoid(logits)[0].permute(1, 2, 0).numpy()
        found = find_centres(scores, boxes[0].permute(1, 2, 0).numpy(), LOWEST_SCORE, 0.5)
        size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float64)
        return [
            Detection(CLASSES[index], index, score, tuple((box * size).tolist()))
            for score, index, box in found
        ]

    return detect


def evaluate(detect: Detector, count: int) -> dict[str, Any]:
    """Scores of a detector on held-out frames."""
    exam = [(truth, detect(image)) for image, truth in frames(HELD_OUT_SEED, count)]
    precision = average_precision(exam)
    live = PrecisionRecall(count)
    for truth, found in exam:
        live.update(truth, [item for item in found if item.score >= SHOWN_SCORE])
    objects = [item for truth, _ in exam for item in truth if not item.ignored]
    hidden = [item for item in objects if item.visible < 0.95]
    return {
        "frames": count,
        "first_seed": HELD_OUT_SEED,
        "objects": len(objects),
        "partly_hidden": round(len(hidden) / len(objects), 3),
        "map50": round(precision.mean, 4),
        "classes": {name: round(value, 4) for name, value in precision.classes.items()},
        "map50_by_side": by_side(exam),
        "map75": round(average_precision(exam, 0.75).mean, 4),
        "shown_from_score": SHOWN_SCORE,
        "precision": round(live.precision, 4),
        "recall": round(live.recall, 4),
    }


def by_side(exam: list[tuple[Truth, list[Detection]]]) -> dict[str, float]:
    """mAP50 of objects by their longer side in pixels; those of other sides are ignored."""
    scores = {}
    for low, high in ((10, 16), (16, 32), (32, 64), (64, 1000)):

        def other(item: TrueObject | Detection, low: int = low, high: int = high) -> bool:
            left, top, right, bottom = item.box
            return not low <= max(right - left, bottom - top) < high

        part = []
        for truth, found in exam:
            kept = [replace(item, ignored=item.ignored or other(item)) for item in truth]
            claimed = [item for item in found if not other(item)]
            part.append((kept, claimed))
        scores[f"{low}-{high}"] = round(average_precision(part).mean, 4)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    path = options.model or bundled("demo")
    detect = float_detector(path) if path.suffix == ".pt" else integer_detector(path)
    scores = {"model": path.name, "bytes": path.stat().st_size, **evaluate(detect, options.frames)}
    text = json.dumps(scores, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
