"""What whole models say about real pictures and sounds: the truth about them, and what LiteRT says.

LiteRT's optimised kernels are the measure where its reference kernels take many seconds; the operators are
compared with the reference, one by one, in test_agreement.
"""

from __future__ import annotations

import functools
import wave
from typing import Any

import agreement
import cv2
import numpy as np
import pytest
from agreement import picture
from numpy.typing import NDArray

import edgerun
from edgerun.backends.reference import AnyReference, make_reference
from edgerun.ir.types import TensorInfo
from edgerun.vision.metrics import overlaps
from shared_material import needs_shared, shared

pytestmark = needs_shared

Array = NDArray[Any]


def models(*names: str) -> Any:
    """Parametrises a test with `name`."""
    return pytest.mark.parametrize("name", names)


@functools.cache
def session(name: str) -> edgerun.Session:
    return edgerun.Session(shared(f"models/{name}.tflite"), threads=1)


@functools.cache
def peer(name: str) -> AnyReference:
    """The same model elsewhere."""
    return new_peer(name)


def new_peer(name: str) -> AnyReference:
    """The model in LiteRT, or in TFLite Micro where LiteRT cannot, without memories."""
    stem = name.split("/")[1]
    # The custom operator of these is in LiteRT's default kernels alone.
    kind = "litert-xnnpack" if stem in agreement.XNNPACK else "litert-optimized"
    return make_reference(
        "micro" if stem in agreement.MICRO else kind, shared(f"models/{name}.tflite").read_bytes()
    )


def run_both(name: str, given: Array) -> tuple[list[Array], list[Array]]:
    """The real values of the outputs by edgerun and by the peer, for a model of one input."""
    mine = session(name).run(given).values()
    theirs = peer(name).run({session(name).inputs[0].name: given})
    outputs = session(name).outputs
    return [real(a, o) for a, o in zip(mine, outputs, strict=True)], [
        real(a, o) for a, o in zip(theirs, outputs, strict=True)
    ]


def real(array: Array, info: TensorInfo) -> Array:
    q = info.quantization
    return array if q is None else (array.astype(np.float64) - q.zero) * q.step


def stored(values: Array, info: TensorInfo) -> Array:
    """Real values as an input has them."""
    if info.quantization is None:
        return values.astype(np.float32)
    limits = np.iinfo(info.dtype)
    steps = np.rint(values / info.quantization.step) + info.quantization.zero
    return np.clip(steps, limits.min, limits.max).astype(info.dtype)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(np.asarray(x, np.float64), -50, 50)))


def image(file: str, name: str, highest: float = 1.0, **how: Any) -> Array:
    """A picture of the shared ones as the input of a model."""
    return picture(shared(f"media/images/{file}"), session(name).inputs[0], highest, **how)


# -- digits --


@models("classification/mnist_cnn_int8", "lstm/mnist_lstm_int8", "lstm/mnist_lstm_float32")
def test_digits(name: str) -> None:
    data = np.load(shared("datasets/mnist/mnist_t10k_0_1000.npz"))
    info = session(name).inputs[0]
    inputs = stored(data["images"] / 255, info).reshape(-1, 1, *map(int, info.shape[1:]))
    mine, theirs = [], []
    for given in inputs:
        session(name).reset()  # an LSTM goes on from the picture before
        peer(name)._interpreter.reset_all_variables()
        (a,), (b,) = run_both(name, given)
        mine.append(a.argmax())
        theirs.append(b.argmax())
    assert len(mine) == 1000
    assert (np.array(mine) == theirs).mean() >= 0.995
    right, wanted = ((found == data["labels"]).mean() for found in (mine, theirs))
    assert right >= min(0.98, wanted)


# -- classes of pictures --


