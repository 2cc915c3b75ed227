"""What LiteRT and edgerun make of every probe, a line of JSON each: operator, kind, variant and the verdict.

A process of its own, because LiteRT dies of some models.
"""

from __future__ import annotations

import json
import os
import sys

from probes import PROBES
from probes.judge import judge_all

os.environ["EDGERUN_CACHE"] = "off"  # what the importers make of the file now is judged

os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where LiteRT says why it refuses
for probe, verdict in judge_all(PROBES):
    print(json.dumps([probe.operator, probe.kind, probe.variant, *verdict]))
sys.stdout.flush()
