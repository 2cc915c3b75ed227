"""A stream over a fake source and a fake model: order, drops, failures, drawing on demand."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import cv2
import numpy as np

from edgerun.errors import CameraError
from edgerun.serve.broadcast import Subscription
from edgerun.serve.sources import Interruption
from edgerun.vision.draw import colour_of


def test_a_frame_becomes_a_result_with_stages_and_age(stream, source, eventually):
    source.push()
    eventually(lambda: stream.results.latest)
    result = stream.results.latest
    assert result.frame.number == 0
    assert result.prediction.items[0].label == "thing"
    assert set(result.stages) == {"wait", "preprocess", "infer", "decode"}
    assert abs(sum(result.stages.values()) - result.age) < 1e-6
    event = result.to_dict()
    assert (event["camera"], event["frame"], event["task"]) == ("front", 0, "detection")
    assert event["predictions"][0]["box"] == [80, 60, 240, 180]
    assert stream.state == "running"
    assert stream.trouble == ""


def test_a_slow_model_sees_the_newest_frame_and_the_rest_is_counted(
    stream, source, model, eventually
):
    model.gate = threading.Semaphore(0)
    source.push()
    eventually(lambda: len(model.prepared) == 1)
    for _ in range(5):
        source.push()
    eventually(lambda: stream.stats.to_dict()["frames"]["captured"] == 6)
    model.gate.release(2)
    eventually(lambda: stream.stats.to_dict()["frames"]["processed"] == 2)
    assert stream.results.latest.frame.number == 5
    assert stream.stats.to_dict()["frames"]["dropped"] == {"newer_frame": 4}


def test_an_ended_source_is_no_trouble(stream, source, eventually):
    source.push()
    source.push(None)
    eventually(source.closed.is_set)
    eventually(lambda: stream.results.latest)
    assert stream.state == "ended"
    assert stream.trouble == ""


def test_a_failed_camera_is_said_once_and_the_source_closed(stream, source, eventually, caplog):
    source.push(CameraError("The camera is gone."))
    eventually(source.closed.is_set)
    eventually(lambda: stream.state == "failed")
    assert stream.trouble == "The camera is gone."
    assert [record.message for record in caplog.records] == ["front: The camera is gone."]


def test_a_live_camera_that_is_away_is_said_once_for_each_reason(
    stream, source, eventually, caplog
):
    caplog.set_level("INFO")
    for reason in ("Gone.", "Gone.", "Refused.", "Refused."):
        source.push(Interruption(reason))
    eventually(lambda: stream.trouble == "Refused.")
    assert stream.state == "reconnecting"
    source.push()
    eventually(lambda: stream.results.latest)
    assert (stream.state, stream.trouble) == ("running", "")
    assert [record.message for record in caplog.records] == [
        "front: Gone. It is tried again until it is back.",
        "front: Refused. It is tried again until it is back.",
        "front: The camera is back.",
    ]


def test_one_camera_that_fails_leaves_the_others_alone(stream, source, make_stream, eventually):
    other_source = type(source)()
    other = make_stream("back", other_source, type(stream.model)())
    other.start()
    other_source.push(CameraError("The camera is gone."))
    eventually(lambda: other.state == "failed")
    source.push()
    eventually(lambda: stream.results.latest)
    assert (stream.state, stream.trouble) == ("running", "")
    other.stop(timeout=10)


def test_frames_that_the_source_skipped_count_as_captured_and_dropped(stream, source, eventually):
    source.push()
    eventually(lambda: stream.results.latest)
    source.number += 4
    source.push()
    eventually(lambda: stream.results.latest.frame.number == 5)
    frames = stream.stats.to_dict()["frames"]
    assert (frames["captured"], frames["processed"]) == (6, 2)
    assert frames["dropped"] == {"skipped": 4}


def test_a_rate_lets_the_rest_go(source, model, make_stream, eventually):
    stream = make_stream("front", source, model, rate=0.01)
    stream.start()
    for _ in range(5):
        source.push()
    eventually(lambda: stream.stats.to_dict()["frames"]["dropped"] == {"rate": 4})
    eventually(lambda: stream.results.latest)
    stream.stop(timeout=10)


def test_a_patient_stream_loses_nothing(source, model, make_stream, eventually):
    stream = make_stream("front", source, model, policy="all")
    model.gate = threading.Semaphore(0)
    stream.start()
    for _ in range(20):
        source.push()
    source.push(None)
    model.gate.release(20)
    eventually(lambda: stream.state == "ended")
    eventually(lambda: stream.stats.to_dict()["frames"]["processed"] == 20)
    assert stream.stats.to_dict()["frames"]["dropped"] == {}
    stream.stop(timeout=10)


def test_sinks_are_offered_every_result(source, model, make_stream, eventually):
    taken = []
    sink = SimpleNamespace(offer=lambda result: taken.append(result.frame.number))
    stream = make_stream("front", source, model, policy="all", sinks=[sink])
    stream.start()
    for _ in range(5):
        source.push()
    eventually(lambda: taken == [0, 1, 2, 3, 4])
    stream.stop(timeout=10)


def test_a_failing_model_loses_its_frame_only(stream, source, model, eventually, caplog):
    model.failure = RuntimeError("broken")
    source.push()
    source.push()
    eventually(lambda: stream.trouble == "broken")
    model.failure = None
    source.push()
    eventually(lambda: stream.results.latest)
    assert stream.stats.to_dict()["frames"]["dropped"].get("error", 0) >= 1
    eventually(lambda: stream.trouble == "")


def test_pictures_are_drawn_only_for_those_who_watch(stream, source, eventually, monkeypatch):
    encodings = []
    encode = cv2.imencode
    monkeypatch.setattr(cv2, "imencode", lambda *a: encodings.append(1) or encode(*a))
    source.push()
    eventually(lambda: stream.results.latest)
    assert stream.pictures.latest is None

    async def watch() -> list[bytes] | None:
        with Subscription(stream.pictures) as pictures:
            assert await pictures.newest(0.0) == []
            stream.show()
            return await pictures.newest(20.0)

    (jpeg,) = asyncio.run(watch())
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (240, 320, 3)
    assert np.abs(picture[120, 80].astype(int) - colour_of(0)).max() < 60
    assert len(encodings) == 1
    source.push()
    eventually(lambda: stream.results.latest.frame.number == 1)
    assert len(encodings) == 1


def test_stop_ends_every_thread(stream, source, eventually):
    source.push()
    eventually(lambda: stream.results.latest)
    stream.stop(timeout=10)
    assert not any(thread.name.startswith("front-") for thread in threading.enumerate())
    assert source.closed.is_set()
    assert stream.state == "stopped"


def test_results_are_published_in_the_order_of_their_frames(make_stream, source, model):
    published = []
    sink = SimpleNamespace(offer=lambda result: published.append(result.frame.number))
    stream = make_stream("front", source, model, sinks=[sink])
    for _ in range(4):
        source.push()
    frames = [source.read(threading.Event()) for _ in range(4)]
    for frame in frames:
        stream.begun(frame)
    for number, expected in ((1, []), (3, []), (0, [0, 1]), (2, [0, 1, 2, 3])):
        stream.work(frames[number], model)
        assert published == expected


def test_what_came_late_is_counted_as_a_deadline_missed(make_stream, source, model, eventually):
    stream = make_stream("front", source, model, target=1e-9)
    stream.start()
    source.push()
    eventually(lambda: stream.results.latest)
    assert stream.stats.to_dict()["deadlines_missed"] == 1
