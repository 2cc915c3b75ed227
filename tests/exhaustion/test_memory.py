"""Memory that ends while a model is loaded, packed, bound or run: MemoryError or one of our errors, and the
next attempt with memory gives the right answer."""

from __future__ import annotations

import pytest

from exhaustion.conftest import without_sanitizers

pytestmark = without_sanitizers

# Each limit is tried in a forked child, which has imported everything: so many are cheap. A child that was
# ended by a signal, or that raised anything else, is named by its limit.
LIMITS = """
import edgerun.artifact
alone = edgerun.Session(path, threads=1)
wanted = answer(edgerun.Session(edgerun.artifact.compile_model(path)))  # imports what compiling needs
assert answer(alone) == wanted
edgerun.Session(path, threads=1).summary()
data = open(path, "rb").read()

many = np.repeat(given, 64, axis=0)
shapes = {"image": many.shape}

# Python's small objects have 12 MB of their own, of which these few keep hold: CPython 3.11 hangs where it
# has no memory for the number of an instruction while it looks for the handler of an exception.
small = [bytes(200) for _ in range(60000)]
small = small[::4000]

def used():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

def fill():
    "What uses up all the memory that the limit leaves, and the holes of the heap, but the smallest."
    held = []
    for size in (1 << 16, 1 << 12, 1 << 10):
        try:
            while True:
                held.append(bytes(size))
        except MemoryError:
            pass
    del held[-64:]
    return held

def limited(work, room):
    "How a forked child ends that may allocate `room` bytes more."
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 9
    limit = resource.RLIMIT_AS
    no_limit = resource.getrlimit(limit)
    try:
        nothing, some = (used(), no_limit[1]), (used() + room, no_limit[1])
        resource.setrlimit(limit, nothing)
        ballast = fill()
        resource.setrlimit(limit, some)
        try:
            got = attempt(work)
        finally:
            resource.setrlimit(limit, no_limit)
        if isinstance(got, bytes):
            status = 0 if got == wanted else 8
        else:
            again = answer(edgerun.Session(data, threads=2))  # nothing was left broken
            status = 1 if again == wanted and answer(alone) == wanted else 8
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        os._exit(status)

def lone(work):
    ends = {}
    for kib in [*range(0, 1024, 64), *range(1024, 16 << 10, 768)]:
        ends[kib] = limited(work, kib << 10)
    wrong = {kib: end for kib, end in ends.items() if end not in (0, 1)}
    assert not wrong, wrong
    print(sorted(ends.values())[0], sorted(ends.values())[-1])
"""

WORKS = {
    "load": "lambda: [answer(s) for s in [edgerun.Session(data, threads=1) for _ in range(16)]][0]",
    "load_and_run": (
        "lambda: edgerun.Session(data, threads=4, shapes=shapes).run(many)['scores'][:1].tobytes()"
    ),
    "another_batch": "lambda: alone.run(many)['scores'][:1].tobytes()",
    "twins": "lambda: [answer(t) for t in [alone.twin() for _ in range(64)]][0]",
    "compile": "lambda: answer(edgerun.Session(edgerun.artifact.compile_model(data)))",
}


@pytest.mark.parametrize("work", WORKS)
def test_memory_ends(work: str, child, model_file) -> None:
    ends = child(f"{LIMITS}lone({WORKS[work]})", model_file).split()
    assert ends == ["0", "1"]  # some had enough, some had not


def test_memory_ends_at_a_start_from_the_cache(child, model_file, tmp_path) -> None:
    """A start from an image or a plan, and those that write them."""
    folder = tmp_path / "cache"
    cached = f"cache_in({str(folder)!r})\nfrom edgerun import cache\nimport tempfile\n"
    kept = cached + LIMITS + "lone(lambda: answer(edgerun.Session(data, threads=1)))\n"
    assert child(kept, model_file).split() == ["0", "1"]
    for file in folder.iterdir():
        file.unlink()
    cleared = (
        "def start():\n    cache.clear()\n    return answer(edgerun.Session(data, threads=1))\nlone(start)\n"
    )
    ends = child(cached + LIMITS + cleared, model_file).split()
    # A start that writes the files anew may find enough in the holes of a heap that the imports left.
    assert ends in (["0", "1"], ["0", "0"])
    assert not [file for file in folder.iterdir() if file.name.startswith(".")]
