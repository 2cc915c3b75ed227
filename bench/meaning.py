"""How well decoded predictions agree with labelled pictures, family by family: `python -m bench.meaning`.

Detectors: mean average precision at IoU 0.5 over the eight pictures of coco8 (a small set: the figure
tells a wrong decoder from a right one, not one model from another), classes that a picture can have.
Poses: the share of labelled joints of coco8-pose within a tenth of the person's size (PCK). Masks: IoU
of the bird with its drawn mask. Needs the shared material (EDGERUN_SHARED).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import edgerun
from edgerun.vision import Detections, Keypoints, Mask, Model
from edgerun.vision.coco import COCO
from edgerun.vision.frame import TrueObject
from edgerun.vision.metrics import average_precision

SHARED = Path(os.environ.get("EDGERUN_SHARED", Path(__file__).parents[2] / "shared"))
_LOW = 0.05  # score of the boxes that count for average precision
_BIRD = 3  # of Pascal's classes


def labelled(name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Picture and rows of the label file, coordinates in pixels: class, box corners, then joints (x,
    y, seen)."""
    for path in sorted((SHARED / "datasets" / name / "images").rglob("*.jpg")):
        image = cv2.imread(str(path))
        height, width = image.shape[:2]
        file = Path(str(path).replace("/images/", "/labels/")).with_suffix(".txt")
        rows = []
        for line in file.read_text().splitlines() if file.exists() else ():
            index, x, y, w, h, *joints = map(float, line.split())
            box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
            marks = np.array(joints).reshape(-1, 3) * [width, height, 1] if joints else np.empty((0, 3))
            rows.append([index, *box, *marks.ravel()])
        yield image, np.array(rows)


def detector(model: Model) -> float:
    """Mean average precision at IoU 0.5 on coco8."""
    low = Model(model.session, replace(model.card, threshold=_LOW), model.name)
    frames = []
    for image, rows in labelled("coco8"):
        truth = [TrueObject(COCO.names[int(r[0])], int(r[0]), tuple(map(float, r[1:5]))) for r in rows]
        found = low(image)
        assert isinstance(found, Detections)
        frames.append((truth, found.items))
    return average_precision(frames).mean


def joints(model: Model) -> float:
    """The share of coco8-pose's labelled joints that are found within a tenth of the person's longer
    side. A model of one person is given each person's own part of the picture."""
    right = total = 0
    for image, rows in labelled("coco8-pose"):
        for row in rows:
            left, top, w_right, bottom = row[1:5]
            marks = row[5:].reshape(-1, 3)
            marks = marks[:17] if len(marks) else marks
            seen = marks[:, 2] > 0
            if not seen.any():
                continue
            side = max(w_right - left, bottom - top)
            x0, y0 = int(max(left - 0.2 * side, 0)), int(max(top - 0.2 * side, 0))
            part = image[y0 : int(bottom + 0.2 * side), x0 : int(w_right + 0.2 * side)]
            found = model(part)
            assert isinstance(found, Keypoints)
            best = 0
            for person in found.items:
                points = np.array(person.points)[:, :2] + [x0, y0]
                best = max(best, int((np.hypot(*(points - marks[:, :2]).T) < 0.1 * side)[seen].sum()))
            right, total = right + best, total + int(seen.sum())
    return right / total


def bird(model: Model) -> float:
    """IoU of the bird."""
    folder = SHARED / "media" / "images"
    truth = cv2.imread(str(folder / "bird_segmentation_mask.bmp"), cv2.IMREAD_UNCHANGED) == _BIRD
    found = model(cv2.imread(str(folder / "bird_segmentation.bmp")))
    assert isinstance(found, Mask)
    mine = cv2.resize(found.full(), truth.shape[::-1], interpolation=cv2.INTER_NEAREST) == _BIRD
    return float((mine & truth).sum() / (mine | truth).sum())


def main() -> None:
    logging.disable(logging.WARNING)
    print(f"{'model':48}{'decoder':16}agreement")
    for path in sorted((SHARED / "models").rglob("*.*")):
        if path.suffix not in (".tflite", ".onnx") or path.parent.name == "invalid":
            continue
        try:
            model = edgerun.load(path)
        except edgerun.EdgerunError:
            continue
        decoder = model.card.decoder
        if decoder in ("tensors", "classifier"):
            continue
        coco = (
            model.card.task == "detection" and len(model.card.labels.names if model.card.labels else ()) == 80
        )
        if coco:
            told = f"{detector(model):.3f} mAP50 on coco8"
        elif decoder in ("movenet", "posenet"):
            told = f"{joints(model):.3f} of the joints of coco8-pose"
        elif path.stem.startswith("deeplab"):
            told = f"{bird(model):.3f} IoU of the bird"
        else:
            found = model(cv2.imread(str(SHARED / "media" / "images" / "face.jpg")))
            told = f"face.jpg: {found}"[:60]
        print(f"{path.name:48}{decoder:16}{told}")


if __name__ == "__main__":
    main()
