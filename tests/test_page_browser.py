"""The page of --serve in a real browser: Chromium without a window, with a file as its camera."""

from __future__ import annotations

import base64
import importlib.util
import io
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, Program, make_clip, wait_until

pytest.importorskip("selenium", reason="needs Selenium: pip install -r requirements-dev.txt")
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs a browser and its driver: apt-get install chromium chromium-driver"
    ),
]

GREEN = (0, 177, 64)  # red, green, blue of the first colour that the page offers
# The look of a picture on the page at a place, by shares of its width and height.
PIXEL = """
const [id, across, down] = arguments, picture = document.getElementById(id);
const width = picture.naturalWidth || picture.videoWidth || picture.width;
const height = picture.naturalHeight || picture.videoHeight || picture.height;
if (!width || !height) return null;
const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d");
pen.drawImage(picture, Math.floor(across * width), Math.floor(down * height), 1, 1, 0, 0, 1, 1);
return [...pen.getImageData(0, 0, 1, 1).data];
"""
DROP = """
const [target, bytes, name, type] = arguments, carried = new DataTransfer();
carried.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name, {type}));
for (const kind of ["dragenter", "dragover", "drop"])
  document.querySelector(target).dispatchEvent(
    new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
"""
PASTE = """
const [bytes, name, type] = arguments, carried = new DataTransfer();
carried.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name, {type}));
document.body.dispatchEvent(new ClipboardEvent("paste", {bubbles: true, clipboardData: carried}));
"""
DROP_ADDRESS = """
const carried = new DataTransfer();
carried.setData("text/uri-list", "https://example.com/me.jpg");
for (const kind of ["dragenter", "dragover", "drop"])
  document.body.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
"""
# Collects what is said, also for a moment.
HEAR = """
window.heard = [];
const said = document.getElementById("said");
new MutationObserver(() => heard.push(said.textContent)).observe(said, {childList: true});
"""
# Lets the next result but one fail.
FAIL = """
const real = fetch;
let results = 0;
window.fetch = (path, ...more) => {
  if (!path.includes("/result") || ++results < 2) return real(path, ...more);
  window.fetch = real;
  return Promise.resolve(new Response('{"error": "too dark"}', {status: 422}));
};
"""
# Size of the picture on the clipboard, and its alpha in a corner and in the middle.
CLIPBOARD = """
const [done] = arguments;
navigator.clipboard.read().then(([item]) => item.getType("image/png")).then(createImageBitmap).then((picture) => {
  const {width, height} = picture, pen = new OffscreenCanvas(width, height).getContext(
    "2d", {willReadFrequently: true});
  pen.drawImage(picture, 0, 0);
  const alpha = (x, y) => pen.getImageData(x * width, y * height, 1, 1).data[3];
  return [width, height, alpha(0.95, 0.05), alpha(0.5, 0.25)];
}).then(done, (error) => done(error.message));
"""
# The place in the look that the server keeps.
PLACE = """
const request = new XMLHttpRequest();
request.open("GET", "/api/look", false);
request.send();
return JSON.parse(request.responseText).place;
"""
SIZE = """
const {naturalWidth, naturalHeight} = document.getElementById("photo-result");
return [naturalWidth, naturalHeight];
"""
STRIP = "return [...document.querySelectorAll('#photo-strip button')].map((each) => each.title)"
# Fills all places for messages.
SPEAK = """
for (const id of ["offer", "said", "trouble"]) {
  document.getElementById(id).textContent = "portrait.jpg has 61 MB, and photos may have 50 MB";
  document.getElementById(id).classList.add("shown");
}
"""
# Buttons below the picture that messages cover.
COVERED = """
const messages = [...document.querySelectorAll(".said.shown")].map((each) => each.getBoundingClientRect());
return [...document.querySelectorAll(".bar button, .tools button, .tools select")].filter((each) => {
  const {left, right, top, bottom, width} = each.getBoundingClientRect();
  return width && messages.some((box) => left < box.right && right > box.left && top < box.bottom && bottom > box.top);
}).map((each) => each.outerHTML);
"""
AXE = """
const [done] = arguments;
axe.run().then(({violations}) => done(violations.filter(({impact}) => ["serious", "critical"].includes(impact))
  .map(({id, nodes}) => [id, ...nodes.map(({html, failureSummary}) => html + failureSummary)])));
"""
# Whether the page lets itself be left without a question.
LEAVES = "return dispatchEvent(new Event('beforeunload', {cancelable: true}))"
PASTE_LARGE = """
const carried = new DataTransfer();
carried.items.add(new File([new Uint8Array(50 * 2 ** 20 + 1)], "large.jpg", {type: "image/jpeg"}));
document.body.dispatchEvent(new ClipboardEvent("paste", {bubbles: true, clipboardData: carried}));
"""
# Settings with their numbers and values, as the server lists them, and as the controls have them.
LISTED = """
const [done] = arguments;
fetch("/api/options").then((answer) => answer.json()).then(({settings}) => done(Object.fromEntries(settings.map(
  ({name, kind, limits, step, choices}) => [name, {limits: kind === "number" ? limits : null, step, choices}]))));
"""
OFFERED = """
return Object.fromEntries([...document.querySelectorAll("#look [data-setting]")].flatMap((each) => {
  const range = each.querySelector("input[type=range]");
  const values = [...each.querySelectorAll("input[type=radio], input[type=checkbox][value]:not([value=on])")];
  const names = each.dataset.setting.split(" ");
  return names.map((name) => [name, {limits: range && names.length === 1 ? [+range.min, +range.max] : null,
    step: range && +range.step, choices: values.map(({value}) => value)}]);
}));
"""
NAMELESS = """
return [...document.querySelectorAll("button, input, select, [role=slider], [role=tab]")]
  .filter((each) => !each.textContent.trim() && !each.ariaLabel && !each.labels?.length)
  .map((each) => each.outerHTML);
"""
# Shows all buttons of the tabs, also those of states that a test does not come to.
SHOW_TOOLS = """
for (const each of document.querySelectorAll(".tools, .tools *, .transport")) each.hidden = false;
"""
CUT_OFF = """
return [...document.querySelectorAll("button:not(.skip), legend, p, select, .name")].filter((each) => {
  const {left, right, width} = each.getBoundingClientRect();
  return width && (left < 0 || right > innerWidth);
}).map((each) => each.outerHTML);
"""

