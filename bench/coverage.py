"""Which operators LiteRT runs in which kinds of numbers, and which of them edgerun runs, as a Markdown table.

    python bench/coverage.py [--gaps] [OPERATOR ...]

The tiny models are those of tests/probes. A kind counts as run when edgerun's results are LiteRT's for every
probe that LiteRT runs: equal for integers, within one quantum in 8 bits, within the tolerance for floats.
With --gaps every probe that is missing follows, with the reason that tests/probes/known.py has for it.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from edgerun.formats.tflite_schema import OPERATORS
from edgerun.frontends.tflite_import import CONTROL
from edgerun.frontends.tflite_ops import IMPORTERS
from probes import PROBES
from probes.base import Probe
from probes.judge import Verdict, judge_all
from probes.known import OTHERWISE, REFUSED, reason

Judged = list[tuple[Probe, Verdict]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--gaps", action="store_true", help="every probe that is missing")
    parser.add_argument("operators", nargs="*", metavar="OPERATOR")
    options = parser.parse_args()
    wanted = options.operators or OPERATORS
    by_operator: dict[str, Judged] = defaultdict(list)
    for probe, verdict in judge_all(probe for probe in PROBES if probe.operator in wanted):
        by_operator[probe.operator].append((probe, verdict))
    print("| operator | kinds that LiteRT runs | of these edgerun runs | missing |")
    print("|---|---|---|---|")
    for operator in sorted(wanted):
        print(row(operator, by_operator[operator]))
    total = [v for judged in by_operator.values() for _, v in judged if v.litert == "runs"]
    agree = sum(v.edgerun == "agrees" for v in total)
    print(f"\n{len(PROBES)} probes, of which LiteRT runs {len(total)}; edgerun agrees in {agree}.")
    if options.gaps:
        print_gaps(by_operator)


def row(operator: str, judged: Judged) -> str:
    if not judged:
        here = operator in IMPORTERS or operator in CONTROL
        return f"| {operator} | no probe | {'yes' if here else 'no'} | |"
    runs: dict[str, list[tuple[Probe, Verdict]]] = defaultdict(list)
    for probe, verdict in judged:
        if verdict.litert == "runs":
            runs[probe.kind].append((probe, verdict))
    missing = {k: sum(v.edgerun != "agrees" for _, v in found) for k, found in runs.items()}
    whole = [kind for kind, count in missing.items() if count == 0]
    parts = [f"{kind}: {count} of {len(runs[kind])}" for kind, count in missing.items() if count]
    same = ", ".join(whole) if parts else "all"
    return f"| {operator} | {', '.join(runs) or 'none'} | {same if runs else ''} | {'; '.join(parts)} |"


def print_gaps(by_operator: dict[str, Judged]) -> None:
    for operator in sorted(by_operator):
        for probe, verdict in by_operator[operator]:
            if verdict.litert == "runs" and verdict.edgerun != "agrees":
                known = reason(probe, REFUSED if verdict.edgerun == "refuses" else OTHERWISE)
                print(f"{probe.id}: {verdict.edgerun}: {verdict.reason} ({known or 'NOT KNOWN'})")


if __name__ == "__main__":
    main()
