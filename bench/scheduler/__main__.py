"""The table: every scenario, every policy.

    python -m bench.scheduler [--per-core] [--seed N] [SCENARIO...]

Per policy: p99 of the frame age in ms (geometric mean over the cameras of each one's), and the share of all
frames that have a result in time. Then edgerun against the best of the others in each of the two, and the
microseconds of its decisions per frame. Frames without a result in time are misses, dropped ones too.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

from bench.scheduler.baselines import BASELINES
from bench.scheduler.ours import Ours
from bench.scheduler.scenarios import all_scenarios
from bench.scheduler.simulate import Outcome, play


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--per-core", action="store_true", help="the others have an instance per core")
    parser.add_argument("--seed", type=int, default=0, help="added to the scenarios' own")
    arguments = parser.parse_args()
    heads = "".join(f"{head:>17}" for head in [*BASELINES, "edgerun"])
    print(f"{'scenario':<21}{heads}{'p99':>7}{'on time':>9}{'us':>5}")
    missed: list[float] = []
    for scenario in all_scenarios():
        if arguments.scenarios and scenario.name not in arguments.scenarios:
            continue
        scenario = replace(scenario, seed=scenario.seed + arguments.seed)
        others = [play(scenario, kind(scenario, arguments.per_core)) for kind in BASELINES.values()]
        ours = play(scenario, Ours(scenario))
        ages = ours.p99 / min(o.p99 for o in others)
        shares = ours.on_time_share / max(o.on_time_share for o in others)
        marks = [" " if good else "!" for good in (ages <= 1.02, shares >= 0.98)]
        cells = "".join(_cell(o) for o in [*others, ours])
        print(f"{scenario.name:<21}{cells}{ages:>6.2f}{marks[0]}{shares:>8.3f}{marks[1]}{ours.own_us:>5.0f}")
        if scenario.overloaded:
            missed.append((ours.missed + 1) / (min(o.missed for o in others) + 1))
    if missed:
        mean = math.exp(sum(map(math.log, missed)) / len(missed))
        print(f"misses over {len(missed)} overloaded scenarios, to the best other's: {mean:.2f}")


def _cell(o: Outcome) -> str:
    return f"{o.p99 * 1e3:>10.1f}{o.on_time_share * 100:>7.1f}"


if __name__ == "__main__":
    main()
