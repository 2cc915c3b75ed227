"""How well tracks agree with the truth: CLEAR MOT and identity measures.

K. Bernardin and R. Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics", 2008; E. Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera
Tracking", 2016.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from edgerun.vision.assignment import assign
from edgerun.vision.frame import Box
from edgerun.vision.metrics import overlaps

Boxes = Mapping[int, Box]  # by identity


@dataclass(frozen=True)
class TrackQuality:
    """Counts over all frames.

    objects: boxes of the truth. misses, extras: without a track, without an object. switches: an
    object's track is another one than before. idf1: the share of boxes that have the right identity
    where each object keeps one track, chosen for the most agreement; 1 is best.
    """

    objects: int
    misses: int
    extras: int
    switches: int
    idf1: float

    @property
    def mota(self) -> float:
        """1 - (misses + extras + switches) / objects; 1 is best, below 0 possible."""
        wrong = self.misses + self.extras + self.switches
        return 1 - wrong / self.objects if self.objects else float(wrong == 0)


def track_quality(frames: Iterable[tuple[Boxes, Boxes]], least_overlap: float = 0.5) -> TrackQuality:
    """Of (truth, tracks) by frame; a box agrees with an object from this IoU on."""
    objects = misses = extras = switches = shown = 0
    last: dict[int, int] = {}  # the track that an object had
    together: Counter[tuple[int, int]] = Counter()
    for truth, tracks in frames:
        objects, shown = objects + len(truth), shown + len(tracks)
        names, ids = list(truth), list(tracks)
        table = overlaps([truth[n] for n in names], [tracks[i] for i in ids])
        fits = table >= least_overlap
        together.update((names[r], ids[c]) for r, c in zip(*np.nonzero(fits), strict=True))
        pairs = {
            n: last[n] for n in names if last.get(n) in tracks and fits[names.index(n),
            ids.index(last[n])]
        }
        free_rows = [r for r, n in enumerate(names) if n not in pairs]
        free_columns = [c for c, i in enumerate(ids) if i not in pairs.values()]
        for r, c in assign(1 - table[np.ix_(free_rows, free_columns)], 1 - least_overlap):
            name, track = names[free_rows[r]], ids[free_columns[c]]
            switches += name in last and last[name] != track
            pairs[name] = track
        last |= pairs
        misses += len(names) - len(pairs)
        extras += len(ids) - len(pairs)
    rows, columns = sorted({n for n, _ in together}), sorted({i for _, i in together})
    agreed = np.array([[together[n, i] for i in columns] for n in rows], float).reshape(
        len(rows), len(columns)
    )
    right = sum(agreed[r, c] for r, c in assign(-agreed))
    return TrackQuality(
        objects, misses, extras, switches, 2 * right / (objects + shown) if objects + shown else 1.0
    )
