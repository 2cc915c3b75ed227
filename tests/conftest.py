"""Marks the tests that need shared material, and says at the end how many of them could not run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from edgerun import cache
from shared_material import FOLDER

# Tests, and the processes they start, never touch the user's own cache; their plans are made afresh.
os.environ["EDGERUN_CACHE"] = "off"
os.environ["EDGERUN_CACHE_DIR"] = os.path.join(tempfile.gettempdir(), "edgerun-tests-have-no-cache")


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, that keeps every model, however fast it is set up."""
    place = tmp_path / "cache"
    monkeypatch.setenv("EDGERUN_CACHE", "on")
    monkeypatch.setenv("EDGERUN_CACHE_DIR", str(place))
    monkeypatch.setattr(cache, "WORTH_SECONDS", 0.0)
    return place


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Before `-m` selects: whoever asks for the folder needs it.
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    missed = [r for r in skipped if "shared" in getattr(r, "keywords", ())]  # modules have none
    if missed and not FOLDER.is_dir():
        terminalreporter.write_line(
            f"{len(missed)} MODEL TESTS DID NOT RUN: there is no {FOLDER}, "
            "and EDGERUN_SHARED names no other folder of models.",
            red=True,
            bold=True,
        )
