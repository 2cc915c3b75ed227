"""Which detection is which object, from frame to frame.

ByteTrack (Y. Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV
2022): sure detections are paired first, with all tracks; what is left of the tracks seen in the last
frame is then paired with the unsure detections, which are mostly objects half hidden; only a sure
detection that is left over begins a track. Pairs have the same class. Boxes are predicted by time, not
by frame: cameras drop frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from edgerun.vision.assignment import assign
from edgerun.vision.detections import Detection, Detections
from edgerun.vision.kalman import BoxFilter
from edgerun.vision.metrics import overlaps

# The lowest score that a tracker has a use for: what a decoder should hand it.
UNSURE = 0.1

_STEPS_PER_SECOND = 30.0  # a step of the filter's noise is a frame of the videos it was tuned on
_LONGEST_STEP = 30.0
# The largest 1 - IoU (times the score, for sure detections) of a pair: ByteTrack's.
_SURE, _UNSURE, _NEW = 0.8, 0.5, 0.7
_MOST_TRACKS = 1000


@dataclass
class Track:
    """One object. Times are seconds, as given to `Tracker.update`.

    id: from 1, never given twice. detection: the newest of it. hits: how often it was seen;
    confirmed: more than once, or in the first frame. lost: not seen in the newest frame.
    """

    id: int
    detection: Detection
    began: float
    seen: float
    hits: int = 1
    confirmed: bool = False
    lost: bool = False


@dataclass
class Tracker:
    """The objects of one camera. Not for several threads.

    sure: score from which a detection counts as sure and can begin a track. memory: seconds that an
    object may be out of sight.
    """

    sure: float = 0.5
    memory: float = 1.0
    tracks: list[Track] = field(default_factory=list)
    ended: list[Track] = field(default_factory=list)  # confirmed ones, by the newest update

    def __post_init__(self) -> None:
        self._filter = BoxFilter()
        self._next_id = 1
        self._time: float | None = None

    def update(self, detections: Detections, time: float) -> Detections:
        """The confirmed objects of a frame at `time`, each a detection with its `track`, best first.

        detections: down to a score of UNSURE. A time before the last one, as when a video begins
        again, ends all tracks.
        """
        if self._time is not None and time < self._time:
            self._end(range(len(self.tracks)))
            gone = list(self.ended)
        else:
            gone = []
        first = self._time is None or bool(gone)
        steps = 0.0 if self._time is None else (time - self._time) * _STEPS_PER_SECOND
        self._time = time
        predicted = self._filter.predict(min(max(steps, 0.0), _LONGEST_STEP))
        sure = [d for d in detections.items if d.score >= self.sure]
        unsure = [d for d in detections.items if UNSURE <= d.score < self.sure]

        known = [i for i, t in enumerate(self.tracks) if t.confirmed]
        seen, sure = self._pair(known, sure, predicted, _SURE, time, weighted=True)
        in_sight = [i for i in known if i not in seen and not self.tracks[i].lost]
        seen |= self._pair(in_sight, unsure, predicted, _UNSURE, time)[0]
        fresh = [i for i, t in enumerate(self.tracks) if not t.confirmed]
        more, sure = self._pair(fresh, sure, predicted, _NEW, time, weighted=True)
        seen |= more

        over = []
        for i, track in enumerate(self.tracks):
            track.lost = i not in seen
            if track.lost and (not track.confirmed or time - track.seen > self.memory):
                over.append(i)
        self._end(over)
        self.ended = [*gone, *self.ended]
        self._begin(sure, time, confirmed=first)
        shown = [replace(t.detection, track=t.id) for t in self.tracks if t.confirmed and not t.lost]
        shown.sort(key=lambda d: -d.score)
        return replace(detections, items=tuple(shown))

    def _pair(
        self,
        rows: Sequence[int],
        detections: list[Detection],
        predicted: npt.NDArray[np.float64],
        limit: float,
        time: float,
        weighted: bool = False,
    ) -> tuple[set[int], list[Detection]]:
        """The tracks that were found among the detections, and the detections that are left."""
        if not rows or not detections:
            return set(), detections
        likeness = overlaps(predicted[list(rows)], [d.box for d in detections])
        if weighted:
            likeness = likeness * np.array([d.score for d in detections])
        same = np.array([[self.tracks[i].detection.index == d.index for d in detections] for i in rows])
        pairs = assign(np.where(same & (likeness > 0), 1 - likeness, np.inf), limit)
        found = {rows[r]: detections[c] for r, c in pairs}
        for i, detection in found.items():
            track = self.tracks[i]
            track.detection, track.seen = detection, time
            track.hits, track.confirmed = track.hits + 1, True
        self._filter.update(list(found), [d.box for d in found.values()])
        taken = {c for _, c in pairs}
        return set(found), [d for c, d in enumerate(detections) if c not in taken]

    def _begin(self, detections: list[Detection], time: float, confirmed: bool) -> None:
        room = max(_MOST_TRACKS - len(self.tracks), 0)
        for detection in detections[:room]:
            self.tracks.append(Track(self._next_id, detection, time, time, confirmed=confirmed))
            self._next_id += 1
        self._filter.add([d.box for d in detections[:room]])

    def _end(self, rows: Iterable[int]) -> None:
        over = set(rows)
        self.ended = [t for i, t in enumerate(self.tracks) if i in over and t.confirmed]
        kept = [i for i in range(len(self.tracks)) if i not in over]
        self.tracks = [self.tracks[i] for i in kept]
        self._filter.keep(kept)
