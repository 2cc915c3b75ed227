"""What a run costs on this machine now: by model, threads and frames at once.

A table of first measurements, and how the machine's pace has changed since: throttling and other load
slow all runs alike, so that every finished run corrects the prediction of every shape, tried lately or
not.
"""

from __future__ import annotations

from dataclasses import dataclass

# Of a new observation, in moving averages: of the machine's pace, of one shape of a run, of its spread.
_PACE, _OWN, _SPREAD = 0.15, 0.02, 0.05
_MOST = 4.0  # one run that took longer than so many times the prediction counts as this many


@dataclass
class _Entry:
    seconds: float  # at pace 1
    spread: float = 0.05  # mean absolute deviation, relative
    runs: int = 0


class CostTable:
    """Predicted seconds of runs. Not safe from several threads: its scheduler's lock guards it."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int, int], _Entry] = {}
        self.pace = 1.0  # seconds of a run now, relative to the first measurements

    def measured(self, model: str, threads: int, batch: int, seconds: float) -> None:
        """A first measurement, on a machine that does nothing else. seconds > 0, of the whole batch."""
        self._entries[model, threads, batch] = _Entry(seconds / self.pace)

    def shapes(self, model: str) -> list[tuple[int, int]]:
        """(threads, batch) that were measured."""
        return [(threads, batch) for name, threads, batch in self._entries if name == model]

    def seconds(self, model: str, threads: int, batch: int = 1) -> float:
        """How long such a run takes now. Raises KeyError for one that was not measured."""
        return self._entries[model, threads, batch].seconds * self.pace

    def spread(self, model: str, threads: int, batch: int = 1) -> float:
        """The mean absolute deviation of such runs from `seconds`, relative."""
        return self._entries[model, threads, batch].spread

    def finished(self, model: str, threads: int, batch: int, seconds: float) -> None:
        """A run took so long."""
        entry = self._entries[model, threads, batch]
        ratio = min(seconds / (entry.seconds * self.pace), _MOST)
        entry.spread += _SPREAD * (abs(ratio - 1) - entry.spread)
        # What is common to all goes to the pace, what stays goes to the entry.
        self.pace *= 1 + _PACE * (ratio - 1)
        entry.runs += 1
        entry.seconds *= 1 + _OWN * (ratio - 1) / (1 + 0.01 * entry.runs)

    def to_dict(self) -> dict[str, object]:
        """The table for the dashboard: milliseconds now and relative spread by model, threads, frames."""
        rows = [
            {
                "model": model, "threads": threads, "frames": batch,
                "ms": round(entry.seconds * self.pace * 1e3, 3), "spread": round(entry.spread, 3),
                "runs": entry.runs,
            }
            for (model, threads, batch), entry in sorted(self._entries.items())
        ]  # fmt: skip
        return {"pace": round(self.pace, 3), "runs": rows}
