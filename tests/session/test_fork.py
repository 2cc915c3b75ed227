"""Forked and spawned processes go on with the sessions of their parent, or with their own.

Each test is a script in a process of its own: one that hangs is killed, and fails only that test.
"""

from __future__ import annotations

import multiprocessing
import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

# A session of two threads, inputs and their answers.
START = """
import os, signal, sys, threading, time, warnings
import numpy as np
import edgerun
from edgerun.plan import program
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is what is tested
program._LANE_US = 1e-9  # so that this small model uses the pool
path = sys.argv[1]
rng = np.random.default_rng(0)
given = [rng.integers(-128, 128, (1, 24, 24, 3), np.int8) for _ in range(4)]
alone = edgerun.Session(path, threads=1)
answers = [alone.run(x)["scores"].tobytes() for x in given]

def right(session):
    assert session.threads == 1 or max(b.lanes for b in session._program.steps) == 2
    return all(session.run(x)["scores"].tobytes() == a for x, a in zip(given, answers))

def wait(child, seconds=60):
    "The exit status of a child, or -1 for one that was killed because it hangs."
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1
"""

FORKS_WHILE_OTHERS_RUN = (
    START
    + """
session = edgerun.Session(path, threads=2)
twin = session.twin()
stop = threading.Event()
counts, wrong = [0, 0, 0], []

def work(i, runner):
    while not stop.is_set():
        if not right(runner):
            wrong.append(i)
        counts[i] += 1

threads = [
    threading.Thread(target=work, args=(i, s), daemon=True) for i, s in enumerate((session, session, twin))
]
for t in threads:
    t.start()
while min(counts) < 3:
    time.sleep(0.001)
for n in range(20):
    child = os.fork()
    if child == 0:
        code = 2
        try:
            own = edgerun.Session(path, threads=2) if n % 2 else session.twin()
            if all(right(s) for s in (session, twin, own)):
                grandchild = os.fork() if n % 5 == 0 else -1
                if grandchild == 0:
                    os._exit(0 if right(session) and right(twin) else 4)
                code = 0 if grandchild < 0 or wait(grandchild, 30) == 0 else 3
        finally:
            os._exit(code)
    status = wait(child)
    assert status == 0, (n, status)
before = list(counts)
while min(now - then for now, then in zip(counts, before)) < 3:  # the parent's threads go on
    time.sleep(0.001)
stop.set()
for t in threads:
    t.join(60)
assert not any(t.is_alive() for t in threads) and not wrong
print("done")
"""
)

POOL = (
    START
    + """
import multiprocessing
session = edgerun.Session(path, threads=2)

def inherited(i):
    return session.run(given[i % 4])["scores"].tobytes() == answers[i % 4]

assert right(session)
stop = threading.Event()
def work():
    while not stop.is_set():
        session.run(given[0])
busy = threading.Thread(target=work, daemon=True)
busy.start()
with multiprocessing.get_context("fork").Pool(3) as pool:
    assert all(pool.map_async(inherited, range(60)).get(60))
stop.set()
busy.join(60)
print("done")
"""
)

SPAWN = """
import multiprocessing, sys
import numpy as np
import edgerun

session = None

def start(path):
    global session
    session = edgerun.Session(path, threads=2)

def ask(x):
    return session.run(x)["scores"].tobytes()

if __name__ == "__main__":
    path = sys.argv[1]
    start(path)
    rng = np.random.default_rng(0)
    given = [rng.integers(-128, 128, (1, 24, 24, 3), np.int8) for _ in range(8)]
    answers = [ask(x) for x in given]
    with multiprocessing.get_context(sys.argv[2]).Pool(2, start, (path,)) as pool:
        assert pool.map_async(ask, given).get(100) == answers
    print("done")
"""


@pytest.fixture
def model(tmp_path, classifier) -> str:
    path = tmp_path / "classifier.tflite"
    path.write_bytes(classifier)
    return str(path)


def test_forks_while_other_threads_run(run_script, model):
    assert run_script(FORKS_WHILE_OTHERS_RUN, model) == "done\n"


def test_a_forked_pool_inherits_a_session_in_use(run_script, model):
    assert run_script(POOL, model) == "done\n"


@pytest.mark.parametrize(
    "method", sorted({"spawn", "forkserver"} & {*multiprocessing.get_all_start_methods()})
)
def test_pools_of_new_processes(run_script, model, tmp_path, method):
    script = tmp_path / "main.py"
    script.write_text(SPAWN)
    assert run_script(script, model, method) == "done\n"  # by path: a spawned process imports it again
