"""Frames a second, at most."""

from __future__ import annotations

import random

import pytest

from edgerun.serve.rate import RateLimit

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("fps", "rate", "passed"), [(30, 10, 100), (30, 30, 300), (5, 30, 50), (25, 10, 100)]
)
def test_frames_of_ten_seconds(fps, rate, passed):
    limit = RateLimit(rate)
    times = [round(i * SECOND_NS / fps) + 7 for i in range(fps * 10)]
    assert abs(sum(map(limit.allows, times)) - passed) <= 1


def test_jitter_costs_no_frames():
    noise = random.Random(1)
    limit = RateLimit(10)
    times = [round((i + noise.uniform(-0.04, 0.04)) * SECOND_NS / 10) for i in range(1, 200)]
    assert all(map(limit.allows, times))


def test_a_silence_saves_nothing_up():
    limit = RateLimit(10)
    assert limit.allows(0)
    after = [3600 * SECOND_NS + i * SECOND_NS // 100 for i in range(100)]
    assert sum(map(limit.allows, after)) <= 11
