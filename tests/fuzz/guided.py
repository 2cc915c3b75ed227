"""Coverage-guided fuzzing of one reader by atheris (libFuzzer for Python; `pip install edgerun[fuzz]`).

`PYTHONPATH=tests python -m fuzz.guided card --seconds 3600 --corpus FOLDER`: ends with a code other than 0 at
the first finding, whose file is beside the corpus; `--again FILE` reads that one once more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

_LIMITS = (
    "-timeout=10",
    "-rss_limit_mb=2048",
    "-malloc_limit_mb=512",
    "-max_len=16384",
    "-print_final_stats=1",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="fuzz.guided", description=__doc__)
    parser.add_argument("reader")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "--corpus", type=Path, help="a folder of files to begin with; those that help are added"
    )
    parser.add_argument("--again", type=Path, help="a file that is read once, without anything else")
    options = parser.parse_args()
    with atheris.instrument_imports(include=["edgerun", "tomllib", "zipfile"]):
        from fuzz.readers import READERS
    reader = READERS[options.reader]
    if options.again:
        print(reader.attempt(options.again))
        return
    with tempfile.TemporaryDirectory() as scratch:
        corpus = options.corpus or Path(scratch, "corpus")
        corpus.mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(reader.sound()):
            (corpus / f"sound-{i}").write_bytes(data)
        path = Path(scratch, f"now{reader.suffix}")
        arguments = [sys.argv[0], *_LIMITS, f"-max_total_time={options.seconds}"]
        arguments += [f"-artifact_prefix={corpus.parent}/{options.reader}-", str(corpus)]

        def one(data: bytes) -> Any:
            path.write_bytes(data)
            reader.attempt(path)

        atheris.Setup(arguments, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
