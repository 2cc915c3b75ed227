"""From a picture to the input tensor: edgerun beside OpenCV with numpy, 1 thread, interleaved.

`python -m bench.preprocess`. The two forms of the other side: what people write (resize, swap, normalise,
round), and the careful form, which makes the values by one look-up table for 256 pixel values. Both sides use
the same filter; "differs" is by how many quanta the results do at most. Figures are medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np

from edgerun.ir.types import Quantization, TensorInfo
from edgerun.vision.card import InputCard
from edgerun.vision.preprocess import Preprocessor

_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_STD = np.array([58.395, 57.12, 57.375], np.float32)
_STEP, _ZERO = 0.0186584, -14
_ROUNDS = 61
Picture = np.ndarray


def _smooth(height: int, width: int) -> Picture:
    small = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _quantised(x: Picture) -> Picture:
    return np.clip(np.round(x / _STEP) + _ZERO, -128, 127).astype(np.int8)


_TABLE = _quantised((np.arange(256, dtype=np.float32)[:, None] - _MEAN) / _STD).view(np.uint8)[None]


def _classifier(image: Picture, how: int) -> Picture:
    x = cv2.cvtColor(cv2.resize(image, (224, 224), interpolation=how), cv2.COLOR_BGR2RGB)
    return _quantised((x.astype(np.float32) - _MEAN) / _STD)


def _classifier_table(image: Picture, how: int) -> Picture:
    x = cv2.cvtColor(cv2.resize(image, (224, 224), interpolation=how), cv2.COLOR_BGR2RGB)
    return cv2.LUT(x, _TABLE).view(np.int8)


def _boxed(image: Picture) -> Picture:
    height, width = image.shape[:2]
    ratio = 640 / max(height, width)
    inner = cv2.resize(image, (round(width * ratio), round(height * ratio)))
    top, left = (640 - inner.shape[0]) // 2, (640 - inner.shape[1]) // 2
    ends = (top, 640 - inner.shape[0] - top, left, 640 - inner.shape[1] - left)
    return cv2.copyMakeBorder(inner, *ends, cv2.BORDER_CONSTANT, value=(114, 114, 114))


def _detector(image: Picture, planar: bool) -> Picture:
    x = cv2.cvtColor(_boxed(image), cv2.COLOR_BGR2RGB).astype(np.float32) / 255.0
    x = np.ascontiguousarray(x.transpose(2, 0, 1)) if planar else x
    return np.clip(np.round(x * 255.0) - 128, -128, 127).astype(np.int8)


def _detector_table(image: Picture, planar: bool) -> Picture:
    x = _boxed(image)
    if not planar:
        return (cv2.cvtColor(x, cv2.COLOR_BGR2RGB) ^ 128).view(np.int8)
    return np.stack([cv2.extractChannel(x, c) ^ 128 for c in (2, 1, 0)]).view(np.int8)


def _edgerun(card: InputCard, shape: tuple[int, ...], step: float, zero: int) -> Callable[[Picture], Picture]:
    info = TensorInfo("image", shape, np.dtype(np.int8), Quantization.of(np.float32(step), zero))
    made = Preprocessor(card, info)
    array = made.empty()

    def run(image: Picture) -> Picture:
        made(image, array)
        return array[0]

    return run


Pipeline = Callable[[Picture], Picture]


def _cases() -> list[tuple[str, Picture, Pipeline, dict[str, Pipeline]]]:
    hd, photo = _smooth(720, 1280), _smooth(3000, 4000)
    found = []
    normal = {"mean": tuple(map(float, _MEAN)), "scale": tuple(1 / float(s) for s in _STD)}
    for name, image in (("1280x720", hd), ("4000x3000", photo)):
        for filter, how in (("bilinear", cv2.INTER_LINEAR), ("area", cv2.INTER_AREA)):
            ours = _edgerun(InputCard(filter=filter, **normal), (1, 224, 224, 3), _STEP, _ZERO)
            others = {
                "as written": lambda x, how=how: _classifier(x, how),
                "by table": lambda x, how=how: _classifier_table(x, how),
            }
            found.append((f"{name} to 224, int8, {filter}", image, ours, others))
    for layout, shape in (("NHWC", (1, 640, 640, 3)), ("NCHW", (1, 3, 640, 640))):
        ours = _edgerun(InputCard(resize="letterbox", filter="bilinear"), shape, 1 / 255, -128)
        planar = layout == "NCHW"
        others = {
            "as written": lambda x, planar=planar: _detector(x, planar),
            "by table": lambda x, planar=planar: _detector_table(x, planar),
        }
        found.append((f"1280x720 to letterbox 640, int8 {layout}", hd, ours, others))
    return found


def main() -> None:
    cv2.setNumThreads(1)
    made = _edgerun(InputCard(), (1, 8, 8, 3), 1 / 255, -128)
    made(np.zeros((9, 9, 3), np.uint8))
    print(f"{'':40}{'edgerun':>10}{'as written':>20}{'by table':>20}{'differs':>9}")
    for name, image, ours, others in _cases():
        sides = {"edgerun": ours, **others}
        times: dict[str, list[float]] = {key: [] for key in sides}
        for _ in range(_ROUNDS):
            for key, side in sides.items():
                start = time.perf_counter()
                side(image)
                times[key].append((time.perf_counter() - start) * 1e6)
        medians = {key: statistics.median(values) for key, values in times.items()}
        mine = medians.pop("edgerun")
        apart = np.abs(ours(image).astype(int) - others["by table"](image)).max()
        cells = "".join(f"{t:10.0f} us {t / mine:5.1f}x" for t in medians.values())
        print(f"{name:40}{mine:7.0f} us{cells}{apart:9d}")


if __name__ == "__main__":
    main()