# A phone: a camera on each side, which turn with it, of a square on grey; and how often the screen is kept awake.
PHONE = """
window.phone = {size: [360, 640], asked: [], open: 0, awake: 0, lock: null};
navigator.mediaDevices.enumerateDevices = async () => ["user", "environment"].map(
  (side) => ({kind: "videoinput", deviceId: side, label: side}));
navigator.mediaDevices.getUserMedia = async ({video}) => {
  const side = video.deviceId?.exact ?? video.facingMode, pen = document.createElement("canvas").getContext("2d");
  phone.asked.push(video.facingMode);
  phone.open += 1;
  const draw = () => {
    const [width, height] = phone.size;
    if (pen.canvas.width !== width || pen.canvas.height !== height) Object.assign(pen.canvas, {width, height});
    pen.fillStyle = "#808080";
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = side === "user" ? "#ff0000" : "#0000ff";
    pen.fillRect(width / 2 - 100, height / 2 - 100, 200, 200);
  };
  draw();
  const drawing = setInterval(draw, 30), stream = pen.canvas.captureStream(), [track] = stream.getTracks();
  const stop = track.stop.bind(track);
  track.stop = () => {
    phone.open -= 1;
    clearInterval(drawing);
    stop();
  };
  track.getSettings = () => ({deviceId: side, facingMode: side});
  return stream;
};
Object.defineProperty(navigator, "wakeLock", {value: {request: async () => {
  phone.lock = new EventTarget();
  phone.lock.release = async () => {
    phone.awake -= 1;
    phone.lock.dispatchEvent(new Event("release"));
  };
  phone.awake += 1;
  return phone.lock;
}}});
"""
# What is too small for a finger, in CSS pixels.
SMALL = """
return [...document.querySelectorAll("button, select, .tile, .check, .segmented label, .slider input, [type=color]")]
  .filter((each) => {
    const {width, height} = each.getBoundingClientRect();
    return width && (width < 44 || height < 44);
  }).map((each) => each.outerHTML);
"""
# Size of the camera's picture, and the ratio of its sides on the screen.
SHAPE = """
const picture = document.getElementById("camera-result"), {width, height} = picture.getBoundingClientRect();
return [picture.width, picture.height, Math.round(100 * width / height)];
"""


# The media type of transparent recordings in a browser that has none.
CANNOT = """
const [done] = arguments, {isTypeSupported} = MediaRecorder;
MediaRecorder.isTypeSupported = () => false;
import("/static/transparent_canvas.js?other").then(({transparentType}) => transparentType())
  .then(done, (error) => done(String(error))).finally(() => (MediaRecorder.isTypeSupported = isTypeSupported));
"""
# What the browser answers to more than it may keep.
TOO_MUCH = """
const [done] = arguments;
import("/static/recording_store.js").then(async ({beginKeeping, forgetKept, keepPiece, MAX_BYTES}) => {
  await beginKeeping("large", "video/webm");
  const error = await keepPiece("large", {size: MAX_BYTES + 1}).then(() => null, (error) => error.name);
  await forgetKept("large");
  return error;
}).then(done, (error) => done(String(error)));
"""
# Pieces of the last recording that the browser keeps; 0 without one.
KEPT_PIECES = """
const [done] = arguments;
import("/static/recording_store.js").then(({listKept}) => listKept()).then((all) => done(all.at(-1)?.pieces ?? 0));
"""


