"""What colours alone can do: `python training/baseline.py --out baseline.json`.

The exam must not be a toy: this detector shall fail it. It thresholds each pixel's distance in
colour (Lab) from the background around it, at three levels, joins what is left into connected components,
and classifies each by its mean colour, size, proportions, fill, solidity and Hu moments: a normal
distribution for each class, and one for "no object", fitted to frames of the training seeds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from generate import HELD_OUT_SEED, TRAINING_SEED, frames

from edgerun.vision.detections import Detection
from edgerun.vision.frame import Image
from edgerun.vision.metrics import average_precision, overlaps
from edgerun.vision.sprites import CLASSES

THRESHOLDS = (12, 24, 40)
LEAST_AREA = 30
NOTHING = len(CLASSES)

Box = tuple[float, float, float, float]


def candidates(image: Image) -> tuple[list[Box], np.ndarray]:
    """Boxes and features [n, 15] of what differs in colour from its surroundings."""
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (3, 3), 0), cv2.COLOR_BGR2Lab)
    small = cv2.medianBlur(cv2.resize(lab, None, fx=0.25, fy=0.25), 31)
    around = cv2.resize(small, lab.shape[1::-1])
    distance = np.sqrt(((lab.astype(np.float32) - around) ** 2).sum(2))
    boxes: list[Box] = []
    features = []
    for threshold in THRESHOLDS:
        mask = (distance > threshold).astype(np.uint8)
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        for k in range(1, count):
            x, y, w, h, area = (int(value) for value in stats[k])
            if area < LEAST_AREA or w > 200 or h > 200:
                continue
            part = (labels[y : y + h, x : x + w] == k).astype(np.uint8)
            outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            hull = cv2.contourArea(cv2.convexHull(np.concatenate(outlines)))
            moments = cv2.HuMoments(cv2.moments(part, binaryImage=True)).ravel()
            colour = cv2.mean(lab[y : y + h, x : x + w], part)[:3]
            features.append(
                [
                    *colour,
                    np.log(area),
                    np.log(w / h),
                    area / (w * h),
                    area / max(hull, 1.0),
                    distance[y : y + h, x : x + w][part > 0].mean(),
                    *np.log(np.abs(moments) + 1e-12),
                ]
            )
            boxes.append((float(x), float(y), float(x + w), float(y + h)))
    return boxes, np.array(features, np.float64).reshape(len(boxes), 15)


class Classifier:
    """One normal distribution for each class, and one for nothing."""

    def __init__(self, features: np.ndarray, classes: np.ndarray) -> None:
        self.parts = []
        for index in range(NOTHING + 1):
            own = features[classes == index]
            covariance = np.cov(own.T) + 1e-3 * np.eye(own.shape[1])
            share = np.log(len(own) / len(features))
            volume = np.linalg.slogdet(covariance)[1]
            self.parts.append((own.mean(0), np.linalg.inv(covariance), share - volume / 2))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Probabilities [n, classes + 1]."""
        logits = np.stack(
            [
                constant - np.einsum("ni,ij,nj->n", features - mean, inverse, features - mean) / 2
                for mean, inverse, constant in self.parts
            ],
            1,
        )
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)


def fit(count: int) -> Classifier:
    """From `count` frames of the training seeds."""
    features, classes = [], []
    for image, truth in frames(TRAINING_SEED, count):
        boxes, found = candidates(image)
        table = overlaps(boxes, [item.box for item in truth])
        for row, values in zip(table, found, strict=True):
            best = int(row.argmax()) if row.size else 0
            features.append(values)
            classes.append(truth[best].index if row.size and row[best] >= 0.5 else NOTHING)
    return Classifier(np.array(features), np.array(classes))


def detect(classify: Classifier, image: Image) -> list[Detection]:
    """The components that look like an object, without those that overlap a better one."""
    boxes, features = candidates(image)
    if not boxes:
        return []
    scores = classify(features)[:, :NOTHING]
    table = overlaps(boxes, boxes)
    kept: list[int] = []
    for k in np.argsort(-scores.max(1)):
        if scores[k].max() > 0.01 and not (table[k, kept] > 0.5).any():
            kept.append(int(k))
    best = scores.argmax(1)
    return [
        Detection(CLASSES[best[k]], int(best[k]), float(scores[k].max()), boxes[k]) for k in kept
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", type=int, default=500, help="frames to fit to")
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    classify = fit(options.fit)
    held_out = frames(HELD_OUT_SEED, options.frames)
    exam = [(truth, detect(classify, image)) for image, truth in held_out]
    precision = average_precision(exam)
    text = json.dumps(
        {
            "fitted_to": options.fit,
            "frames": options.frames,
            "first_seed": HELD_OUT_SEED,
            "map50": round(precision.mean, 4),
            "classes": {name: round(value, 4) for name, value in precision.classes.items()},
        },
        indent=2,
    )
    if options.out:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
