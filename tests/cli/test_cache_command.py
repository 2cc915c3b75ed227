"""edgerun cache clear, and what doctor says of the cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgerun.cli import cli
from edgerun.cli.doctor import examine


def test_clear_removes_what_doctor_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERUN_CACHE", "on")
    monkeypatch.setenv("EDGERUN_CACHE_DIR", str(tmp_path))
    (tmp_path / "a.plan").write_bytes(b"12345")
    (tmp_path / "other.txt").write_bytes(b"not ours")
    report = examine()["cache"]
    assert (report["folder"], report["models"], report["bytes"]) == (str(tmp_path), 1, 5)
    result = CliRunner().invoke(cli, ["cache", "clear", "--json"])
    assert (result.exit_code, json.loads(result.output)) == (0, {"bytes": 5})
    assert [place.name for place in tmp_path.iterdir()] == ["other.txt"]