def test_float_mobilenet() -> None:
    name = "classification/mobilenet_v1_0.25_128_float32"
    files = agreement.imagenet_files(shared("."))[::5]
    lines = shared("datasets/imagenet200/labels.tsv").read_text().splitlines()[1:]
    assert lines[0].startswith(files[0].name)
    same = 0
    for file in files:
        given = agreement.centre_crop(file, 128).astype(np.float32) / 127.5 - 1
        (mine,), (theirs,) = run_both(name, given)
        np.testing.assert_allclose(mine, theirs, atol=1e-3)
        same += mine.argmax() == theirs.argmax()
    assert same >= len(files) - 1
    (scores,), _ = run_both(name, image("cat.bmp", name, lowest=-1))
    assert "cat" in shared("labels/imagenet_labels.txt").read_text().splitlines()[scores.argmax()]


@models("classification/resnet8_cifar10_int8", "classification/resnet8_cifar10_float32")
@pytest.mark.parametrize(("file", "label"), [("cat.bmp", 3), ("bird.bmp", 2)])
def test_cifar_classes(name: str, file: str, label: int) -> None:
    (mine,), (theirs,) = run_both(name, image(file, name, 255))
    assert mine.argmax() == theirs.argmax()
    assert label in np.argsort(-mine[0])[:2]


@pytest.mark.parametrize("file", ["face.jpg", "grace_hopper.bmp"])
def test_emotions(file: str) -> None:
    name = "classification/fer_emotion_model_quantized"
    (mine,), (theirs,) = run_both(name, image(file, name, lowest=-1))
    np.testing.assert_allclose(mine, theirs, atol=0.06)
    assert mine.sum() == pytest.approx(1, abs=1e-3)
    assert mine.argmax() == theirs.argmax()


# -- key points --


def test_movenet_key_points() -> None:
    name = "pose/movenet_single_pose_lightning_ptq"
    (mine,), (theirs,) = run_both(name, image("squat.bmp", name))
    known = np.loadtxt(
        shared("goldens/coral/movenet_single_pose_lightning_ptq_reference.csv"), delimiter=",", skiprows=1
    )
    np.testing.assert_allclose(mine[0, 0, :, :2], known[:, [5, 4]], atol=0.04)
    np.testing.assert_allclose(mine[0, 0, :, :2], theirs[0, 0, :, :2], atol=0.03)
    assert mine[0, 0, :, 2].mean() > 0.5


def test_posenet_key_points() -> None:
    name = "pose/posenet_mobilenet_v1_075_353_481_quant"
    mine, theirs = run_both(name, image("posenet_test_image.bmp", name))
    known = np.loadtxt(
        shared("goldens/coral/posenet_mobilenet_v1_075_353_481_16_quant_decoder_reference.csv"),
        delimiter=",",
        skiprows=1,
    )
    for k in range(17):
        found, peers = key_point(mine, k), key_point(theirs, k)
        people = known[known[:, 2] == k][:, [5, 4]]
        # The likeliest cell may be of either person.
        assert np.abs(people - found).max(axis=1).min() < 0.03, k
        assert np.abs(people - peers).max(axis=1).min() < 0.03, k


def key_point(outputs: list[Array], k: int) -> Array:
    """The likeliest place of key point k, (y, x) of 0 to 1: a cell of 16 pixels, and pixels from there."""
    heat, offsets = outputs[0][0, ..., k], outputs[1][0]
    cell = np.array(np.unravel_index(heat.argmax(), heat.shape))
    return (16 * cell + offsets[cell[0], cell[1], [k, k + 17]]) / np.array([353, 481])


# -- segmentation --


def test_the_bird_is_cut_out() -> None:
    name = "segmentation/deeplabv3_mnv2_dm05_pascal_quant"
    (mine,), (theirs,) = run_both(name, image("bird_segmentation.bmp", name))
    mask = cv2.imread(str(shared("media/images/bird_segmentation_mask.bmp")), cv2.IMREAD_UNCHANGED)
    bird, truth = mine[0] == 3, mask == 3
    assert (bird & truth).sum() / (bird | truth).sum() >= 0.81
    assert (mine == theirs).mean() >= 0.99


def test_the_person_is_cut_out() -> None:
    name = "segmentation/selfie_segmentation_256_f16"
    (mine,), (theirs,) = run_both(name, image("grace_hopper.bmp", name))
    np.testing.assert_allclose(mine, theirs, atol=1e-2)
    assert 0.5 < (mine > 0.5).mean() < 0.65
    assert mine[0, 128, 128, 0] > 0.9 > 0.1 > mine[0, 5, 5, 0]


