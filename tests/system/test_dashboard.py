"""The dashboard in a real browser: `edgerun serve` as a process, Chromium in front of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.formats.tflite_writer import ModelBuilder

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
expect = sync_api.expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)"),
]

# In the model's order; OpenCV's is the other way round. The last name is too long for its line.
COLOURS = ("red", "green", "blue" + ", the colour of the sky and of the sea" * 5)
SIDE = 32
WIDTH, HEIGHT = 320, 240

# Resolves once the picture has shown every colour of the clip, one after the other.
PICTURE_ADVANCES = """img => new Promise((done, fail) => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const seen = new Set(), until = Date.now() + 30000;
  (function look() {
    pen.drawImage(img, 20, 20, 1, 1, 0, 0, 1, 1);
    const pixel = Array.from(pen.getImageData(0, 0, 1, 1).data.slice(0, 3));
    if (Math.max(...pixel) > 150) seen.add(pixel.indexOf(Math.max(...pixel)));
    if (seen.size === 3) done();
    else if (Date.now() > until) fail(new Error("the picture showed only " + [...seen]));
    else requestAnimationFrame(look);
  })();
})"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Says which of red, green and blue a picture has most of; its labels lie beside it."""
    b = ModelBuilder()
    shade = {"scale": 1 / 255}
    pixels = b.tensor("pixels", (1, SIDE, SIDE, 3), "uint8", **shade)
    mean = b.tensor("mean", (1, 1, 1, 3), "uint8", **shade)
    flat = b.tensor("flat", (1, 3), "uint8", **shade)
    shape = b.tensor("shape", (2,), "int32", data=np.array([1, 3], np.int32))
    scores = b.tensor("scores", (1, 3), "uint8", scale=1 / 256)
    window = {"stride_w": SIDE, "stride_h": SIDE, "filter_width": SIDE, "filter_height": SIDE}
    b.operator("AVERAGE_POOL_2D", [pixels], [mean], {"padding": "valid", **window})
    b.operator("RESHAPE", [mean, shape], [flat], {"new_shape": (1, 3)})
    b.operator("SOFTMAX", [flat], [scores], {"beta": 4.0})
    path = tmp_path / "colours.tflite"
    path.write_bytes(b.finish([pixels], [scores]))
    path.with_suffix(".txt").write_text("\n".join(COLOURS))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three seconds at 10 frames a second: a second of red, one of green, one of blue."""
    path = tmp_path / "lamp.avi"
    size = (WIDTH, HEIGHT)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, size)
    for i in range(30):
        picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        picture[..., 2 - i // 10] = 220
        writer.write(picture)
    writer.release()
    return path


class Server:
    """`edgerun serve` with these words, on a port of its own that a restart keeps."""

    def __init__(self, *words: object) -> None:
        self._words = [str(word) for word in words]
        self._port = "0"
        self.start()

    def start(self) -> None:
        words = ["serve", *self._words, "--port", self._port]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgerun", *words], stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        said = ""
        while not (address := re.search(r"on (http://127\.0\.0\.1:(\d+))", said)):
            line = self._process.stderr.readline()
            assert line, f"serve ended early: {said}"
            said += line
        self.url, self._port = address[1], address[2]

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)


@pytest.fixture
def serve(model: Path) -> Iterator[Callable[..., Server]]:
    """Serves these cameras with the model and its labels; all ends with the test."""
    servers: list[Server] = []

    def start(*cameras: Path) -> Server:
        words = [word for camera in cameras for word in ("--camera", camera)]
        labels = model.with_suffix(".txt")
        servers.append(Server(*words, "--model", model, "--labels", labels, "--threads", 1))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def page() -> Iterator[sync_api.Page]:
    """A page of a new browser; what goes wrong in its scripts fails the test."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        opened = browser.new_page()
        opened.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        browser.close()
        assert errors == []


def figure(page: sync_api.Page, name: str) -> sync_api.Locator:
    return page.locator(f"[data-is={name}]").first


def test_the_page_is_live(serve, clip, page):
    page.goto(serve(clip).url)
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("h2")).to_have_text("lamp")
    expect(figure(page, "state")).to_have_text("running")
    expect(figure(page, "model")).to_have_text("colours · classification")

    picture = page.get_by_alt_text("live picture of camera lamp")
    expect(picture).to_have_js_property("naturalWidth", WIDTH)
    expect(picture).to_be_visible()
    picture.evaluate(PICTURE_ADVANCES)

    expect(figure(page, "fps")).to_have_text(re.compile(r"^[1-9]\d*\.\d$"))
    for age in ("p50", "p99", "infer"):
        expect(figure(page, age)).to_have_text(re.compile(r"^\d+(\.\d)? ms$"))
    count = figure(page, "processed")
    expect(count).to_have_text(re.compile(r"^\d+$"))
    expect(count).not_to_have_text(count.inner_text())


def test_predictions_follow_the_picture(serve, clip, page):
    page.goto(serve(clip).url)
    best = page.get_by_role("list", name="predictions").get_by_role("listitem").first
    for colour in COLOURS:
        expect(best).to_have_text(re.compile(rf"^{colour}\d\d %$"))


def test_the_page_comes_back_after_a_restart(serve, clip, page):
    server = serve(clip)
    page.goto(server.url)
    picture = page.get_by_alt_text("live picture of camera lamp")
    picture.evaluate(PICTURE_ADVANCES)
    server.stop()
    expect(page.locator("#link")).to_contain_text("connection lost")
    server.start()
    expect(page.locator("#link")).to_have_text("live")
    picture.evaluate(PICTURE_ADVANCES)
    expect(picture).to_be_visible()


def test_two_cameras_fit_on_a_phone(serve, clip, page, tmp_path):
    other = tmp_path / "other-lamp.avi"
    shutil.copy(clip, other)
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(serve(clip, other).url)
    expect(page.locator("h2")).to_have_text(["lamp", "other-lamp"])
    for name in ("lamp", "other-lamp"):
        picture = page.get_by_alt_text(f"live picture of camera {name}", exact=True)
        expect(picture).to_have_js_property("naturalWidth", WIDTH)
    rows = page.get_by_role("listitem")
    expect(rows).to_have_count(2 * len(COLOURS))
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for part in (rows, page.locator("dd")):
        for box in (item.bounding_box() for item in part.all()):
            assert 0 < box["x"] < box["x"] + box["width"] < 360
