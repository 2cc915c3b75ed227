"""The dashboard in a real browser: `edgerun serve` as a process, Chromium in front of it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

from colours import write_colours_model
from edgerun.session import Session
from edgerun.vision.zones_toml import read_zones

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
expect = sync_api.expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)"),
]

# In the model's order; OpenCV's is the other way round. The last name is too long for its line.
COLOURS = ("red", "green", "blue" + ", the colour of the sky and of the sea" * 5)
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


# The texts whose contrast with the ground they stand on is below 4.5 : 1 (WCAG AA).
LOW_CONTRAST = """() => {
  const parts = (colour) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return pen.getImageData(0, 0, 1, 1).data;
  };
  const light = (colour) => [...parts(colour)].slice(0, 3)
    .map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] === 255) return colour;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), low = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest(".picture, template")) continue;
    const both = [light(getComputedStyle(element).color), light(ground(element))];
    both.sort((a, b) => b - a);
    const ratio = (both[0] + 0.05) / (both[1] + 0.05);
    if (ratio < 4.5) low.push(text + " " + ratio.toFixed(2));
  }
  return low;
}"""


# What is shown and reaches over the edge of the window, or has no width.
OUTSIDE = """[...document.querySelectorAll("li, dd, button, svg, h2, h3")]
  .filter((e) => e.checkVisibility())
  .map((e) => [e.outerHTML, e.getBoundingClientRect()])
  .filter(([, box]) => !(0 < box.left && box.left < box.right && box.right < innerWidth))
  .map(([words]) => words)"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Says which of red, green and blue a picture has most of; its labels lie beside it."""
    path = write_colours_model(tmp_path / "colours.tflite")
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


def camera(page: sync_api.Page, name: str) -> sync_api.Locator:
    return page.get_by_role("article", name=name, exact=True)


def picture_of(page: sync_api.Page, name: str) -> sync_api.Locator:
    return page.get_by_role("img", name=f"live picture of camera {name}", exact=True)


def tile(place: sync_api.Locator, name: str) -> sync_api.Locator:
    """The value beside a term."""
    term = place.get_by_role("term").filter(has_text=re.compile(f"^{name}$"))
    return term.locator("xpath=following-sibling::dd")


def test_the_page_is_live(serve, clip, page):
    page.goto(serve(clip).url)
    expect(page.get_by_role("status").first).to_have_text("live")
    lamp = camera(page, "lamp")
    expect(lamp.get_by_role("heading", name="lamp")).to_be_visible()
    expect(lamp).to_contain_text("running")
    expect(lamp).to_contain_text("colours · classification")

    picture = picture_of(page, "lamp")
    expect(picture).to_have_js_property("naturalWidth", WIDTH)
    expect(picture).to_be_visible()
    picture.evaluate(PICTURE_ADVANCES)

    count = tile(lamp, "frames")
    expect(count).to_have_text(re.compile(r"^\d+$"))
    expect(count).not_to_have_text(count.inner_text())
    process = page.locator("#process")
    expect(tile(process, "CPU")).to_have_text(re.compile(r"^\d+ %$"))
    expect(tile(process, "memory")).to_have_text(re.compile(r"^\d+(\.\d)? MB$"))
    # No camera of a test knows the truth.
    expect(tile(lamp, "precision")).to_be_hidden()


def test_charts_tell_their_figures_to_those_who_cannot_see_them(serve, clip, page):
    page.goto(serve(clip).url)
    lamp = camera(page, "lamp")
    number, ms = r"\d+(\.\d)?", r"\d+(\.\d)? ms"
    for title, said in (
        ("speed", rf"now {number} fps; between {number} and {number} fps"),
        ("frame age", rf"median {ms}, p99 {ms}; between {number} and {ms}"),
        ("inference", rf"mean {ms}; between {number} and {ms}"),
    ):
        chart = lamp.get_by_role("img", name=re.compile(rf"^{title}, last minute: {said}$"))
        expect(chart).to_be_visible()
        expect(chart.locator("path.first")).to_have_attribute("d", re.compile(r"^M.+L.+"))


def test_predictions_follow_the_picture(serve, clip, page):
    page.goto(serve(clip).url)
    best = page.get_by_role("list", name="predictions").get_by_role("listitem").first
    for colour in COLOURS:
        expect(best).to_have_text(re.compile(rf"^{colour}\d\d %$"))


def test_the_model_explains_itself(serve, clip, page, model):
    page.goto(serve(clip).url)
    section = page.get_by_role("region", name="Model colours")
    expect(tile(section, "input")).to_have_text(re.compile("^uint8 1.32.32.3$"))
    expect(tile(section, "operators")).to_have_text("3 in 2 steps")
    expect(tile(section, "fingerprint")).to_have_text(Session(model, threads=1).fingerprint())

    expect(section.get_by_role("table")).to_be_hidden()
    section.get_by_role("button", name="Profile the model").click()
    rows = section.get_by_role("region", name="Profile of colours").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("AveragePool2d")
    expect(rows.nth(2)).to_contain_text("Softmax")
    expect(section.get_by_role("button", name="Profile again")).to_be_enabled()