def decode_with_alpha(path: Path) -> list[np.ndarray]:
    """Return the frames of a WebM, uint8 (H, W, 4) RGBA, as libvpx reads them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = av.CodecContext.create({"vp8": "libvpx", "vp9": "libvpx-vp9"}[stream.codec_context.name], "r")
        return [
            frame.to_ndarray(format="rgba") for packet in container.demux(stream) for frame in decoder.decode(packet)
        ]


class Browser:
    """A browser at the page, with hands and eyes."""

    def __init__(self, driver: webdriver.Chrome, address: str, downloads: Path) -> None:
        self.driver = driver
        self.address = address
        self.downloads = downloads

    def open(self, tab: str = "") -> None:
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}#{tab}")
        wait_until(lambda: self.run("return 'ready' in document.body.dataset"), "the page")
        # The window to choose files does not open; the input that would have asked takes them.
        self.driver.execute_cdp_cmd("Page.setInterceptFileChooserDialog", {"enabled": True})

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def shows(self, selector: str) -> bool:
        """Return whether an element is visible; it may be replaced by another meanwhile."""
        try:
            return self.find(selector).is_displayed()
        except StaleElementReferenceException:
            return False

    def texts(self, selector: str) -> list[str]:
        return [each.text for each in self.driver.find_elements(By.CSS_SELECTOR, selector)]

    def type(self, keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(keys)

    def choose(self, button: str, *paths: Path) -> None:
        self.find(button).click()
        self.find("#chosen").send_keys("\n".join(map(str, paths)))

    def background(self, name: str) -> None:
        self.find(f"#backgrounds input[value='{name}']").click()

    def tool(self, tab: str, label: str) -> WebElement:
        buttons = self.driver.find_elements(By.CSS_SELECTOR, f"#{tab}-tools button")
        return next(each for each in buttons if each.text == label)

    def pixel(self, element: str, across: float, down: float) -> tuple[int, ...]:
        return tuple(self.run(PIXEL, element, across, down) or (0, 0, 0, 0))

    def is_color(self, element: str, across: float, down: float, color: tuple[int, ...]) -> bool:
        found = self.pixel(element, across, down)
        return found[3] == 255 and max(abs(one - other) for one, other in zip(found, color, strict=False)) < 16

    def focused(self) -> WebElement:
        return self.driver.switch_to.active_element

    def said(self) -> str:
        return str(self.run("return document.getElementById('said').textContent"))

    def downloaded(self, pattern: str) -> Path:
        wait_until(lambda: any(self.downloads.glob(pattern)), f"the download of {pattern}")
        (path,) = self.downloads.glob(pattern)
        return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera's frames, a clip of the same person, and a text that is called a picture."""
    folder = tmp_path_factory.mktemp("page")
    frame = np.full((480, 640, 3), (60, 60, 200), np.uint8)
    frame[:, 80:560] = cv2.resize(cv2.imread(str(PORTRAIT)), (480, 480))
    moved = [np.roll(frame, shift, axis=1) for shift in (0, 2, 4, 6, 4, 2)]
    (folder / "camera.mjpeg").write_bytes(b"".join(cv2.imencode(".jpg", each)[1].tobytes() for each in moved))
    small = [cv2.resize(each, (320, 240), interpolation=cv2.INTER_AREA) for each in moved]
    make_clip(folder / "short.mp4", small * 5, sound="aac")
    make_clip(folder / "long.mp4", small * 150, codec="mpeg4", sound="aac")  # of which Chromium plays the sound alone
    (folder / "notes.jpg").write_text("not a picture")
    return folder


