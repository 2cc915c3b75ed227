"""Mutates models until it is told to stop: `PYTHONPATH=tests python -m fuzz --seconds 3600`."""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from fuzz.attempt import attempt, limits
from fuzz.mutate import mutated
from fuzz.seeds import case_models, shared_models

_HANGS = 60  # seconds that one model may take


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
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
    if options.memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (options.memory << 20,) * 2)
    models = case_models() + (list(shared_models(options.shared)) if options.shared else [])
    models = [(name, data) for name, data in models if options.only in name]
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    seen: Counter[str] = Counter()
    found: Counter[str] = Counter()
    end = time.monotonic() + options.seconds
    with limits():
        for seed in range(options.seed, options.seed + options.count):
            if time.monotonic() > end:
                break
            rng = random.Random(seed)
            name, data = rng.choice(models)
            data = mutated(data, rng)
            if options.keep:
                (options.keep / "now.tflite").write_bytes(data)
            faulthandler.dump_traceback_later(_HANGS, exit=True)
            try:
                seen[attempt(data, seed, options.verify)] += 1
            except (Exception, RecursionError) as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                key = f"{type(error).__name__} {where.filename}:{where.lineno}"
                if where.name == "attempt":  # the operator tells more
                    key = " ".join(str(error).split("'")[::2])[:100]
                found[key] += 1
                if found[key] == 1:
                    print(f"\n== seed {seed}, {name}: {key}", file=sys.stderr)
                    traceback.print_exc()
                    if options.keep:
                        (options.keep / f"{seed}.tflite").write_bytes(data)
    faulthandler.cancel_dump_traceback_later()
    print(dict(seen), *(f"\n{count} x {key}" for key, count in found.most_common()))
    return min(1, len(found))


if __name__ == "__main__":
    sys.exit(main())