def test_the_keyboard_reaches_everything(serve, clip, page):
    page.goto(serve(clip).url)
    expect(page.get_by_role("region", name="Model colours")).to_be_visible()
    expect(camera(page, "lamp")).to_be_visible()
    words = "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(words).strip())
    assert reached[:5] == [
        "Skip to the model",
        "Pause",
        "Full screen, camera lamp",
        "Where time and frames go",
        "Profile the model",
    ]

    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause", pressed=True)).to_be_focused()
    expect(page.get_by_role("status").first).to_have_text("paused")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text("live")
    picture_of(page, "lamp").evaluate(PICTURE_ADVANCES)


def test_landmarks_and_names_are_there(serve, clip, page):
    page.goto(serve(clip).url)
    expect(camera(page, "lamp")).to_be_visible()
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    expect(page.get_by_role("navigation", name="For programs")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("edgerun")
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(h => Number(h.tagName[1]))"
    )
    assert all(after <= before + 1 for before, after in pairwise(levels))
    nameless = """[...document.querySelectorAll("button, a, img:not([alt='']), svg[role]")].filter(
        (e) => !(e.getAttribute("aria-label") || e.alt || e.innerText)).length"""
    assert page.evaluate(nameless) == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(serve, clip, page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(serve(clip).url)
    expect(camera(page, "lamp").get_by_role("listitem").first).to_be_visible()
    expect(page.get_by_role("region", name="Model colours")).to_be_visible()
    assert page.evaluate(LOW_CONTRAST) == []


def test_what_a_camera_says_of_itself_is_shown(serve, clip, page):
    """The words of a server that knows more than ours can be made to know here."""
    server = serve(clip)
    with urlopen(server.url + "/api/streams") as response:
        status = json.load(response)
    (lamp,) = status["streams"]
    lamp |= {
        "state": "reconnecting",
        "trouble": "The camera <b>does not answer</b>.",
        "accuracy": {"precision": 0.9375, "recall": None, "frames": 200},
    }
    lamp["frames"]["dropped"] = {"newer_frame": 1200, "odd_reason": 34}
    told = f"event: status\ndata: {json.dumps(status)}\n\n"
    page.route(
        "**/api/events*",
        lambda route: route.fulfill(content_type="text/event-stream", body=told),
    )
    page.goto(server.url)
    card = camera(page, "lamp")
    expect(card).to_contain_text("reconnecting")
    expect(card.get_by_role("alert")).to_have_text("The camera <b>does not answer</b>.")
    expect(tile(card, "precision")).to_have_text("93.8 %")
    expect(tile(card, "recall")).to_have_text("\N{EN DASH}")
    expect(tile(card, "dropped")).to_have_text("1,234")
    expect(tile(card, "replaced by a newer frame")).to_have_text("1,200")
    expect(tile(card, "odd reason")).to_have_text("34")


def test_a_page_that_nobody_sees_rests(serve, clip, page):
    server = serve(clip)
    page.goto(server.url)
    picture = picture_of(page, "lamp")
    picture.evaluate(PICTURE_ADVANCES)
    turn = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    with page.expect_event("requestfailed", lambda request: "/api/events" in request.url):
        page.evaluate(turn, True)
    page.evaluate(turn, False)
    picture.evaluate(PICTURE_ADVANCES)
    expect(page.get_by_role("status").first).to_have_text("live")


def test_the_page_comes_back_after_a_restart(serve, clip, page):
    server = serve(clip)
    page.goto(server.url)
    picture = picture_of(page, "lamp")
    picture.evaluate(PICTURE_ADVANCES)
    server.stop()
    status = page.get_by_role("status").first
    expect(status).to_contain_text("connection lost")
    expect(page.locator("main")).to_have_css("opacity", "0.45")
    server.start()
    expect(status).to_have_text("live")
    expect(page.locator("main")).to_have_css("opacity", "1")
    picture.evaluate(PICTURE_ADVANCES)
    expect(picture).to_be_visible()


def test_a_token_opens_the_page_and_its_loss_is_noticed(serve, clip, page, tmp_path, monkeypatch):
    (tmp_path / "tokens").write_text("a-token-of-some-length\n")
    monkeypatch.setenv("EDGERUN_TOKENS_FILE", str(tmp_path / "tokens"))
    server = serve(clip)
    page.goto(server.url)
    page.get_by_label("Token").fill("a-token-of-some-length")
    page.keyboard.press("Enter")
    picture_of(page, "lamp").evaluate(PICTURE_ADVANCES)
    expect(page.get_by_role("status").first).to_have_text("live")
    assert "token" not in page.url
    page.context.clear_cookies()
    server.stop()
    server.start()
    expect(page.get_by_label("Token")).to_be_visible()


def test_eight_cameras_live_on_one_page(serve, clip, page, tmp_path):
    clips = [shutil.copy(clip, tmp_path / f"lamp-{i}.avi") for i in range(8)]
    page.set_viewport_size({"width": 1600, "height": 2400})
    page.goto(serve(*clips).url)
    expect(page.get_by_role("article")).to_have_count(8)
    pictures = page.get_by_role("img", name=re.compile("live picture"))
    expect(pictures).to_have_count(8)
    pictures.evaluate_all(f"all => Promise.all(all.map({PICTURE_ADVANCES}))")
    expect(page.get_by_role("status").first).to_have_text("live")


def test_a_camera_out_of_sight_sends_no_pictures_until_it_is_in_sight(serve, clip, page, tmp_path):
    clips = [shutil.copy(clip, tmp_path / f"lamp-{i}.avi") for i in range(4)]
    page.set_viewport_size({"width": 400, "height": 600})
    asked = []

    def note(request: sync_api.Request) -> None:
        url = urlsplit(request.url)
        if url.path == "/api/pictures":
            asked.append(parse_qs(url.query))

    page.on("request", note)
    page.goto(serve(*clips).url)
    picture_of(page, "lamp-0").evaluate(PICTURE_ADVANCES)
    assert "lamp-0" in asked[-1]
    assert not any("lamp-3" in query for query in asked)
    camera(page, "lamp-3").scroll_into_view_if_needed()
    picture_of(page, "lamp-3").evaluate(PICTURE_ADVANCES)
    assert "lamp-0" not in asked[-1]


def test_viewers_who_read_nothing_do_not_slow_the_page(serve, clip, page):
    server = serve(clip)
    address = urlsplit(server.url)
    with ExitStack() as stack:
        for path in ("/stream/lamp.mjpg", "/api/events") * 4:
            sleeper = socket.create_connection((address.hostname, address.port))
            stack.enter_context(sleeper)
            sleeper.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        page.goto(server.url)
        picture_of(page, "lamp").evaluate(PICTURE_ADVANCES)
        count = tile(camera(page, "lamp"), "frames")
        expect(count).to_have_text(re.compile(r"^\d\d+$"))
        expect(count).not_to_have_text(count.inner_text())


def test_two_cameras_fit_on_a_phone(serve, clip, page, tmp_path):
    other = tmp_path / "other-lamp.avi"
    shutil.copy(clip, other)
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(serve(clip, other).url)
    expect(page.get_by_role("article").get_by_role("heading", level=3)).to_have_text(
        ["lamp", "other-lamp"]
    )
    rows = page.get_by_role("listitem")
    expect(rows).to_have_count(2 * len(COLOURS))
    expect(page.get_by_role("region", name="Model colours").locator("dd").last).to_be_visible()
    for name in ("lamp", "other-lamp"):
        camera(page, name).scroll_into_view_if_needed()
        expect(picture_of(page, name)).to_have_js_property("naturalWidth", WIDTH)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate(OUTSIDE) == []


def test_zones_and_lines_are_drawn_with_the_mouse(page, tmp_path):
    zones = tmp_path / "yard.toml"
    server = Server("--zones", zones)
    try:
        page.goto(server.url)
        place = camera(page, "demo")
        picture = place.locator(".picture")
        expect(picture).not_to_have_class(re.compile("waiting"))
        place.get_by_text("Zones and lines").click()
        names = iter(["left half", "door"])
        page.on("dialog", lambda dialog: dialog.accept(next(names)))
        place.get_by_role("button", name="New zone").click()
        page.evaluate("document.activeElement.blur()")
        drawing = place.locator("svg.zones")
        box = drawing.bounding_box()
        assert box is not None
        wide, high = place.locator("img").evaluate("img => [img.naturalWidth, img.naturalHeight]")
        zoom = min(box["width"] / wide, box["height"] / high)

        def click(x: float, y: float) -> None:
            """On a part of the picture, which stands in the middle of its frame."""
            left, top = (box["width"] - wide * zoom) / 2, (box["height"] - high * zoom) / 2
            drawing.click(position={"x": left + wide * zoom * x, "y": top + high * zoom * y})

        for x, y in ((0.1, 0.1), (0.5, 0.1), (0.5, 0.9), (0.1, 0.9)):
            click(x, y)
        place.get_by_role("button", name="Done").click()
        expect(place.get_by_role("listitem").filter(has_text="left half")).to_be_visible()
        place.get_by_role("button", name="New line").click()
        for x in (0.2, 0.8):
            click(x, 0.5)
        expect(place.get_by_role("listitem").filter(has_text="door: ")).to_be_visible()
        watch = read_zones(zones)
        (zone,), (line,) = watch.zones, watch.lines
        np.testing.assert_allclose(zone.points, [(0.1, 0.1), (0.5, 0.1), (0.5, 0.9), (0.1, 0.9)], atol=0.02)
        np.testing.assert_allclose([line.start, line.end], [(0.2, 0.5), (0.8, 0.5)], atol=0.02)
        place.get_by_role("button", name="Remove zone left half").click()
        expect(place.get_by_role("listitem").filter(has_text="left half")).to_have_count(0)
        assert [place.name for place in read_zones(zones).lines] == ["door"]
        assert not read_zones(zones).zones

        page.get_by_text("What the scheduler decides").click()
        row = page.get_by_role("region", name="The newest decisions").get_by_role("row").nth(1)
        expect(row).to_contain_text("demo")
    finally:
        server.stop()
