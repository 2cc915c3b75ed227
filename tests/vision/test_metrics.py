"""Matching, precision and recall, and average precision, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.vision.detections import Detection
from edgerun.vision.frame import TrueObject
from edgerun.vision.metrics import PrecisionRecall, average_precision, match, overlaps

BOX = (0.0, 0.0, 10.0, 10.0)
FAR = (50.0, 50.0, 60.0, 60.0)


def thing(box: tuple[float, ...] = BOX, index: int = 0, ignored: bool = False) -> TrueObject:
    return TrueObject("ab"[index], index, box, 1.0, ignored)  # type: ignore[arg-type]


def seen(score: float, box: tuple[float, ...] = BOX, index: int = 0) -> Detection:
    return Detection("ab"[index], index, score, box)  # type: ignore[arg-type]


def verdicts(truth: list[TrueObject], found: list[Detection]) -> list[bool | None]:
    return [verdict for _, verdict in match(truth, found).detections]


def test_overlaps():
    boxes = [BOX, (5.0, 0.0, 15.0, 10.0), (10.0, 0.0, 20.0, 10.0), FAR, (3.0, 3.0, 3.0, 3.0)]
    expected = [1.0, 50 / 150, 0.0, 0.0, 0.0]
    assert overlaps([BOX], boxes)[0].tolist() == pytest.approx(expected)
    assert overlaps([], [BOX]).shape == (0, 1)
    assert overlaps([BOX], []).shape == (1, 0)


def test_half_of_the_union_is_enough():
    # 10 x 10 and its left part of 10 x 5: 50 of 100.
    assert verdicts([thing()], [seen(0.9, (0, 0, 5, 10))]) == [True]
    assert verdicts([thing()], [seen(0.9, (0, 0, 4.9, 10))]) == [False]


def test_one_object_is_claimed_once_and_by_the_best():
    assert verdicts([thing()], [seen(0.5), seen(0.9)]) == [True, False]
    assert [d.score for d, _ in match([thing()], [seen(0.5), seen(0.9)]).detections] == [0.9, 0.5]


def test_the_class_must_be_right():
    assert verdicts([thing(index=0)], [seen(0.9, index=1)]) == [False]


def test_the_object_that_overlaps_most_is_claimed():
    near = thing((1, 0, 11, 10))
    found = match([near, thing()], [seen(0.9), seen(0.8, (1, 0, 11, 10))])
    assert found.right == 2


def test_ignored_objects_are_neither_right_nor_wrong():
    found = [seen(0.9), seen(0.8), seen(0.7, FAR)]
    assert verdicts([thing(ignored=True)], found) == [None, None, False]
    assert match([thing(ignored=True)], []).objects == {}
    # One that is not ignored is claimed first.
    assert verdicts([thing(ignored=True), thing()], [seen(0.9), seen(0.8)]) == [True, None]


def test_precision_and_recall_over_a_window():
    live = PrecisionRecall(window=2)
    assert live.update([thing(), thing(FAR)], [seen(0.9)]) == (1.0, 0.5)
    assert live.update([thing()], [seen(0.9), seen(0.8, FAR)]) == (2 / 3, 2 / 3)
    # The first frame is forgotten.
    assert live.update([], []) == (1 / 2, 1.0)
    assert live.to_dict() == {"frames": 2, "precision": 0.5, "recall": 1.0}


def test_precision_and_recall_of_nothing_are_whole():
    assert PrecisionRecall(5).update([], []) == (1.0, 1.0)
    assert PrecisionRecall(5).update([thing()], []) == (1.0, 0.0)
    assert PrecisionRecall(5).update([], [seen(0.9)]) == (0.0, 1.0)


def test_average_precision_by_hand():
    # Falling scores: right, wrong, right; four objects. Precision 1, 1/2, 2/3; the best at a recall
    # or above: 1 up to 1/4, 2/3 up to 2/4, then nothing: 1/4 * 1 + 1/4 * 2/3.
    frames = [
        ([thing(), thing(FAR)], [seen(0.9), seen(0.8, (20, 20, 30, 30))]),
        ([thing(), thing(FAR)], [seen(0.7)]),
    ]
    result = average_precision(frames)
    assert result.classes == {"a": pytest.approx(1 / 4 + 1 / 6)}
    assert result.mean == pytest.approx(1 / 4 + 1 / 6)


def test_average_precision_is_the_mean_over_classes_with_objects():
    frames = [([thing(), thing(FAR, 1)], [seen(0.9), seen(0.8, FAR, 0)])]
    result = average_precision(frames)
    assert result.classes == {"a": 1.0, "b": 0.0}
    assert result.mean == 0.5
    assert average_precision([([], [seen(0.9)])]).mean == 0.0


def test_average_precision_ranks_over_all_frames():
    """A better score anywhere comes first; ignored ones leave no trace."""
    frames = [
        ([thing()], [seen(0.4)]),
        ([thing(ignored=True)], [seen(0.95), seen(0.9, FAR)]),
    ]
    assert average_precision(frames).mean == pytest.approx(0.5)


def test_average_precision_does_not_depend_on_the_order_of_frames():
    rng = np.random.default_rng(5)
    frames = []
    for _ in range(20):
        boxes = [tuple(map(float, (x, y, x + 9, y + 9))) for x, y in rng.integers(0, 40, (6, 2))]
        truth = [thing(box, int(rng.integers(2))) for box in boxes[:4]]
        found = [seen(float(rng.random()), box, int(rng.integers(2))) for box in boxes]
        frames.append((truth, found))
    assert average_precision(frames) == average_precision(frames[::-1])
