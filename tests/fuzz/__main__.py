"""Mutates files until it is told to stop: `PYTHONPATH=tests python -m fuzz --format onnx --seconds 3600`.

A format is one of models, which are loaded and run, or the name of a reader in readers.py.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fuzz.attempt import attempt, limits
from fuzz.readers import BESIDE, READERS
from fuzz.seeds import Seeds, seeds
from fuzz.values import changed_file

FORMATS = ("tflite", "onnx", "edgerun", *BESIDE)
Mutation = Callable[[bytes, random.Random], bytes]
_HANGS = 10  # seconds that one file may take
_GROWS = 1 << 30  # bytes that one file may take


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--format", choices=FORMATS, default="tflite")
    parser.add_argument("--list", action="store_true", help="print the formats, and stop")
    parser.add_argument("--list-readers", action="store_true", help="print those of fuzz.guided, and stop")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first model; each has the next one")
    parser.add_argument("--count", type=int, default=1 << 62, help="of models, at most")
    parser.add_argument("--only", default="", help="models whose name has this text")
    parser.add_argument("--shared", type=Path, help="a folder whose small models are mutated too")
    parser.add_argument("--verify", action="store_true", help="compare each run with the reference, too")
    parser.add_argument("--keep", type=Path, help="a folder for the files that failed, and the one at work")
    parser.add_argument("--memory", type=int, help="MB of address space (not with the address sanitizer)")
    return parser.parse_args()


def main() -> int:
    """The number of failures, at most 1."""
    options = _arguments()
    if options.list or options.list_readers:
        print(*(FORMATS if options.list else READERS))
        return 0
    if options.memory:
        resource.setrlimit(resource.RLIMIT_AS, (options.memory << 20,) * 2)
    with tempfile.TemporaryDirectory() as scratch, limits():
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "weights.bin").write_bytes(bytes(range(256)))  # for external data
        seen, found = _fuzz(options, folder)
    print(dict(seen), *(f"\n{count} x {key}" for key, count in found.most_common()))
    return min(1, len(found))


def _fuzz(options: argparse.Namespace, folder: Path) -> tuple[Counter[str], Counter[str]]:
    """How many models came how far, and what came out that is no error of ours."""
    models, mutated, read, suffix = _of_format(options)
    now = folder / f"now{suffix}"
    seen: Counter[str] = Counter()
    found: Counter[str] = Counter()
    end = time.monotonic() + options.seconds
    for seed in range(options.seed, options.seed + options.count):
        if time.monotonic() > end:
            break
        rng = random.Random(seed)
        name, build = rng.choice(models)
        data = build()
        if data is None:
            continue
        data = mutated(data, rng)
        now.write_bytes(data)
        faulthandler.dump_traceback_later(_HANGS, exit=True)
        try:
            before = _peak_memory()
            seen[read(now, seed)] += 1
            if _peak_memory() > before + _GROWS:
                raise MemoryError(f"{len(data)} bytes took {(_peak_memory() - before) >> 20} MB.")
        except (Exception, RecursionError) as error:
            key = _key(error)
            found[key] += 1
            if found[key] == 1:
                print(f"\n== seed {seed}, {name}: {key}", file=sys.stderr)
                traceback.print_exc()
                now.replace(folder / f"{seed}{suffix}")
        faulthandler.cancel_dump_traceback_later()
    return seen, found


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _of_format(options: argparse.Namespace) -> tuple[Seeds, Mutation, Callable[[Path, int], str], str]:
    """The sound files, what changes them, what is done with a changed one, and its suffix."""
    if reader := READERS.get(options.format):
        files: Seeds = [(f"sound file {i}", partial(bytes, data)) for i, data in enumerate(reader.sound())]
        return files, changed_file, lambda path, _: reader.attempt(path), reader.suffix
    mutated = importlib.import_module(f"fuzz.mutate_{options.format}").mutated
    models = [m for m in seeds(options.format, options.shared) if options.only in m[0]]
    return models, mutated, lambda path, seed: attempt(path, seed, options.verify), f".{options.format}"


def _key(error: BaseException) -> str:
    """The same for the same finding."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    if where.name == "attempt":  # the operator tells more
        return " ".join(str(error).split("'")[::2])[:100]
    return f"{type(error).__name__} {where.filename}:{where.lineno}"


if __name__ == "__main__":
    sys.exit(main())
