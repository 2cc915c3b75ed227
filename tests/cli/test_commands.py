"""Each command, with the figures and pictures that it must give."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.cli.bench import interleave, summarise


def lines(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


def test_run_on_a_picture(run, net, pictures, names):
    result = run("run", net, pictures / "noon.png", "--labels", names)
    assert result.exit_code == 0
    head, first, second = result.stdout.splitlines()
    assert head.startswith("noon.png: ")
    assert head.endswith(" ms")
    assert first.split() == ["80.0%", "day"]
    assert second.split() == ["20.0%", "night"]
    assert "recognised from shapes and operators" in result.stderr


def test_run_prints_json_and_obeys_top(run, net, pictures):
    result = run("run", net, pictures / "dusk.png", "--json", "--top", 1)
    (line,) = lines(result.stdout)
    assert line["file"].endswith("dusk.png")
    assert line["task"] == "classification"
    assert line["predictions"] == [{"label": "class 0", "index": 0, "score": 0.8}]
    assert line["ms"] > 0


def test_run_on_a_folder(run, net, pictures, names, tmp_path):
    out = tmp_path / "drawn"
    result = run("run", net, pictures, "--labels", names, "--save", out)
    assert result.exit_code == 0
    rows = result.stdout.splitlines()
    assert rows[1].startswith("dusk.png")
    assert rows[1].endswith("night 0.80; day 0.20")
    assert rows[2].startswith("noon.png")
    assert rows[2].endswith("day 0.80; night 0.20")
    assert sorted(path.name for path in out.iterdir()) == ["dusk.png", "noon.png"]


def test_run_on_a_folder_passes_over_what_is_no_picture(run, net, pictures):
    (pictures / "broken.png").write_text("no picture")
    result = run("run", net, pictures)
    assert result.exit_code == 1
    assert [row.split()[0] for row in result.stdout.splitlines()[1:]] == ["dusk.png", "noon.png"]
    assert "broken.png' is no picture of a format that is read" in result.stderr
    assert result.stderr.endswith("edgerun: 1 of 3 pictures could not be read.\n")


def test_run_saves_a_video_only_in_formats_that_it_knows(run, net, clip, tmp_path):
    result = run("run", net, clip, "--save", tmp_path / "out.xyz")
    assert result.exit_code == 1
    assert "must be one of .avi, .mp4, .mkv, .mov." in result.stderr


def test_run_saves_a_drawn_picture(run, net, pictures, tmp_path):
    out = tmp_path / "out.png"
    assert run("run", net, pictures / "noon.png", "--save", out).exit_code == 0
    drawn = cv2.imread(str(out))
    assert drawn.shape == (300, 400, 3)
    assert (drawn[0] == 204).all()
    assert (drawn[-20:] == 0).any()


def test_run_on_a_video_sums_it_up(run, net, clip, names, tmp_path):
    out = tmp_path / "out.avi"
    result = run("run", net, clip, "--labels", names, "--save", out)
    assert result.exit_code == 0
    head, _, first, second = result.stdout.splitlines()
    assert head.startswith("clip.avi: 8 frames")
    assert first.split() == ["day", "5", "80%", "0.3", "s"]
    assert second.split() == ["night", "3", "80%", "0.0", "s"]
    video = cv2.VideoCapture(str(out))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 8
    video.release()


def test_run_on_a_video_gives_a_line_of_json_for_each_frame(run, net, clip):
    found = lines(run("run", net, clip, "--json").stdout)
    assert [line["frame"] for line in found] == list(range(8))
    assert found[5]["time_s"] == 0.5
    assert [line["predictions"][0]["index"] for line in found] == [0] * 3 + [1] * 5


def test_inspect_prints_figures_and_tensors(run, net):
    rows = dict(line.split(maxsplit=1) for line in run("inspect", net).stdout.splitlines())
    assert rows["macs"] == "1,000,000"
    assert rows["fingerprint"] == "0123abcd exact"
    assert rows["inputs"] == "image uint8[1x8x8x3]"
    assert rows["outputs"].startswith("scores uint8[1x2] scale@zero 0.0039215")
    (line,) = lines(run("inspect", net, "--json").stdout)
    assert line["macs"] == 1_000_000
    assert line["inputs"] == ["image uint8[1x8x8x3]"]
    assert line["signatures"] == ["serving_default", "encode"]


def test_inspect_prints_a_stage(run, net):
    assert run("inspect", net, "--stage", "plan").stdout == "the plan of the model\n"
    (line,) = lines(run("inspect", net, "--stage", "memory", "--json").stdout)
    assert line["stage"] == "memory"
    assert line["text"] == "the memory of the model"


def test_profile_shows_steps_and_shares(run, net):
    rows = run("profile", net, "--threads", 3).stdout.splitlines()
    assert rows[1].split() == ["0", "Mean", "mean/generic", "3.0", "75.0%", "0.2"]
    expected = ["1", "Softmax", "softmax/avx2", "1.0", "25.0%", "2.00", "2.0", "0.2"]
    assert rows[2].split() == expected
    assert rows[3] == "2 steps, 0.004 ms, 3 threads"
    (line,) = lines(run("profile", net, "--json").stdout)
    assert [step["kernel"] for step in line["steps"]] == ["mean/generic", "softmax/avx2"]


def test_fingerprint_is_one_line(run, net):
    assert run("fingerprint", net).stdout == "0123abcd exact\n"
    (line,) = lines(run("fingerprint", net, "--json").stdout)
    assert line == {"model": str(net), "fingerprint": "0123abcd", "where": "exact"}


def test_bench_compares_side_by_side(run, net):
    result = run("bench", net, "--against", "litert", "--seconds", 0.1, "--threads", 1, "--json")
    (line,) = lines(result.stdout)
    assert [engine["engine"] for engine in line["engines"]] == ["edgerun", "litert"]
    for engine in line["engines"]:
        assert 0 < engine["min_ms"] <= engine["median_ms"] <= engine["p95_ms"]
        assert engine["runs"] > 0
        assert engine["ratio"] > 0
    head, *table = run("bench", net, "--seconds", 0.1, "--threads", 3).stdout.splitlines()
    assert head == "net.tflite, threads: 3"
    assert [row.split()[0] for row in table] == ["engine", "edgerun"]


def test_bench_of_an_onnx_file_is_against_onnxruntime(run, tmp_path):
    net = tmp_path / "net.onnx"
    net.write_bytes(b"net")
    (line,) = lines(run("bench", net, "--against", "onnxruntime", "--seconds", 0.1, "--json").stdout)
    assert [engine["engine"] for engine in line["engines"]] == ["edgerun", "onnxruntime"]
    refused = run("bench", net, "--against", "litert")
    assert "litert does not run here: bench compares .onnx files with onnxruntime." in refused.output


def test_bench_figures_are_those_of_the_samples():
    times = {"edgerun": [i / 1000 for i in range(1, 101)], "litert": [0.102] * 7}
    own, peer = summarise(times)
    assert (own.runs, own.median_ms, own.p95_ms, own.min_ms, own.ratio) == (100, 51, 96, 1, 1)
    assert (peer.runs, peer.median_ms, peer.ratio) == (7, 102, 2)


def test_bench_takes_turns():
    order: list[str] = []
    runs = {name: (lambda name=name: order.append(name)) for name in "ab"}
    times = interleave(runs, 0.1)
    slices = [a for a, b in zip(order, [None, *order], strict=False) if a != b]
    assert set(slices) == {"a", "b"}
    assert len(slices) >= 3
    # The warm-up is not counted.
    assert len(times["a"]) == order.count("a") - 3


def test_cameras_are_listed(run, monkeypatch):
    from edgerun.serve import devices

    monkeypatch.setattr(devices, "list_cameras", list)
    assert "No camera" in run("cameras").stdout
    found = [devices.CameraDevice("/dev/video0", "Eye", False)]
    monkeypatch.setattr(devices, "list_cameras", lambda: found)
    assert run("cameras").stdout.splitlines()[1].split() == [
        "/dev/video0",
        "Eye",
        "no",
        "(group",
        "video)",
    ]
    assert lines(run("cameras", "--json").stdout) == [
        [{"device": "/dev/video0", "name": "Eye", "readable": False}]
    ]


def test_doctor_reports_and_advises(run, monkeypatch):
    from edgerun.plan import program
    from edgerun.serve import devices

    kernels = [
        {"kernel": "amx", "isa": "amx", "usable": False},
        {"kernel": "avx2", "isa": "avx2", "usable": True},
        {"kernel": "generic", "isa": "generic", "usable": True},
    ]
    facts = {"isas": ["generic", "avx2"], "isa": "avx2", "kernels": {"gemm_s8": kernels}}
    monkeypatch.setattr(program, "machine", lambda: facts)
    unreadable = [devices.CameraDevice("/dev/video0", "Eye", False)]
    monkeypatch.setattr(devices, "list_cameras", lambda: unreadable)
    (report,) = lines(run("doctor", "--json").stdout)
    expected = {"isas": ["generic", "avx2"], "isa": "avx2", "kernel gemm_s8": "avx2"}
    assert report["machine"].pop("cpu")
    assert report["machine"] == expected
    assert report["libraries"]["numpy"] == np.__version__
    assert any("/dev/video0 cannot be read" in sentence for sentence in report["advice"])
    text = run("doctor").stdout
    assert "generic, avx2" in text
    assert "advice" in text


@pytest.fixture
def shared() -> Path:
    """The folder of shared models and media; skips the test where it is absent."""
    beside = Path(__file__).resolve().parents[2] / ".." / "shared"
    folder = Path(os.environ.get("EDGERUN_SHARED") or beside).resolve()
    if not folder.is_dir():
        pytest.skip(f"EDGERUN_SHARED is not set and there is no {folder}")
    return folder


@pytest.mark.shared
def test_the_pets_get_their_boxes(shared, tmp_path):
    import click.testing

    from edgerun.cli import cli

    out = tmp_path / "out.png"
    words = [
        "run",
        shared / "models/detection/ssd_mobilenet_v1_0.75_pets_uint8.tflite",
        shared / "media/images/pets.jpg",
        "--labels",
        shared / "labels/pets_ssd_label_map.pbtxt",
        "--save",
        out,
    ]
    result = click.testing.CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == 0
    assert "staffordshire_bull_terrier" in result.stdout
    original = cv2.imread(str(shared / "media/images/pets.jpg"))
    assert (cv2.imread(str(out)) != original).any(axis=2).sum() > 500