# -- faces, hands, persons --

FACES = {"face.jpg": True, "grace_hopper.bmp": True, "cat.bmp": False}


@models("face/openmv_blazeface_front_128", "face/mp_face_detection_short_range_f16")
@pytest.mark.parametrize("file", FACES)
def test_blazeface(name: str, file: str) -> None:
    mine, theirs = run_both(name, image(file, name, lowest=-1))
    scores, peers = (rows(outputs, 1).ravel() for outputs in (mine, theirs))
    best, wanted = sigmoid(scores.max()), sigmoid(peers.max())
    assert (best > 0.5) == (wanted > 0.5) == FACES[file]
    assert abs(best - wanted) < 0.1
    if not FACES[file]:
        return
    # The box of the best anchor: its centre in pixels from that of the anchor, its sides in pixels.
    boxes, peer_boxes = (rows(outputs, 16) for outputs in (mine, theirs))
    anchor = scores.argmax()
    assert sigmoid(peers[anchor]) > wanted - 0.1
    np.testing.assert_allclose(boxes[anchor, :4], peer_boxes[anchor, :4], atol=8)


def rows(outputs: list[Array], channels: int) -> Array:
    """The outputs with this many channels, put together: those of 512 anchors before those of 384."""
    found = [a[0] for a in outputs if a.shape[2] == channels]
    return np.concatenate(sorted(found, key=len, reverse=True))


@pytest.mark.parametrize("file", FACES)
def test_ultraface(file: str) -> None:
    name = "face/ultraface_slim_320_float32"
    given = image(file, name, 128 / 128, lowest=-127 / 128)
    mine, theirs = run_both(name, given)
    assert mine[1].shape == (1, 4420, 2)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
    best = mine[1][0, :, 1].argmax()
    assert (mine[1][0, best, 1] > 0.7) == FACES[file]


@pytest.mark.parametrize(("file", "has_palm"), [("squat.bmp", True), ("cat.bmp", False)])
def test_palms(file: str, has_palm: bool) -> None:
    name = "hand/mp_palm_detection_lite_f16"
    mine, theirs = run_both(name, image(file, name))
    np.testing.assert_allclose(sigmoid(mine[1]), sigmoid(theirs[1]), atol=1e-2)
    assert (sigmoid(mine[1]).max() > 0.5) == has_palm
    best = mine[1][0, :, 0].argmax()
    np.testing.assert_allclose(mine[0][0, best], theirs[0][0, best], atol=0.2)  # pixels


@pytest.mark.parametrize("file", ["squat.bmp", "face.jpg", "hot_dog.jpg"])
def test_hand_landmarks(file: str) -> None:
    name = "hand/openmv_hand_landmarks_full_224"
    mine, theirs = run_both(name, image(file, name))
    for a, b in zip(mine, theirs, strict=True):
        # Landmarks in pixels of 224; the probabilities and metres are far smaller. How sure the model is of
        # a hand where there is none swings by 0.15 even between LiteRT's own kernels.
        np.testing.assert_allclose(a, b, atol=6 if np.abs(b).max() > 2 else 0.25)


@pytest.mark.parametrize(
    ("file", "has_person"),
    [("squat.bmp", True), ("face.jpg", True), ("grace_hopper.bmp", True), ("cat.bmp", False)],
)
def test_openmv_yolo_finds_persons(file: str, has_person: bool) -> None:
    name = "detection/openmv_yolo_lc_192"
    (mine,), (theirs,) = run_both(name, image(file, name))
    scores, peers = (sigmoid(a.reshape(12, 12, 5, 6)[..., 4]) for a in (mine, theirs))
    assert (scores.max() > 0.5) == (peers.max() > 0.5) == has_person
    sure = np.abs(peers - 0.5) > 0.15
    np.testing.assert_array_equal((scores > 0.5)[sure], (peers > 0.5)[sure])


# -- objects --

