"""A crash of LiteRT is a sentence, not the end of the process."""

from __future__ import annotations

import subprocess

import pytest

from cases.base import Net
from edgerun.backends.trial import message, refuse_crash
from edgerun.errors import ModelError
from shared_material import needs_shared, shared

KILLER = "models/keyword/keyword_scrambled_8bit.tflite"


@pytest.mark.parametrize("place", [pytest.param(KILLER, marks=needs_shared)])
def test_a_model_that_kills_litert_is_refused(place: str) -> None:
    path = shared(place)
    with pytest.raises(ModelError, match=r"LiteRT crashes on .*keyword_scrambled_8bit\.tflite \(SIG[A-Z]+\)"):
        refuse_crash(path)
    with pytest.raises(ModelError, match="LiteRT crashes on the model"):
        refuse_crash(path.read_bytes(), "BUILTIN_REF")


def test_what_litert_runs_or_refuses_passes() -> None:
    net = Net()
    x, y = net.q("x", (1, 4)), net.q("y", (1, 4))
    net.operator("RELU", [x], [y])
    refuse_crash(net.finish([x], [y]))
    refuse_crash(b"no model at all")


def test_a_signal_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = subprocess.CompletedProcess([], -11)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: killed)
    with pytest.raises(ModelError, match="SIGSEGV"):
        refuse_crash(b"")


def test_messages_are_of_one_line_and_do_not_go_on_for_ever() -> None:
    assert message(ValueError("one\n  two")) == "one two"
    long = message(ValueError("again. " * 200))
    assert len(long) < 310
    assert long.endswith("...")
