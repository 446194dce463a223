"""The microphone: a real PulseAudio server, whose one source is what the test writes into a pipe."""

from __future__ import annotations

import contextlib
import ctypes.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import StreamCamera, probe, wait_until

PLAIN = ("--no-segmentation", "--no-fps")
RATE = 44100
HERTZ = 440


def missing() -> str:
    """Say what of a Linux desktop's sound this machine lacks."""
    if sys.platform != "linux":
        return "PulseAudio runs on Linux"
    if shutil.which("pulseaudio") is None:
        return "needs pulseaudio (apt-get install pulseaudio)"
    if ctypes.util.find_library("portaudio") is None:
        return "needs PortAudio (apt-get install libportaudio2)"
    if not any(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")):
        return "needs ALSA's way to PulseAudio (apt-get install libasound2-plugins)"
    return ""


class Speaker:
    """Writes sound into the server's microphone in real time: a tone or nothing.

    Attributes:
        on: Whether the tone is heard from now on.
    """

    def __init__(self, pipe: Path) -> None:
        self.on = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write, args=(pipe,), daemon=True)
        self._thread.start()

    def _write(self, pipe: Path) -> None:
        written, began = 0, time.monotonic()
        # Nothing waits: while nobody listens the server leaves the pipe full.
        file = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.closing(os.fdopen(file, "wb", buffering=0)) as file, contextlib.suppress(OSError):
            while not self._stopped.wait(0.005):
                count = int((time.monotonic() - began) * RATE) - written
                wave = 0.4 * self.on * np.sin(2 * np.pi * HERTZ * (written + np.arange(count)) / RATE)
                file.write((wave * 32767).astype("<i2").tobytes())
                written += count

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(5)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen]:
    if missing():
        pytest.skip(missing())
    folder = tmp_path_factory.mktemp("pulse")  # its name is short: a socket's may have 107 characters
    for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(folder))
    modules = [
        f"module-native-protocol-unix socket={folder}/native auth-anonymous=1",
        f"module-pipe-source source_name=desk file={folder}/pipe rate={RATE} channels=1 format=s16le",
    ]
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes"]
    for module in modules:
        command += ["-L", module]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: (folder / "native").exists() and (folder / "pipe").exists(), "the sound server")
        monkeypatch.setenv("PULSE_SERVER", f"unix:{folder}/native")
        process.pipe = folder / "pipe"
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(10)


@pytest.fixture
def speaker(server: subprocess.Popen) -> Iterator[Speaker]:
    speaker = Speaker(server.pipe)
    yield speaker
    speaker.close()


def heard(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples of a recording's sound, and the time of each in seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    times = [float(frame.pts * frame.time_base) + np.arange(frame.samples) / frame.rate for frame in frames]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]), np.concatenate(times)


def changes(loud: np.ndarray, times: np.ndarray) -> list[float]:
    """Return when a series of yes and no changes."""
    return [float(times[place + 1]) for place in np.flatnonzero(np.diff(loud.astype(int)))]


@pytest.mark.slow
def test_a_tone_is_recorded_in_time_with_the_picture(
    server: subprocess.Popen, speaker: Speaker, stream_camera: StreamCamera, start_main, tmp_path: Path
) -> None:
    stream_camera.rate = 60
    dark, light = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 255, np.uint8)
    stream_camera.image = dark
    process = start_main(
        "--webcam", stream_camera.url, *PLAIN, "--no-show", "--record", "take.mp4", "--microphone", "default"
    )
    wait_until(lambda: stream_camera.sent > 60, "frames")
    for on in (True, False, True, False):
        stream_camera.image, speaker.on = (light, True) if on else (dark, False)
        time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    out = process.communicate(timeout=30)
    assert (process.returncode, out[1]) == (130, "note: recorded take.mp4\n")
    found = probe(tmp_path / "take.mp4", images=True)
    samples, times = heard(tmp_path / "take.mp4")
    strength = np.convolve(np.abs(samples), np.full(64, 1 / 64), "same")
    sound = changes(strength > 0.1, times)
    picture = changes(np.array([image.mean() > 128 for image in found.images]), np.array(found.times, float))
    assert len(sound) == len(picture) == 4
    offsets = np.array(sound) - picture
    print("sound after picture, ms:", np.round(1000 * offsets, 1))
    assert abs(np.median(offsets)) < 0.05
    tone = samples[(times > sound[0] + 0.05) & (times < sound[1] - 0.05)]
    strongest = np.abs(np.fft.rfft(tone * np.hanning(len(tone)))).argmax() * RATE / len(tone)
    assert strongest == pytest.approx(HERTZ, abs=3)
    assert times[-1] == pytest.approx(float(found.times[-1]), abs=0.1), "sound to the end"