YOLO = (
    "detection/yolov5n_int8",
    "detection/yolov8n_full_integer_quant_416",
    "detection/yolox_nano_float16",
    "detection/yolox_nano_dynamic_range",
    "detection/yolox_nano_int8_mixed",
)
FOUND, LISTED = 0.5, 0.25  # a box is found; it may be matched


@models(*YOLO)
def test_yolo_finds_the_objects_that_litert_finds(name: str) -> None:
    right = peer_right = 0
    alike: list[float] = []
    for file in sorted(shared("datasets/coco8/images").rglob("*.jpg")):
        x = "yolox" in name
        given = picture(file, session(name).inputs[0], 255 if x else 1, bgr=x, letterbox=True)
        (mine,), (theirs,) = run_both(name, given)
        found, peers = (boxes_of(name, a, given) for a in (mine, theirs))
        alike += matched(found, peers) + matched(peers, found)
        label = shared(str(file).replace("images", "labels")).with_suffix(".txt")
        objects = {int(line.split()[0]) for line in label.read_text().splitlines()}
        right += len(objects & {int(row[5]) for row in found if row[4] > 0.3})
        peer_right += len(objects & {int(row[5]) for row in peers if row[4] > 0.3})
    assert len(alike) >= 6
    # One step of the outputs is up to 3 pixels: of LiteRT's own kernels, single boxes share only 0.84.
    assert np.mean(alike) >= 0.9
    assert right >= peer_right - 1
    assert peer_right >= 8


def boxes_of(name: str, output: Array, given: Array) -> Array:
    """Left, top, right, bottom (0 to 1), score, class of each box, the best of those that overlap."""
    rows = output[0].T if "yolov8" in name else output[0]
    if "yolov8" in name:
        places, scores = rows[:, :4], rows[:, 4:]
    else:
        places, scores = rows[:, :4], rows[:, 4:5] * rows[:, 5:]
    if "yolox" in name:
        places = on_grid(places, given.shape[2])
    kinds, best = scores.argmax(1), scores.max(1)
    kept: list[Array] = []
    for i in np.argsort(-best, kind="stable"):
        if best[i] < LISTED:
            break
        x, y, w, h = places[i]
        row = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2, best[i], kinds[i]])
        if not any(k[5] == row[5] and overlaps(k[:4], row[:4])[0, 0] > 0.5 for k in kept):
            kept.append(row)
    return np.array(kept).reshape(-1, 6)


def on_grid(raw: Array, side: int) -> Array:
    """Centres and sides of 0 to 1 from cells of three grids and logarithms of sides in cells."""
    cells, strides = [], []
    for stride in (8, 16, 32):
        n = side // stride
        y, x = np.divmod(np.arange(n * n), n)
        cells.append(np.stack([x, y], 1))
        strides.append(np.full((n * n, 1), stride))
    stride, cell = np.concatenate(strides), np.concatenate(cells)
    return np.concatenate([(raw[:, :2] + cell) * stride, np.exp(raw[:, 2:]) * stride], 1) / side


def matched(first: Array, second: Array) -> list[float]:
    """The IoU of each box of `first` that is found with its like in `second`, which must be there."""
    found = []
    for row in first[first[:, 4] >= FOUND]:
        like = second[second[:, 5] == row[5]]
        shared_part = overlaps(row[:4], like[:, :4])[0]
        assert shared_part.max(initial=0) >= 0.75, (row, like)
        best = shared_part.argmax()
        assert abs(like[best, 4] - row[4]) < 0.2, (row, like)
        found.append(float(shared_part[best]))
    return found


# -- sounds --


def samples(file: str) -> Array:
    """The int16 samples of a sound at 16 kHz, one second of them."""
    with wave.open(str(shared(f"media/audio/{file}"))) as sound:
        assert (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) == (16000, 2, 1)
        return np.frombuffer(sound.readframes(16000), np.int16)


def windows(sound: Array) -> Array:
    """30 ms every 20 ms, [49, 480]."""
    return np.lib.stride_tricks.sliding_window_view(sound, 480)[::320]


