"""Tiny models that ask what LiteRT runs: every operator, in many kinds of numbers and with many options."""

from __future__ import annotations

from probes import elementwise, moves, others, sums
from probes.base import Probe

_FAMILIES = (elementwise, moves, sums, others)
PROBES: list[Probe] = [probe for family in _FAMILIES for probe in family.every()]