# What the window shows while a tone is on and then off; and what can be said of a microphone instead of its number.
SIGNS = """
import sys, time
from background_removal.live.audio.microphone import Microphone
from background_removal.live.audio.sound_devices import list_microphones
number, name = next(iter(list_microphones().items()))
for device in (str(number), name.upper(), name[:-1]):
    with Microphone(device) as microphone:
        deadline = time.monotonic() + 20
        while not microphone.level_bar.startswith("♪ ■") and time.monotonic() < deadline:
            time.sleep(0.02)
        print(microphone.level_bar)
deadline = time.monotonic() + 20
while not microphone.level_bar.startswith("no sound") and time.monotonic() < deadline:
    time.sleep(0.02)
print(microphone.level_bar)
Microphone("ul").__enter__()  # pulse and default
"""


def test_the_window_shows_how_loud_it_is(server: subprocess.Popen, speaker: Speaker, start_main) -> None:
    speaker.on = True
    out, err = start_main(program=SIGNS).communicate(timeout=60)
    *loud, gone = out.splitlines()
    # 0.4 of the largest sample is -8 dB: the first two of eight cells of 6 dB from the top are dark at the most.
    assert [sign[2:] in ("■■■■■■■□", "■■■■■■□□") for sign in loud] == [True] * 3, (loud, err)
    assert gone == "no sound from the microphone"
    assert "`microphone` ul: several have this in their names; give a number: " in err


def test_microphones_are_listed_and_named(server: subprocess.Popen, stream_camera: StreamCamera, run_program) -> None:
    listed = run_program("--list-microphones")
    assert (listed.code, listed.err) == (0, "")
    assert "default), the usual one\n" in listed.out
    assert "(pulse)" in listed.out
    camera = ("--webcam", stream_camera.url, *PLAIN, "--no-show", "--record", "take.mp4")
    outcome = run_program(*camera, "--microphone", "nothing")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith("error: --microphone nothing: there is none of this name; choose: ")
    assert "(pulse)" in outcome.err


def test_a_sound_server_that_hangs_holds_up_nothing(server: subprocess.Popen, start_main) -> None:
    server.send_signal(signal.SIGSTOP)
    program = "import sys, main, background_removal.live.audio.sound_devices as devices; devices.ANSWER_SECONDS = 0.5; "
    program += "sys.exit(main.main(['--list-microphones']))"
    process = start_main(program=program)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.count("\n")) == (2, 1)
    assert "did not answer" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "told"),
    [
        (signal.SIGSTOP, "the sound server hangs; the end is recorded without sound"),
        (signal.SIGKILL, "has stopped; the rest is recorded without sound"),
    ],
)
def test_a_sound_server_that_hangs_or_dies_meanwhile_ends_only_the_sound(
    server: subprocess.Popen, speaker: Speaker, stream_camera: StreamCamera, start_main, tmp_path: Path, how, told: str
) -> None:
    process = start_main(
        "--webcam", stream_camera.url, *PLAIN, "--no-show", "--record", "take.mp4", "--microphone", "default"
    )
    wait_until(lambda: len(list(tmp_path.glob("take.unfinished.mp4"))) and stream_camera.sent > 40, "frames")
    server.send_signal(how)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert sorted(err.splitlines()) == ["note: recorded take.mp4", f"warning: microphone default: {told}"]
    assert len(probe(tmp_path / "take.mp4").times) > 20


def test_what_is_not_installed_is_told_with_how_to_get_it(run_main, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sounddevice", None)
        outcome = run_main("--list-microphones")
    told = "the microphone needs an extra package: python -m pip install -r requirements-live.txt"
    assert (outcome.code, outcome.err) == (2, f"error: {told}\n")
    if sys.platform != "linux":
        return  # the wheels of the others bring the library along
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    outcome = run_main("--list-microphones")
    told = "the microphone needs PortAudio (PortAudio library not found): apt-get install libportaudio2"
    assert (outcome.code, outcome.err) == (2, f"error: {told}\n")
