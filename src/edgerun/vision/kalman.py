"""Where boxes will be: a constant-velocity Kalman filter over many boxes at once.

The state of a box is centre x, centre y, width, height and their velocities, as in BoT-SORT (N. Aharon
et al., "BoT-SORT: Robust Associations Multi-Pedestrian Tracking", 2022), which takes the noise from
SORT: standard deviations in proportion to the box's own width and height. All noise is independent, so
that the covariance falls into one 2x2 matrix for each coordinate, and everything is element by element:

    predict   x += v dt;  Pxx += 2 dt Pxv + dt^2 Pvv + Qx;  Pxv += dt Pvv;  Pvv += Qv
    update    S = Pxx + R;  K = (Pxx, Pxv) / S;  (x, v) += K (z - x);  P -= K (Pxx, Pxv)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_POSITION, _VELOCITY = 1 / 20, 1 / 160  # of width and height, for each step
_SMALLEST = 1.0  # pixels: what a box is at least, for its noise


class BoxFilter:
    """The boxes of all tracks, one row each; boxes are [n, 4] of (left, top, right, bottom) in pixels."""

    def __init__(self) -> None:
        self._at = self._speed = np.empty((0, 4))
        self._xx = self._xv = self._vv = np.empty((0, 4))

    def __len__(self) -> int:
        return len(self._at)

    def add(self, boxes: npt.ArrayLike) -> None:
        """New rows, at rest."""
        at = _centred(boxes)
        size = _sizes(at)
        fresh = (
            at,
            np.zeros_like(at),
            (2 * _POSITION * size) ** 2,
            np.zeros_like(at),
            (10 * _VELOCITY * size) ** 2,
        )
        mine = (self._at, self._speed, self._xx, self._xv, self._vv)
        self._set(*(np.concatenate(pair) for pair in zip(mine, fresh, strict=True)))

    def keep(self, rows: npt.ArrayLike) -> None:
        """Only these rows, in this order."""
        kept = np.asarray(rows, np.intp)
        self._set(*(part[kept] for part in (self._at, self._speed, self._xx, self._xv, self._vv)))

    def predict(self, steps: float) -> Array:
        """Goes on by `steps` (one is what the noise is given for). Returns the boxes."""
        size = _sizes(self._at)
        noise = steps * (_POSITION * size) ** 2
        self._at = self._at + steps * self._speed
        self._xx = self._xx + 2 * steps * self._xv + steps**2 * self._vv + noise
        self._xv = self._xv + steps * self._vv
        self._vv = self._vv + steps * (_VELOCITY * size) ** 2
        return self.boxes()

    def update(self, rows: npt.ArrayLike, boxes: npt.ArrayLike) -> None:
        """What was seen of these rows."""
        rows = np.asarray(rows, np.intp)
        seen = _centred(boxes)
        xx, xv = self._xx[rows], self._xv[rows]
        total = xx + (_POSITION * _sizes(self._at[rows])) ** 2
        gain_x, gain_v, off = xx / total, xv / total, seen - self._at[rows]
        self._at[rows] += gain_x * off
        self._speed[rows] += gain_v * off
        self._xx[rows] -= gain_x * xx
        self._xv[rows] -= gain_x * xv
        self._vv[rows] -= gain_v * xv

    def boxes(self) -> Array:
        """The boxes as they are thought to be; width and height are at least 0."""
        half = np.maximum(self._at[:, 2:], 0) / 2
        return np.concatenate([self._at[:, :2] - half, self._at[:, :2] + half], axis=1)

    def _set(self, at: Array, speed: Array, xx: Array, xv: Array, vv: Array) -> None:
        self._at, self._speed, self._xx, self._xv, self._vv = at, speed, xx, xv, vv


def _centred(boxes: npt.ArrayLike) -> Array:
    b = np.asarray(boxes, np.float64).reshape(-1, 4)
    return np.concatenate([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], axis=1)


def _sizes(at: Array) -> Array:
    """Width, height, width, height: what the noise is in proportion to."""
    return np.tile(np.maximum(at[:, 2:], _SMALLEST), 2)