@functools.cache
def features(file: str) -> Array:
    """int8 [49, 40]: a sound through the preprocessor, by TFLite Micro."""
    name = "audio/audio_preprocessor_int8"
    micro = new_peer(name)
    (key,) = micro._inputs
    return np.stack([micro.run({key: np.array(w[None])})[0].reshape(40) for w in windows(samples(file))])


# What micro_speech can say.
SILENCE, UNKNOWN, YES, NO = range(4)
SPOKEN = {"yes_1000ms.wav": YES, "no_1000ms.wav": NO, "silence_1000ms.wav": SILENCE}


@pytest.mark.parametrize("file", SPOKEN)
def test_micro_speech_hears_what_is_said(file: str) -> None:
    name = "keyword/micro_speech_int8"
    (mine,), (theirs,) = run_both(name, features(file).reshape(1, 1960))
    assert mine.argmax() == SPOKEN[file]
    np.testing.assert_allclose(mine, theirs, atol=0.005)


@pytest.mark.parametrize("file", SPOKEN)
def test_the_preprocessor_and_micro_speech_hear_what_is_said(file: str) -> None:
    preprocessor = session("audio/audio_preprocessor_int8").twin()
    heard = [preprocessor.run(np.array(w[None])).values() for w in windows(samples(file))]
    mine = np.stack([a.reshape(40) for (a,) in heard])
    np.testing.assert_array_equal(mine, features(file))
    (scores,) = session("keyword/micro_speech_int8").run(mine.reshape(1, 1960)).values()
    assert scores.argmax() == SPOKEN[file]


def test_the_streaming_wake_word() -> None:
    name = "keyword/streaming_wakeword_str_ww_int8"
    data = np.load(shared("media/audio/sww_calibration_samples.npz"))
    mine, theirs = [], []
    for spec in data["specs"]:
        (a,), (b,) = run_both(name, stored(spec[None], session(name).inputs[0]))
        mine.append(a.argmax())
        theirs.append(b.argmax())
    assert sum(a != b for a, b in zip(mine, theirs, strict=True)) <= 1
    assert (np.array(mine) == data["labels"]).mean() >= 0.88


WORDS = ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown"]


@models("keyword/kws_dscnn_int8", "keyword/kws_dscnn_float32")
@pytest.mark.parametrize(("said", "heard"), [("yes", "yes"), ("no", "go")])
def test_keywords(name: str, said: str, heard: str) -> None:
    """This "no" is a "go" to LiteRT too."""
    given = stored(cepstrum(f"{said}_1000ms.wav")[None, ..., None], session(name).inputs[0])
    (mine,), (theirs,) = run_both(name, given)
    assert WORDS[mine.argmax()] == WORDS[theirs.argmax()] == heard
    np.testing.assert_allclose(mine, theirs, atol=0.02)


def cepstrum(file: str) -> Array:
    """Mel-frequency cepstral coefficients [49, 10] of 30 ms every 20 ms, as MLPerf Tiny trains with."""
    sound = samples(file).astype(np.float64)
    sound /= sound.max()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480)
    spectrum = np.abs(np.fft.rfft(windows(sound) * window, 512))
    mel = np.log(spectrum @ mel_matrix(257, 40) + 1e-6)
    k, n = np.arange(10)[:, None], np.arange(40)
    return mel @ (np.cos(np.pi * k * (2 * n + 1) / 80) * np.sqrt(2 / 40)).T


def mel_matrix(bins: int, bands: int) -> Array:
    """Triangles of equal width in mel from 20 to 4000 Hz, [bins, bands]."""

    def mel(hertz: Any) -> Any:
        return 1127 * np.log1p(np.asarray(hertz, np.float64) / 700)

    edges = np.linspace(mel(20), mel(4000), bands + 2)
    at = mel(np.linspace(0, 8000, bins))[:, None]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    found = np.maximum(0, np.minimum(rising, falling))
    found[0] = 0  # of the constant part there is none
    return found


