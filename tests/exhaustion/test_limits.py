"""Threads, file descriptors and sessions in number: fewer lanes, our errors, and nothing left behind."""

from __future__ import annotations

import os

import pytest

from exhaustion.conftest import without_sanitizers

COUNTS = """
def counts():
    "File descriptors and threads of this process."
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
"""

NO_THREADS = """
wanted = answer(edgerun.Session(path, threads=1))
before = len(os.listdir("/proc/self/task"))
stack = 1 << 40  # no thread gets a stack of this size: the system refuses each
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.RLIM_INFINITY))
import ctypes
class Attributes(ctypes.Structure):
    _fields_ = [("room", ctypes.c_byte * 64)]
libc, attributes = ctypes.CDLL(None, use_errno=True), Attributes()
assert libc.pthread_attr_init(ctypes.byref(attributes)) == 0
assert libc.pthread_attr_setstacksize(ctypes.byref(attributes), ctypes.c_size_t(stack)) == 0
assert libc.pthread_setattr_default_np(ctypes.byref(attributes)) == 0
session = edgerun.Session(path, threads=4)
assert max(bound.lanes for bound in session._program.steps) == 4
assert answer(session) == wanted and answer(session.twin()) == wanted
assert len(os.listdir("/proc/self/task")) == before, before
# With threads again, they are started.
assert libc.pthread_attr_setstacksize(ctypes.byref(attributes), ctypes.c_size_t(1 << 20)) == 0
assert libc.pthread_setattr_default_np(ctypes.byref(attributes)) == 0
assert answer(session) == wanted
print(len(os.listdir("/proc/self/task")) - before)
"""


@without_sanitizers
def test_without_threads_one_lane_runs(child, model_file) -> None:
    assert int(child(NO_THREADS, model_file)) > 0


THREAD_LIMIT = """
wanted = answer(edgerun.Session(path, threads=1))
before = len(os.listdir("/proc/self/task"))
os.setuid(54321)  # a user without any other process; the limit does not hold for root
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
session = edgerun.Session(data, threads=8)
assert answer(session) == wanted and answer(session.twin()) == wanted
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_a_limit_of_one_thread(child, model_file) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a user without processes")
    assert child("data = open(path, 'rb').read()\n" + THREAD_LIMIT, model_file) == "0\n"


MANY = (
    COUNTS
    + """
data = open(path, "rb").read()
first = edgerun.Session(data, threads=2)
wanted = answer(first)
begin = counts()

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def many(make):
    before = resident()
    sessions = [make() for _ in range(1000)]
    assert {answer(session) for session in sessions} == {wanted}
    grown = resident() - before
    assert counts() == begin, (counts(), begin)
    arena = first._program.arena.nbytes + sum(p.scratch_bytes for p in first._program.segments) * 2
    # Of each: its arena and scratch, and what Python has of a session; not another copy of packed weights.
    assert grown < 1000 * (arena + (256 << 10)), (grown, arena)
    return grown

many(first.twin)
many(lambda: edgerun.Session(data, threads=2))
edgerun.Session(data, threads=2)
assert counts() == begin
"""
)


def test_a_thousand_sessions(child, model_file) -> None:
    child(MANY, model_file)


FILES = (
    COUNTS
    + """
wanted = answer(edgerun.Session(path, threads=2))
data = open(path, "rb").read()
begin = counts()
if sys.argv[2] != "off":
    cache_in(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
error = attempt(lambda: edgerun.Session(path, threads=2))
assert isinstance(error, EdgerunError) and "Too many open files" in str(error), error
got = attempt(lambda: answer(edgerun.Session(data, threads=2)))  # needs no file
assert got == wanted, got
for _ in range(4):
    os.close(held.pop())
assert answer(edgerun.Session(path, threads=2)) == wanted
for handle in held:
    os.close(handle)
assert counts() == begin, (counts(), begin)
"""
)


def test_no_file_descriptor_is_left(child, model_file, tmp_path) -> None:
    child(FILES, model_file, "off")
    child(FILES, model_file, tmp_path / "cache")


FIRST_WITHOUT_FILES = """
edgerun.Session
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1,) * 2)
error = attempt(lambda: edgerun.Session(path))
assert isinstance(error, EdgerunError), error
data = bytes.fromhex(sys.argv[2])
error = attempt(lambda: edgerun.Session(data))
assert isinstance(error, EdgerunError), error
"""


def test_modules_that_cannot_be_read_are_an_error_of_ours(child, model_file) -> None:
    """The first session of a process imports its frontend."""
    child(FIRST_WITHOUT_FILES, model_file, model_file.read_bytes().hex())
