"""Probes of recurrent operators, and of those that no family has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from cases import recurrent
from cases.base import Q
from probes.base import EVERY, Kind, Probe, T, ints, out


def _built(operator: str, kind: str, variant: str, build: Any, x: T) -> Probe:
    return Probe(operator, kind, variant, (x,), (), build=lambda _: build())


def every() -> Iterator[Probe]:
    yield from ()