def test_a_model_with_memory_hears_the_same_stream() -> None:
    """Nobody says its wake word in these sounds; step by step it remembers what LiteRT remembers."""
    name = "keyword/mww_okay_nabu_v2"
    mine, theirs = session(name).twin(), new_peer(name)
    (key,) = (info.name for info in mine.inputs)
    heard = 0
    for file in ("noise_1000ms.wav", "yes_1000ms.wav"):
        stream = features(file)
        for i in range(0, len(stream) - 2, 3):
            given = stream[i : i + 3][None]
            (a,) = mine.run({key: given}).values()
            (b,) = theirs.run({key: given})
            assert abs(int(a.item()) - int(b.item())) <= 1
            heard = max(heard, int(a.item()))
    assert heard < 128


@models("denoise/dtln_noise_suppression_int8", "denoise/dtln_dynamic_range_1")
def test_noise_is_suppressed_and_speech_is_not(name: str) -> None:
    """How much of the energy of a sound the models' masks let pass; they remember the frames before."""
    kept = {}
    for file in ("yes_1000ms.wav", "noise_1000ms.wav"):
        frames = np.lib.stride_tricks.sliding_window_view(samples(file) / 32768, 512)[::128]
        spectrum = np.abs(np.fft.rfft(frames))
        mine, theirs = masks(session(name).twin(), new_peer(name), spectrum)
        np.testing.assert_allclose(mine, theirs, atol=0.02 if "int8" in name else 1e-4)
        kept[file] = ((mine * spectrum) ** 2).sum() / (spectrum**2).sum()
    assert kept["yes_1000ms.wav"] > 0.8
    assert kept["noise_1000ms.wav"] < 0.2


def masks(mine: edgerun.Session, theirs: AnyReference, spectrum: Array) -> tuple[Array, Array]:
    """The masks [frames, 257] by both. One model remembers by itself, the other through its second input."""
    info, *memory = mine.inputs
    empty = {m.name: np.zeros([int(n) for n in m.shape], np.float32) for m in memory}
    states = [empty, dict(empty)]
    results: list[list[Array]] = [[], []]
    for frame in stored(spectrum, info):
        given = {info.name: frame.reshape(1, 1, 257)}
        outputs = [list(mine.run({**given, **states[0]}).values()), theirs.run({**given, **states[1]})]
        for found, state, (mask, *kept) in zip(results, states, outputs, strict=True):
            found.append(real(mask, mine.outputs[0]).reshape(257))
            state.update({m.name: k for m, k in zip(memory, kept, strict=True)})
    return np.array(results[0]), np.array(results[1])


@models("anomaly/ad01_toycar_int8", "anomaly/ad01_toycar_float32", "anomaly/ad01_toycar_dynamic_range")
def test_how_well_a_normal_machine_is_reconstructed(name: str) -> None:
    """The squared error that tells normal sounds of a machine from others, on a normal one."""
    known = {"int8": 10.265, "float32": 9.707, "range": 10.244}[name.split("_")[-1]]
    frames = np.fromfile(shared("media/audio/normal_id_01_00000000_hist_librosa.bin"), np.float32)
    five = np.lib.stride_tricks.sliding_window_view(frames.reshape(-1, 128), 5, axis=0)
    errors = []
    for given in five.transpose(0, 2, 1).reshape(196, 1, 640):
        (mine,), _ = run_both(name, stored(given, session(name).inputs[0]))
        errors.append(((mine - given) ** 2).mean())
    assert np.mean(errors) == pytest.approx(known, abs=0.02)


@pytest.mark.parametrize("note", [69, 60])
def test_the_pitch_of_a_tone(note: int) -> None:
    """A tone with overtones, as MIDI counts notes; the model's 88 are those of a piano, from 21."""
    name = "audio/basic_pitch_nmp"
    hertz = 440 * 2 ** ((note - 69) / 12)
    t = np.arange(43844) / 22050
    tone = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in (1, 2, 3)) * 0.3
    mine, theirs = run_both(name, tone.astype(np.float32)[None, :, None])
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)
    shapes = [a.shape for a in mine]
    assert shapes.count((1, 172, 88)) == 2
    notes = max((a for a in mine if a.shape[2] == 88), key=lambda a: a[0, 20:150].mean(0).max())
    assert notes[0, 20:150].mean(0).argmax() + 21 == note
