"""Many threads on one session and on twins: every result is that of a run alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np
import pytest

import edgerun
from edgerun import knobs
from edgerun.ir.types import Array
from edgerun.session import default_threads

THREADS, RUNS = 8, 50
pytestmark = pytest.mark.usefixtures("many_lanes")


def at_once(work: Callable[[int], None], count: int = THREADS) -> None:
    """work(0) ... work(count - 1) in as many threads; the first error is raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def guarded(i: int) -> None:
        try:
            start.wait()
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a run does not end"
    if errors:
        raise errors[0]


@pytest.fixture
def questions(classifier, images) -> tuple[list[Array], list[Array]]:
    """Inputs, one per thread, and the right answers."""
    session = edgerun.Session(classifier, threads=1)
    given = images(THREADS)
    answers = [session.run(x)["scores"] for x in given]
    assert len({a.tobytes() for a in answers}) == THREADS
    return given, answers


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_one_session_in_many_threads(classifier, questions, lanes):
    session = edgerun.Session(classifier, threads=lanes)
    given, answers = questions

    def work(i: int) -> None:
        out = np.zeros((1, 10), np.int8)
        for n in range(RUNS):
            if n % 2:
                session.run_into(given[i], out)
            else:
                out = session.run({"image": given[i]})["scores"]
            np.testing.assert_array_equal(out, answers[i])

    at_once(work)


@pytest.mark.parametrize("lanes", [1, 2])
def test_twins_in_many_threads(classifier, questions, lanes):
    session = edgerun.Session(classifier, threads=lanes)
    given, answers = questions
    twins = [session.twin() for _ in range(THREADS)]

    def work(i: int) -> None:
        for _ in range(RUNS):
            np.testing.assert_array_equal(twins[i].run(given[i])["scores"], answers[i])

    at_once(work)


def test_sessions_made_in_many_threads(classifier, questions):
    given, answers = questions

    def work(i: int) -> None:
        for _ in range(5):
            session = edgerun.Session(classifier, threads=2)
            np.testing.assert_array_equal(session.run(given[i])["scores"], answers[i])

    at_once(work)


def test_twins_share_the_weights_and_nothing_else(classifier, images):
    session = edgerun.Session(classifier, threads=2)
    twin = session.twin()
    assert (twin.threads, twin.operators, twin.inputs) == (2, session.operators, session.inputs)
    assert twin._program is session._program
    a, b = images(2)
    session.input("image")[...] = a
    twin.input("image")[...] = b
    want_a, want_b = session.run(a)["scores"], session.run(b)["scores"]
    np.testing.assert_array_equal(session.run()["scores"], want_a)
    np.testing.assert_array_equal(twin.run()["scores"], want_b)
    del session
    np.testing.assert_array_equal(twin.twin().run(a)["scores"], want_a)


def packs(session: edgerun.Session) -> list[object]:
    attributes = (bound.step.attributes for bound in session._program.steps)
    return [a["weights"] for a in attributes if "weights" in a]


def test_sessions_of_one_model_share_the_packed_weights(classifier, make_classifier):
    first, second = edgerun.Session(classifier, threads=1), edgerun.Session(classifier, threads=2)
    other = edgerun.Session(classifier, shapes={"image": (2, 24, 24, 3)})
    assert len(packs(first)) == 4
    for session in (second, other):
        assert all(a is b for a, b in zip(packs(first), packs(session), strict=True))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_threads_follow_the_affinity_and_the_knob(classifier, monkeypatch):
    monkeypatch.delenv("EDGERUN_THREADS", raising=False)
    allowed = os.sched_getaffinity(0)
    assert 1 <= default_threads() <= len(allowed)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert default_threads() == 1
        assert edgerun.Session(classifier).threads == 1
    finally:
        os.sched_setaffinity(0, allowed)
    monkeypatch.setenv("EDGERUN_THREADS", "3")
    assert knobs.threads() == 3
    assert edgerun.Session(classifier).threads == 3
    assert edgerun.Session(classifier, threads=2).threads == 2
