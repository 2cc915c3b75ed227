"""At most so many frames a second."""

from __future__ import annotations

# A frame that comes this share of a period early is still in time: cameras jitter.
_EARLY = 0.1


class RateLimit:
    """Lets frames pass by their capture times, at `rate` a second on average."""

    def __init__(self, rate: float) -> None:
        self._period_ns = 1e9 / rate
        self._due_ns = 0.0

    def allows(self, captured_ns: int) -> bool:
        """Whether the frame taken at that moment is one to look at."""
        if captured_ns < self._due_ns - _EARLY * self._period_ns:
            return False
        # In step with the first frame, so that the average holds; anew after a silence.
        late = captured_ns - self._due_ns >= self._period_ns
        self._due_ns = (captured_ns if late else self._due_ns) + self._period_ns
        return True
