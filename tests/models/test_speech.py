"""Speech commands from recordings: the audio front end of TFLite Micro feeds the model micro_speech."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgerun.session import Session
from shared_material import needs_shared, shared

pytestmark = needs_shared

FRAME, STRIDE, FRAMES = 480, 320, 49  # 30 ms each 20 ms, of a second at 16 kHz
COMMANDS = ("silence", "unknown", "yes", "no")
RECORDINGS = {"yes_1000ms": "yes", "no_1000ms": "no", "silence_1000ms": "silence", "noise_1000ms": "silence"}
FRONT_END, SPEECH = "models/audio/audio_preprocessor_int8.tflite", "models/keyword/micro_speech_int8.tflite"


def frames(path: Path) -> npt.NDArray[np.int16]:
    """The frames of a recording [49, 1, 480]."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return np.stack([samples[i * STRIDE :][:FRAME] for i in range(FRAMES)])[:, None]


@pytest.mark.parametrize("name", RECORDINGS)
def test_features_equal_tflite_micro_and_the_command_is_heard(name: str) -> None:
    runtime = pytest.importorskip("tflite_micro").runtime
    micro = runtime.Interpreter.from_file(str(shared(FRONT_END)), arena_size=1 << 20)
    front_end = Session(shared(FRONT_END), 1)
    (output,) = front_end.outputs
    features = []
    for frame in frames(shared(f"media/audio/{name}.wav")):
        micro.set_input(frame, 0)
        micro.invoke()
        features.append(front_end.run(frame)[output.name])
        np.testing.assert_array_equal(features[-1], np.array(micro.get_output(0)).reshape(-1))
    speech = Session(shared(SPEECH), 1)
    scores = speech.run(np.stack(features).reshape(speech.inputs[0].shape))
    assert COMMANDS[int(np.argmax(*scores.values()))] == RECORDINGS[name]


def test_the_front_end_runs_in_the_engine_alone() -> None:
    front_end = Session(shared(FRONT_END), 1)
    frame = frames(shared("media/audio/yes_1000ms.wav"))[0]
    assert all(step.kernel != "numpy" for step in front_end.profile(frame, 1))