@pytest.fixture(scope="module")
def browser(files: Path) -> Iterator[Browser]:
    """The page, served by a program of its own, in a browser that has that camera."""
    process = Program(
        [sys.executable, str(ROOT / "main.py"), "--serve", "127.0.0.1:0", "--no-browser"],
        cwd=files,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--lang=en-US", "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={files / 'camera.mjpeg'}", "--window-size=1280,900",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    downloads = files / "downloads"
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = None
    try:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        yield Browser(driver, process.line().split()[-1], downloads)
    finally:
        if driver is not None:
            driver.quit()
        process.terminate()  # which removes what it was sent
        process.communicate(timeout=20)


@pytest.fixture
def page(browser: Browser) -> Iterator[Callable[[str], Browser]]:
    """Open a tab of the page; afterwards the browser has found nothing to complain of."""

    def open_tab(tab: str) -> Browser:
        browser.driver.get("about:blank")  # the page before sends its look now, with its own cookie
        # A new visitor, of whom nothing is kept.
        browser.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        browser.open(tab)
        return browser

    shutil.rmtree(browser.downloads, ignore_errors=True)
    yield open_tab
    complaints = [line["message"] for line in browser.driver.get_log("browser") if "status of 4" not in line["message"]]
    assert complaints == []


def _use_camera_buttons(browser: Browser) -> None:
    """Ask for the empty room and give it up; try to keep the person, who is no thing; stop."""
    browser.run(HEAR)
    for words in ("step aside: the empty room", "the empty room is not taken"):
        browser.tool("camera", "Empty room").click()
        wait_until(lambda words=words: words in str(browser.run("return heard")), words)
    browser.tool("camera", "Keep a thing").click()
    assert browser.tool("camera", "Keep a thing").get_attribute("aria-pressed") == "true"
    browser.find("#camera-result").click()
    wait_until(lambda: "who is kept anyway" in browser.said(), "the answer")
    browser.type("q")
    wait_until(lambda: browser.shows("#camera-start"), "the end")


def test_a_camera(page: Callable[[str], Browser]) -> None:
    browser = page("camera")
    browser.find("#camera-start").send_keys(Keys.ENTER)
    wait_until(lambda: browser.shows("#camera-result"), "a frame")
    assert browser.focused().get_attribute("id") == "camera-stage"
    assert browser.run("const c = document.getElementById('camera-result'); return [c.width, c.height]") == [640, 480]
    face = browser.pixel("camera-result", 0.5, 0.25)
    browser.background("color")
    wait_until(lambda: browser.is_color("camera-result", 0.05, 0.1, GREEN), "a green background")
    assert not browser.is_color("camera-result", 0.5, 0.25, GREEN)
    assert np.abs(np.subtract(browser.pixel("camera-result", 0.5, 0.25), face)).max() < 60
    wait_until(lambda: "frames a second" in browser.find("#camera-facts").text, "the rate")
    browser.type("s")
    picture = cv2.imread(str(browser.downloaded("snapshot_*.png")))
    assert picture.shape == (480, 640, 3)
    assert np.abs(picture[20, 20].astype(int) - GREEN[::-1]).max() < 16
    # Transparent: in the snapshot, and in a recording that begins so.
    shutil.rmtree(browser.downloads)
    browser.background("transparent")
    wait_until(lambda: browser.is_color("camera-result", 0.05, 0.1, (153, 153, 153)), "squares")
    browser.type("s")
    cutout = cv2.imread(str(browser.downloaded("snapshot_*.png")), cv2.IMREAD_UNCHANGED)
    assert (cutout.shape, cutout[20, 20, 3], cutout[120, 320, 3]) == ((480, 640, 4), 0, 255)
    browser.type("r")
    wait_until(lambda: browser.shows("#camera-recording"), "a recording")
    wait_until(lambda: browser.is_color("camera-result", 0.05, 0.1, (153, 153, 153)), "squares for the eye")
    assert browser.run(LEAVES) is False
    assert browser.find("#tab-camera").get_attribute("aria-label") == "Camera, recording"
    time.sleep(0.5)
    browser.type("r")
    pictures = decode_with_alpha(browser.downloaded("recording_*.webm"))
    assert len(pictures) >= 2
    assert pictures[-1][20, 20, 3] < 16
    assert pictures[-1][120, 320, 3] > 240
    assert np.abs(pictures[-1][120, 320, :3].astype(int) - face[:3]).max() < 60
    assert browser.run(LEAVES) is True
    # In one that begins otherwise it shows squares, and green is offered in their place.
    shutil.rmtree(browser.downloads)
    browser.background("none")
    browser.type("r")
    wait_until(lambda: browser.shows("#camera-recording"), "a recording")
    browser.background("transparent")
    wait_until(lambda: "squares" in browser.find("#offer").text, "what is said of it")
    browser.find("#offer button").click()
    wait_until(lambda: browser.is_color("camera-result", 0.05, 0.1, GREEN), "a green background")
    time.sleep(0.3)
    browser.type("r")
    with av.open(str(browser.downloaded("recording_*.*[4m]"))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert np.abs(frames[-1][20, 20].astype(int) - GREEN).max() < 40
    assert [browser.driver.execute_async_script(each) for each in (CANNOT, TOO_MUCH)] == ["", "TooMuch"]
    _use_camera_buttons(browser)


@pytest.fixture
def phone(page: Callable[[str], Browser], browser: Browser) -> Iterator[Callable[[int, int], None]]:
    """Make the window that of a phone, of a width and a height."""

    def turn(width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
        browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})

    yield turn
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_phone(page: Callable[[str], Browser], phone: Callable[[int, int], None]) -> None:
    phone(360, 740)
    browser = page("camera")
    browser.run(PHONE)
    browser.background("color")
    assert (browser.run(SMALL), browser.run(CUT_OFF)) == ([], [])
    browser.background("none")
    browser.find("#camera-start").click()
    wait_until(lambda: browser.is_color("camera-result", 0.5, 0.5, (255, 0, 0)), "the front camera")
    assert browser.run(SHAPE) == [360, 640, 56]
    assert (browser.run(SMALL), browser.run(CUT_OFF)) == ([], [])
    assert browser.run("return [phone.asked, phone.awake]") == [["user"], 1]
    assert browser.run("return document.getElementById('camera-stage').classList.contains('mirrored')")
    # Another program was in front for a while.
    browser.run("phone.awake -= 1; phone.lock.dispatchEvent(new Event('release'))")
    wait_until(lambda: browser.run("return phone.awake === 1"), "the screen to be kept awake again")
    # The recording goes on while the camera and the phone are turned, and keeps its size.
    browser.type("r")
    wait_until(lambda: browser.shows("#camera-recording"), "a recording")
    browser.find("#camera-turn").click()
    wait_until(lambda: browser.is_color("camera-result", 0.5, 0.5, (0, 0, 255)), "the back camera")
    assert not browser.run("return document.getElementById('camera-stage').classList.contains('mirrored')")
    phone(740, 360)
    browser.run("phone.size = [640, 360]")
    wait_until(lambda: browser.run(SHAPE) == [640, 360, 178], "a wide picture")
    assert browser.is_color("camera-result", 0.36, 0.5, (0, 0, 255))
    assert browser.is_color("camera-result", 0.5, 0.76, (0, 0, 255))
    assert (browser.run(SMALL), browser.run(CUT_OFF)) == ([], [])
    browser.type("s")
    assert cv2.imread(str(browser.downloaded("snapshot_*.png"))).shape == (360, 640, 3)
    browser.type("r")
    with av.open(str(browser.downloaded("recording_*.*[4m]"))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert {frame.shape for frame in frames} == {(640, 360, 3)}
    # The square of 200 pixels, on 640 fitted into 360, is as high as wide; above it are grey and a black bar.
    for x, y, color in (
        (180, 320, (0, 0, 255)),
        (132, 320, (0, 0, 255)),
        (180, 272, (0, 0, 255)),
        (180, 100, (0, 0, 0)),
    ):
        assert np.abs(frames[-1][y, x].astype(int) - color).max() < 60, (x, y)
    assert np.abs(frames[0][230, 180].astype(int) - (255, 0, 0)).max() < 60
    browser.type("q")
    wait_until(
        lambda: browser.run("return [phone.asked, phone.open, phone.awake]") == [["user", "environment"], 0, 0],
        "the end",
    )


def test_controls_are_those_of_the_options(page: Callable[[str], Browser]) -> None:
    browser = page("photo")
    listed, offered = browser.driver.execute_async_script(LISTED), browser.run(OFFERED)
    offered["background"]["choices"] = offered["background"]["choices"][: len(listed["background"]["choices"])]
    assert offered == listed
    controls = "#look input:not([type=color]), #look output"
    assert browser.run(
        f"return [...document.querySelectorAll('{controls}')].every((each) => each.closest('[data-setting]'))"
    )
    # A picture before the person, which is only offered before a new background.
    foreground = "[data-setting=foreground]"
    assert not browser.shows(foreground)
    browser.background("color")
    browser.choose(f"{foreground} button", PORTRAIT)
    wait_until(lambda: browser.texts(f"{foreground} .name") == ["portrait.jpg"], "the picture's name")
    browser.find(f"{foreground} button:last-child").click()
    assert browser.texts(f"{foreground} .name") == ["None"]
    browser.find("#look .quiet").click()
    assert not browser.shows(foreground)


def test_keys(page: Callable[[str], Browser]) -> None:
    browser = page("camera")

    def chosen(name: str) -> str:
        return browser.run(f"return document.querySelector('input[name={name}]:checked').value")

    browser.type("?")
    assert browser.find("#keys").is_displayed()
    assert {"next / previous background", "freeze", "save the result"} <= set(browser.texts("#keys dd"))
    browser.type("a")  # nothing happens behind the list
    browser.type(Keys.ESCAPE)
    assert not browser.find("#keys").is_displayed()
    browser.find("#show-keys").send_keys(Keys.ENTER)  # which elsewhere starts the camera
    assert browser.find("#keys").is_displayed()
    assert browser.find("#camera-start").is_enabled()
    browser.type(Keys.ESCAPE)
    assert chosen("background") == "blur"
    browser.type("]")
    assert (chosen("blur"), browser.said()) == ("3%", "Blur: 3%")
    browser.type("]")
    assert (chosen("blur"), browser.said()) == ("strong", "Blur: Strong")
    browser.type("a")
    assert (chosen("background"), browser.said()) == ("studio", "Background: Studio")
    browser.type("d")
    assert chosen("background") == "forest"
    assert not browser.find("#look input[value=defocus]").is_enabled()  # which works on a blurred room alone
    browser.type("b")
    assert chosen("background") == "color"
    browser.type("-p")
    assert (chosen("people"), browser.find("#slider-threshold").get_attribute("value")) == ("main", "0.45")
    browser.type("2")
    assert browser.find("#photo").is_displayed()
    assert browser.find("#tab-photo").get_attribute("aria-selected") == "true"
    browser.find("#tab-photo").send_keys(Keys.ARROW_RIGHT)
    assert browser.driver.switch_to.active_element.get_attribute("id") == "tab-video"
    browser.find("#look .quiet").click()
    assert (chosen("background"), chosen("people"), chosen("blur")) == ("blur", "all", "medium")
    assert browser.run(NAMELESS) == []


def _save_all(browser: Browser) -> None:
    """Save both photos as a ZIP, at first with one that fails, which is named, while the other one is saved."""
    browser.run(FAIL)
    browser.tool("photo", "All as ZIP").click()
    with zipfile.ZipFile(io.BytesIO(browser.downloaded("photos_out.zip").read_bytes())) as pictures:
        assert pictures.namelist() == ["portrait_out.png"]
    wait_until(lambda: "1 photo is missing in the ZIP: second.jpg: too dark" in browser.find("#trouble").text, "it")
    shutil.rmtree(browser.downloads)
    browser.tool("photo", "All as ZIP").click()
    with zipfile.ZipFile(io.BytesIO(browser.downloaded("photos_out.zip").read_bytes())) as pictures:
        assert pictures.testzip() is None
        assert sorted(pictures.namelist()) == ["portrait_out.png", "second_out.png"]
        assert cv2.imdecode(np.frombuffer(pictures.read("second_out.png"), np.uint8), -1).shape[:2] == (512, 512)


def test_photos(page: Callable[[str], Browser], files: Path) -> None:
    browser = page("photo")
    browser.background("color")
    browser.choose("#photo-choose", PORTRAIT)
    wait_until(lambda: browser.is_color("photo-result", 0.95, 0.05, GREEN), "a green background")
    assert not browser.is_color("photo-result", 0.5, 0.25, GREEN)
    divider = browser.find("#photo-stage .divider")
    divider.send_keys(Keys.ARROW_RIGHT)
    assert divider.get_attribute("aria-valuenow") == "52"
    browser.type("x")
    assert browser.run("return document.getElementById('photo-result').width * devicePixelRatio") == 512
    browser.background("transparent")
    wait_until(lambda: browser.pixel("photo-result", 0.95, 0.05)[3] == 0, "transparency")
    browser.tool("photo", "Download").click()
    picture = cv2.imread(str(browser.downloaded("portrait_out.png")), cv2.IMREAD_UNCHANGED)
    assert (picture.shape, picture[25, 486, 3], picture[128, 256, 3]) == ((512, 512, 4), 0, 255)
    # A second photo is pasted, and a background is dropped.
    data = base64.b64encode(PORTRAIT.read_bytes()).decode()
    browser.run(PASTE, data, "second.jpg", "image/jpeg")
    wait_until(lambda: "All as ZIP" in browser.texts("#photo-tools button"), "the second photo")
    blue = cv2.imencode(".png", np.full((40, 60, 3), (200, 20, 10), np.uint8))[1].tobytes()
    browser.run(DROP, "#backgrounds legend", base64.b64encode(blue).decode(), "blue.png", "image/png")
    wait_until(lambda: browser.is_color("photo-result", 0.95, 0.05, (10, 20, 200)), "the dropped background")
    _save_all(browser)
    # A reload brings back the photos, the one at hand, the background and the look.
    browser.find("#photo-strip button").send_keys(Keys.ENTER)
    assert browser.focused().get_attribute("title") == "portrait.jpg"
    browser.find("#slider-threshold").send_keys(Keys.ARROW_RIGHT)
    browser.open("photo")
    wait_until(lambda: browser.is_color("photo-result", 0.95, 0.05, (10, 20, 200)), "the same picture")
    assert browser.find("#photo-strip [aria-pressed=true]").get_attribute("title") == "portrait.jpg"
    assert browser.find("#slider-threshold").get_attribute("value") == "0.55"
    assert browser.run("return document.querySelector('#backgrounds input:checked').closest('label').title") == "blue"
    # What is removed can be brought back for some seconds, and is then removed from the server.
    browser.tool("photo", "Remove").click()
    assert browser.run(STRIP) == ["second.jpg"]
    browser.find("#offer button").click()
    wait_until(lambda: browser.is_color("photo-result", 0.95, 0.05, (10, 20, 200)), "the photo again")
    assert browser.run(STRIP) == ["portrait.jpg", "second.jpg"]
    browser.choose("[aria-keyshortcuts=o]:not(#video *)", files / "notes.jpg")
    wait_until(lambda: "notes.jpg" in browser.find("#trouble").text, "a complaint")
    assert browser.run(STRIP) == ["portrait.jpg", "second.jpg"]
    browser.tool("photo", "Remove").click()
    browser.open("photo")
    wait_until(lambda: browser.run(STRIP) == ["portrait.jpg"], "the other photo alone")


def test_a_brush(page: Callable[[str], Browser]) -> None:
    """A stroke erases, is undone and done again, and is in what is downloaded."""
    browser = page("photo")
    browser.background("color")
    browser.choose("#photo-choose", PORTRAIT)
    wait_until(lambda: browser.is_color("photo-result", 0.95, 0.05, GREEN), "a green background")
    browser.type("r")
    canvas, tools = browser.find("canvas.strokes"), browser.driver.find_elements(By.CSS_SELECTOR, ".brush-tools button")
    assert [each.text for each in tools] == ["Keep", "Erase", "Undo", "Redo", "−", "+"]
    assert browser.run(NAMELESS) == []
    tools[1].click()
    tools[5].click()  # zoomed around the middle
    seen = browser.run("const r = arguments[0].getBoundingClientRect(); return [r.x, r.y, r.width, r.height]", canvas)
    hand = ActionChains(browser.driver, duration=20)
    pointer = hand.w3c_actions.pointer_action
    pointer.move_to_location(round(seen[0] + 0.5 * seen[2]), round(seen[1] + 0.7 * seen[3]))
    pointer.pointer_down()
    pointer.move_to_location(round(seen[0] + 0.55 * seen[2]), round(seen[1] + 0.71 * seen[3]))
    pointer.pointer_up()
    hand.perform()
    wait_until(lambda: browser.is_color("photo-result", 0.53, 0.7, GREEN), "what was marked to go")
    assert not browser.is_color("photo-result", 0.5, 0.25, GREEN)
    browser.type("u")
    wait_until(lambda: not browser.is_color("photo-result", 0.53, 0.7, GREEN), "it back")
    assert not tools[2].is_enabled()
    tools[3].click()
    browser.tool("photo", "Download").click()
    picture = cv2.imread(str(browser.downloaded("portrait_out.png")))
    assert np.abs(picture[358, 271].astype(int) - GREEN[::-1]).max() < 16
    browser.find("#photo-tools [aria-keyshortcuts=r]").click()
    assert not canvas.is_displayed()
    browser.open("photo")
    wait_until(lambda: browser.pixel("photo-result", 0.5, 0.5)[3], "the photo after a reload")
    browser.type("r")
    assert browser.find(".brush-tools [aria-keyshortcuts=u]").is_enabled(), "strokes outlast a reload"


def test_a_photo_is_edited(page: Callable[[str], Browser]) -> None:
    """The sample is copied, moved by keys and pointer, cropped, and downloaded so; a dropped address is not fetched."""
    browser = page("photo")
    browser.background("transparent")
    browser.find("#photo-sample").click()
    wait_until(lambda: browser.pixel("photo-result", 0.5, 0.5)[3] == 255, "it")
    allowed = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", allowed)
    ActionChains(browser.driver).key_down(Keys.CONTROL).send_keys("c").key_up(Keys.CONTROL).perform()
    wait_until(lambda: browser.said() == "copied", "the copy")
    assert browser.driver.execute_async_script(CLIPBOARD) == [512, 512, 0, 255]
    browser.run("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    browser.tool("photo", "Copy").click()
    assert "use Download" in browser.find("#trouble").text
    assert "Place and shadow" in browser.texts("#look legend")
    assert browser.find("#slider-shadow").is_displayed()
    # Half as large, in the lower right corner; the outline shows it at once, and the result follows.
    browser.type("m")
    assert browser.focused().get_attribute("class") == "mover"
    assert browser.run(NAMELESS) == []
    browser.type("-" * 7)
    hand = ActionChains(browser.driver, duration=20).drag_and_drop_by_offset(browser.find(".mover"), 100, 0)
    hand.perform()
    wait_until(lambda: browser.pixel("photo-result", 0.6, 0.7)[3] == 255, "the person there")
    wait_until(lambda: browser.pixel("photo-result", 0.3, 0.5)[3] == 0, "an empty place where they were")
    wait_until(lambda: browser.run(PLACE).endswith(",1,0.5132"), "the place")
    place = [float(part) for part in browser.run(PLACE).split(",")]
    assert 0.55 < place[0] < 0.75
    browser.type(Keys.ARROW_LEFT + "0")
    wait_until(lambda: browser.pixel("photo-result", 0.3, 0.9)[3] == 255, "the person back")
    browser.type(Keys.ESCAPE)
    assert browser.focused().text == "Move"
    browser.find("#crop [value='35x45']").click()
    wait_until(lambda: "cropped to" in browser.find("#photo-facts").text, "the crop")
    shown = browser.run(SIZE)
    browser.tool("photo", "Download").click()
    saved = cv2.imread(str(browser.downloaded("sample_out.png")), cv2.IMREAD_UNCHANGED)
    assert list(saved.shape[1::-1]) == shown
    assert abs(saved.shape[1] / saved.shape[0] - 35 / 45) < 0.02
    browser.find("#crop [value='']").click()
    browser.run(DROP_ADDRESS)
    assert "fetches none" in browser.find("#trouble").text


def _trim_start(browser: Browser) -> None:
    """Leave out the first 0.4 seconds of the video at hand."""
    browser.run("document.getElementById('video-source').currentTime = 0.4")
    browser.find(".trim button").click()
    assert browser.find("#trim-start").get_attribute("value") == "0.4"


def test_videos(page: Callable[[str], Browser], files: Path) -> None:
    browser = page("video")
    browser.background("color")
    browser.choose("#video-choose", files / "short.mp4")
    wait_until(lambda: browser.texts(".job .words") == ["ready to begin"], "the upload")
    wait_until(lambda: browser.shows("#video-preview"), "the first frame in that look")
    assert browser.is_color("video-preview", 0.03, 0.1, GREEN)
    _trim_start(browser)
    browser.run("document.activeElement.blur()")
    browser.type(Keys.ENTER)
    wait_until(lambda: browser.texts(".job .words") == ["done"], "the result")
    wait_until(lambda: browser.is_color("video-result", 0.03, 0.1, GREEN), "a green background")
    assert not browser.is_color("video-result", 0.5, 0.25, GREEN)
    browser.type(" ")
    playing = "return ['source', 'result'].every((id) => !document.getElementById(`video-${id}`).paused)"
    wait_until(lambda: browser.run(playing), "both to play")
    wait_until(lambda: browser.run("return document.getElementById('video-result').ended"), "the end")
    times = "return ['video-source', 'video-result'].map((id) => document.getElementById(id).currentTime)"
    wait_until(lambda: abs(np.subtract(*browser.run(times)) - 0.4) < 0.05, "the source in step")
    browser.find("#video-stage .divider").send_keys(Keys.ARROW_LEFT)
    assert browser.find("#video-stage .divider").get_attribute("aria-valuenow") == "48"
    browser.tool("video", "Download").click()
    with av.open(str(browser.downloaded("short_out.mp4"))) as container:
        assert container.streams.audio
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 20
    assert np.abs(frames[-1][10, 10].astype(int) - GREEN).max() < 16
    # A long one is begun; the page is closed and opened again; it is cancelled.
    browser.choose("#video-tools [aria-keyshortcuts=o]", files / "long.mp4")
    wait_until(lambda: browser.texts(".job .words") == ["ready to begin", "done"], "the second upload")
    wait_until(lambda: browser.shows("#video-preview"), "the server's picture of it")
    assert browser.is_color("video-preview", 0.03, 0.1, GREEN)
    before = browser.pixel("video-source", 0.5, 0.25)
    assert before[3] == 255
    assert browser.find("#video-source").get_attribute("alt") == "The video as it was"
    assert not browser.is_color("video-source", 0.03, 0.1, GREEN)
    browser.run("document.activeElement.blur()")
    browser.type(" ")
    wait_until(lambda: browser.find("#video-transport .time").text.startswith("0:01"), "a second of it")
    browser.type(" ")
    # A request without a body stays a POST.
    empty = (
        "const [done] = arguments; import('/static/api.js').then(({ask}) => ask('/api/photos', {body: null}))"
        ".then(() => done('done'), (error) => done(error.message))"
    )
    assert "nothing was sent" in browser.driver.execute_async_script(empty)
    browser.tool("video", "Begin").send_keys(Keys.ENTER)
    wait_until(lambda: browser.focused().text == "Cancel", "the focus on what is there in its place")
    browser.open("video")
    wait_until(lambda: browser.shows(".at-hand"), "the frame at hand")
    wait_until(lambda: any("left" in each for each in browser.texts(".job .words")), "the time left")
    assert browser.driver.title.endswith("% - long.mp4")
    browser.tool("video", "Cancel").click()
    wait_until(lambda: sorted(browser.texts(".job .words")) == ["cancelled", "done"], "the cancellation")
    assert browser.driver.title == "Background Removal"


def test_the_first_tab_keys_reach_the_tabs(page: Callable[[str], Browser]) -> None:
    browser = page("photo")
    found = []
    for _ in range(2):
        browser.type(Keys.TAB)
        found.append(browser.focused().get_attribute("class") or browser.focused().get_attribute("id"))
    assert found == ["skip", "tab-photo"]
    browser.run(PASTE_LARGE)
    wait_until(
        lambda: browser.find("#trouble").text == "large.jpg: too large; photos may have 50 MB at most.", "the words"
    )
    assert browser.run(STRIP) == []


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_axe_finds_nothing_serious(page: Callable[[str], Browser], width: int) -> None:
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("needs axe: pip install -r requirements-dev.txt")
    browser = page("photo")
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser.choose("#photo-choose", PORTRAIT)
        wait_until(lambda: browser.pixel("photo-result", 0.5, 0.5)[3] == 255, "the result")
        browser.background("color")
        browser.tool("photo", "Move").click()
        browser.run(SPEAK)
        assert browser.run(COVERED) == []
        if width == 1280:  # the effects are seen without scrolling
            assert browser.run("return document.querySelector('.effects').getBoundingClientRect().bottom") < 900
        browser.run(Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
        for tab in ("photo", "camera", "video"):
            browser.find(f"#tab-{tab}").click()
            assert browser.driver.execute_async_script(AXE) == []
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


LANGUAGES = {
    "de-CH,de,en": ("de", ["Kamera", "Foto", "Video", "Hintergrund", "Unschärfe", "Fotos auswählen"]),
    "nl,ja,en": ("ja", ["カメラ", "写真", "動画", "背景", "ぼかし", "写真を選択"]),
}


@pytest.mark.parametrize("wanted", LANGUAGES)
def test_other_languages(page: Callable[[str], Browser], wanted: str) -> None:
    """The page is in the visitor's language; nothing overflows on the screen of a phone."""
    language, texts = LANGUAGES[wanted]
    browser = page("photo")
    agent = browser.run("return navigator.userAgent")
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": wanted})
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser.open("photo")
        assert browser.run("return document.documentElement.lang") == language
        seen = browser.texts("[role=tab], #backgrounds legend, .tile:first-child .name, #photo-choose")
        assert sorted(seen) == sorted(texts)
        assert browser.run(NAMELESS) == []
        browser.run(SHOW_TOOLS)
        for tab in ("video", "camera", "photo"):
            browser.find(f"#tab-{tab}").click()
            assert browser.run(CUT_OFF) == []
            assert browser.run("return document.documentElement.scrollWidth") == 360
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.driver.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "en"})


def test_two_tabs_at_once(page: Callable[[str], Browser]) -> None:
    browser = page("camera")
    browser.background("color")
    browser.find("#camera-start").click()
    wait_until(lambda: browser.is_color("camera-result", 0.05, 0.1, GREEN), "a green background")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("window")
    browser.open("camera")
    browser.background("color")
    browser.find("[data-color='#0047bb']").click()
    browser.find("#camera-start").click()
    wait_until(lambda: browser.is_color("camera-result", 0.05, 0.1, (0, 71, 187)), "a blue background")
    # The other tab shows that this one records; what it has recorded outlasts it.
    browser.type("r")
    second = browser.driver.current_window_handle
    browser.driver.switch_to.window(first)
    wait_until(lambda: browser.find(".elsewhere").text == "1 other tab is recording.", "the sign")
    browser.driver.switch_to.window(second)
    wait_until(lambda: browser.driver.execute_async_script(KEPT_PIECES) >= 2, "what is kept of it")
    browser.driver.close()
    browser.driver.switch_to.window(first)
    wait_until(lambda: "was not saved" in browser.find(".kept").text, "the offer")
    assert browser.find(".elsewhere").text == ""
    browser.driver.find_elements(By.CSS_SELECTOR, ".kept button")[1].click()
    wait_until(lambda: browser.find(".kept").text == "", "its disappearance")
    browser.find("#offer button").click()
    wait_until(lambda: "was not saved" in browser.find(".kept").text, "it again")
    browser.find(".kept button").click()
    with av.open(str(browser.downloaded("recording_*.*[4m]"))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) >= 2
    assert np.abs(frames[-1][20, 20].astype(int) - (0, 71, 187)).max() < 40
    wait_until(lambda: browser.driver.execute_async_script(KEPT_PIECES) == 0, "its removal")
    assert browser.find(".kept").text == ""
    wait_until(lambda: "frames a second" in browser.find("#camera-facts").text, "frames")
    assert browser.is_color("camera-result", 0.05, 0.1, GREEN)


@pytest.mark.parametrize("width", [360, 800])
def test_nothing_is_cut_off(page: Callable[[str], Browser], width: int) -> None:
    browser = page("photo")
    metrics = {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        for tab in ("video", "camera", "photo"):
            browser.find(f"#tab-{tab}").click()
            assert browser.run(CUT_OFF) == []
            assert browser.run("return document.documentElement.scrollWidth") == width
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
