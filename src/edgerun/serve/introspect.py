"""What a model is and where its time goes, for the API."""

from __future__ import annotations

import asyncio
from typing import Any

from edgerun.errors import InputError
from edgerun.ir.types import TensorInfo
from edgerun.session import Session, fixed_inputs
from edgerun.vision.model import Model

_PROFILE_RUNS = 5


class Introspection:
    """Summaries and profiles of models that serve; for the tasks of one event loop.

    The work is done by twins in a thread, one after the other: a stream loses at most the processor
    time of a few runs.
    """

    def __init__(self) -> None:
        self._summaries: dict[str, dict[str, Any]] = {}
        self._turn = asyncio.Lock()

    async def summary(self, camera: str, model: Model) -> dict[str, Any]:
        """Name, task, input, outputs, and the figures of `Session.summary`, where the engine that
        runs the model has them.
        """
        async with self._turn:
            if camera not in self._summaries:
                self._summaries[camera] = await asyncio.to_thread(_summary, model)
            return self._summaries[camera]

    async def profile(self, model: Model) -> dict[str, Any]:
        """The steps of `Session.profile` and their sums. Raises InputError for other engines."""
        session = model.session
        if not isinstance(session, Session):
            raise InputError(
                f"The model {model.name} runs on {type(session).__name__}, which has no profile."
            )
        async with self._turn:
            return {"model": model.name, **await asyncio.to_thread(_profile, session)}


def _summary(model: Model) -> dict[str, Any]:
    session = model.session
    figures: dict[str, Any] = {}
    if isinstance(session, Session):
        figures = {"threads": session.threads, **session.twin().summary().to_dict()}
    return {
        **figures,
        "name": model.name,
        "task": model.card.task,
        "inputs": [_tensor(info) for info in session.inputs],
        "outputs": [_tensor(info) for info in session.outputs],
        "notes": list(model.card.notes),
    }


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {"name": info.name, "shape": list(info.shape), "dtype": str(info.dtype)}


def _profile(session: Session) -> dict[str, Any]:
    twin = session.twin()
    steps = twin.profile(fixed_inputs(twin.inputs), runs=_PROFILE_RUNS)
    time_us = sum(step.time_us for step in steps)
    macs = sum(step.macs for step in steps)
    return {
        "runs": _PROFILE_RUNS,
        "time_us": time_us,
        "macs": macs,
        "gmacs": macs / 1e3 / time_us if time_us else 0.0,
        "steps": [step.to_dict() for step in steps],
    }
