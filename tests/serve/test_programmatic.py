"""edgerun.Pipeline: cameras through a model, iterated by a program."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgerun
from edgerun.errors import CameraError, ConfigError
from edgerun.vision.detections import Detections
from edgerun.vision.media import VideoWriter
from edgerun.vision.models import bundled
from edgerun.vision.scene import Scene

FRAMES = 40


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "demo.avi"
    scene, writer = Scene(), VideoWriter(path, 10)
    for f in range(FRAMES):
        writer.write(scene.render(2 * f)[0])
    writer.close()
    return path


def test_a_file_is_read_once_and_whole(video: Path) -> None:
    with edgerun.Pipeline(bundled("demo"), [video], queue_size=2) as pipeline:
        numbers = [result.frame.number for result in pipeline]
    assert numbers == list(range(FRAMES))


def test_it_is_what_the_model_says_of_each_frame(video: Path) -> None:
    model = edgerun.load(bundled("demo"))
    with edgerun.Pipeline(bundled("demo"), [video]) as pipeline:
        for result in pipeline:
            assert result.prediction == model(result.frame.image)
            assert result.age > 0 and set(result.stages) == {"wait", "preprocess", "infer", "decode"}


def test_two_files_side_by_side_each_in_its_order(video: Path) -> None:
    seen: dict[str, list[int]] = {}
    with edgerun.Pipeline(bundled("demo"), [str(video), str(video)]) as pipeline:
        for result in pipeline:
            seen.setdefault(result.frame.camera, []).append(result.frame.number)
    assert seen == {"demo": list(range(FRAMES)), "demo-2": list(range(FRAMES))}


def test_callbacks_and_events(video: Path, tmp_path: Path) -> None:
    zones = tmp_path / "zones.toml"
    zones.write_text('[[zone]]\nname = "all"\npoints = [[0, 0], [1, 0], [1, 1], [0, 1]]\n')
    results, events = [], []
    with edgerun.Pipeline(
        bundled("demo"), [video], zones=zones, on_result=results.append, on_event=events.append
    ) as pipeline:
        pipeline.run()
        (status,) = pipeline.status()
    assert len(results) == FRAMES == status["frames"]["processed"]
    assert {"camera": "demo", "event": "enter", "place": "all"}.items() <= events[0].items()
    tracked = [d for r in results if isinstance(r.prediction, Detections) for d in r.prediction.items]
    assert tracked and all(d.track is not None for d in tracked)


def test_a_live_camera_gives_the_newest_and_is_left_at_will() -> None:
    with edgerun.Pipeline(bundled("demo"), ["demo"], queue_size=1) as pipeline:
        numbers = []
        for result in pipeline:
            numbers.append(result.frame.number)
            if len(numbers) == 3:
                break
    assert numbers == sorted(numbers)
    before = threading.active_count()
    pipeline.close()
    assert threading.active_count() <= before


def test_what_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="There is no camera or file"):
        edgerun.Pipeline(bundled("demo"), [tmp_path / "no.mp4"])
    with pytest.raises(ConfigError, match="cameras is a list"):
        edgerun.Pipeline(bundled("demo"), "demo")
    with pytest.raises(edgerun.EdgerunError):
        edgerun.Pipeline(tmp_path / "no.tflite")


def test_a_folder_with_a_broken_picture_fails_where_it_is(tmp_path: Path) -> None:
    for name in ("a.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "b.png").write_bytes(b"no picture")
    seen = []
    with (
        edgerun.Pipeline(bundled("demo"), [tmp_path]) as pipeline,
        pytest.raises(CameraError, match=r"b\.png"),
    ):
        seen += [result.frame.number for result in pipeline]


def test_importing_edgerun_imports_none_of_it() -> None:
    import subprocess
    import sys

    code = "import edgerun, sys; assert not {'pydantic', 'cv2', 'starlette'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
