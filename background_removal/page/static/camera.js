// Camera: sends frames to the server, at most two in flight, and draws the results on the canvas.

import { keyOf } from "./actions.js";
import { Refused } from "./api.js";
import { button, byId, choice, download, el } from "./dom.js";
import { bind } from "./keys.js";
import { complain, say } from "./messages.js";
import { Recording } from "./recording.js";

// Frames in flight.
const IN_FLIGHT = 2;
const QUALITY = 0.85;
// Timeout of an unanswered frame, milliseconds; the server skips frames for newer ones.
const LOST_MS = 5000;
// Interval between changes of the look while a slider moves, milliseconds.
const LOOK_MS = 120;
const SIZES = [["640x360", "640 × 360"], ["1280x720", "1280 × 720"], ["1920x1080", "1920 × 1080"]];

export class Camera {
  /** @param {import("./look.js").Look} look */
  constructor(look, start) {
    this.look = look;
    this.canvas = byId("camera-result");
    this.pen = this.canvas.getContext("2d", { alpha: false });
    this.video = byId("camera-source");
    this.sent = new Map();
    this.times = [];
    this.delays = [];
    this.frozen = false;
    this.mirrored = true;
    this.recording = new Recording(this.canvas);
    this.#tools(start);
    byId("camera-start").addEventListener("click", () => this.start());
    look.addEventListener("change", () => this.#sendLook());
    setInterval(() => this.socket && this.#facts(), 1000);
    look.perform = (name) => this.#perform(name);
    bind("camera", {
      freeze: () => this.freeze(), mirror: () => this.mirror(), beside: () => this.beside(), matte: () => this.showMatte(),
      plate: () => this.#perform("plate"), snapshot: () => this.snapshot(), record: () => this.record(), "full-screen": () => this.fullScreen(),
      quit: () => this.stop(), start: () => this.socket || this.start(),
    });
  }

  #tools(start) {
    const push = (label, name, act, attributes) => button(label, keyOf("camera", name), act, attributes);
    const toggle = (label, name, act) => push(label, name, act, { "aria-pressed": "false" });
    this.source = choice("Camera", [["", "Camera"], ...(start.webcam ? [["webcam", "This computer's camera"]] : [])], () => this.#again());
    this.size = choice("Size", SIZES, () => this.#again());
    this.size.value = "1280x720";
    this.buttons = {
      record: toggle("Record", "record", () => this.record()), snapshot: push("Snapshot", "snapshot", () => this.snapshot()),
      freeze: toggle("Freeze", "freeze", () => this.freeze()), mirror: toggle("Mirror", "mirror", () => this.mirror()),
      beside: toggle("Original", "beside", () => this.beside()), matte: toggle("Matte", "matte", () => this.showMatte()),
      plate: push("Empty room", "plate", () => this.#perform("plate")),
      full: push("Full screen", "full-screen", () => this.fullScreen()), stop: push("Stop", "quit", () => this.stop()),
    };
    this.sound = el("input", { type: "checkbox", id: "camera-sound" });
    byId("camera-tools").append(...Object.values(this.buttons), this.source, this.size,
      el("label", { class: "check" }, this.sound, "Record sound"));
    this.#state();
  }

  /** Open the camera and the connection. */
  async start() {
    this.stop();
    const attempt = (this.attempt = Symbol("attempt"));
    try {
      if (this.source.value !== "webcam") {
        const stream = await this.#open();
        if (this.attempt !== attempt) return stopTracks(stream);
        this.stream = stream;
        stream.getVideoTracks()[0].addEventListener("ended", () => this.#lost("The camera has been unplugged, or taken away."));
        this.video.srcObject = stream;
        await this.video.play();
        await this.#listCameras();
      }
      this.#connect();
    } catch (error) {
      this.stop();
      complain(describe(error));
    }
    this.#state();
  }

  /** Close the connection and the camera. */
  stop() {
    this.attempt = null;
    if (this.recording.running) this.record();
    this.socket?.close();
    this.worker?.terminate();
    stopTracks(this.stream);
    this.video.srcObject = null;
    this.socket = this.worker = this.stream = null;
    this.frozen = false;
    this.buttons.matte.setAttribute("aria-pressed", "false");
    this.#state();
  }

  async #open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Refused("Browsers give a camera only to pages of the same computer or by https://. See --cert and --cert-key.");
    }
    const [width, height] = this.size.value.split("x").map(Number);
    const deviceId = this.source.value ? { exact: this.source.value } : undefined;
    const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 }, deviceId };
    return navigator.mediaDevices.getUserMedia({ video, audio: false });
  }

  async #listCameras() {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    const webcam = this.source.querySelector("[value=webcam]");
    this.source.replaceChildren(...cameras.map(({ deviceId, label }, n) => el("option", { value: deviceId }, label || `Camera ${n + 1}`)),
      ...(webcam ? [webcam] : []));
    this.source.value = this.stream.getVideoTracks()[0].getSettings().deviceId ?? cameras[0]?.deviceId ?? "";
  }

  #connect() {
    const source = this.stream ? "visitor" : "webcam";
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/camera?source=${source}`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.sent.clear();
    this.times = [];
    this.delays = [];
    this.number = 0;
    this.said = "";
    socket.onopen = () => {
      socket.send(JSON.stringify({ look: this.look.value }));
      if (this.stream) this.#begin(socket);
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#handleText(JSON.parse(data)) : this.#show(data, socket));
    socket.onclose = () => socket === this.socket && this.#lost(this.said || "The connection has ended. Is the program still running?");
  }

  // Frames are encoded by a worker, so that the page stays responsive.
  #begin(socket) {
    this.worker = new Worker("/static/encode.js", { type: "module" });
    this.worker.onmessage = ({ data }) => socket.readyState === WebSocket.OPEN && socket.send(data);
    this.worker.onerror = (event) => complain(`The camera's frames cannot be encoded: ${event.message}`);
    const next = (act) => (this.video.requestVideoFrameCallback ? this.video.requestVideoFrameCallback(act) : requestAnimationFrame(act));
    const take = async () => {
      if (socket !== this.socket) return;
      next(take);
      const now = performance.now();
      for (const [number, at] of this.sent) if (now - at > LOST_MS) this.sent.delete(number);
      const seen = this.recording.running || !byId("camera").hidden;
      if (!seen || this.frozen || this.sent.size >= IN_FLIGHT || socket.readyState !== WebSocket.OPEN || !this.video.videoWidth) return;
      const number = (this.number = (this.number + 1) >>> 0);
      this.sent.set(number, now);
      // VideoFrame, where the browser has it, needs no copy.
      const picture = window.VideoFrame ? new VideoFrame(this.video) : await createImageBitmap(this.video);
      if (this.worker) this.worker.postMessage({ number, picture, quality: QUALITY }, [picture]);
    };
    next(take);
  }

  async #show(data, socket) {
    const number = new DataView(data).getUint32(0);
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 4)], { type: "image/jpeg" }));
    if (socket !== this.socket) return picture.close();
    if (!this.stream) socket.send(JSON.stringify({ shown: number }));
    const now = performance.now();
    if (this.sent.has(number)) this.delays.push(now - this.sent.get(number));
    for (const each of [...this.sent.keys()]) if (each <= number) this.sent.delete(each);
    this.times.push(now);
    if (!this.frozen) {
      if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
        [this.canvas.width, this.canvas.height] = [picture.width, picture.height];
        byId("camera-stage").style.setProperty("--w", picture.width);
        byId("camera-stage").style.setProperty("--h", picture.height);
      }
      this.pen.drawImage(picture, 0, 0);
      if (this.canvas.hidden) this.#state();
    }
    picture.close();
    return undefined;
  }

  #handleText(message) {
    if (message.error) this.said = message.error;
    if (message.said) say(message.said);
    if (message.look) this.look.set(message.look);
    if (message.trouble || message.error) complain(message.trouble || message.error);
  }

  #lost(why) {
    this.stop();
    complain(why);
  }

  #again() {
    if (this.socket) this.start();
  }

  #sendLook() {
    if (this.waiting || this.socket?.readyState !== WebSocket.OPEN) return;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ look: this.look.value }));
    }, LOOK_MS);
  }

  // Let the server do an action at the next frame, if frames go by.
  #perform(action) {
    if (this.socket?.readyState !== WebSocket.OPEN || this.frozen || byId("camera").hidden) return false;
    this.socket.send(JSON.stringify({ action }));
    return true;
  }

  showMatte() {
    if (this.#perform("matte")) press(this.buttons.matte, this.buttons.matte.getAttribute("aria-pressed") !== "true");
  }

  #state() {
    const running = Boolean(this.socket);
    const shown = running && this.times.length > 0;
    byId("camera-empty").hidden = shown;
    this.canvas.hidden = !shown;
    byId("camera-start").disabled = running;
    byId("camera-start").textContent = running ? "Starting…" : "Start the camera";
    for (const each of Object.values(this.buttons)) each.hidden = !running;
    if (!this.stream) this.buttons.beside.hidden = true;
    press(this.buttons.freeze, this.frozen);
    press(this.buttons.mirror, this.mirrored);
    press(this.buttons.beside, Boolean(this.besideOn));
    press(this.buttons.record, this.recording.running);
    byId("camera-stage").classList.toggle("mirrored", this.mirrored);
    byId("camera-stage").classList.toggle("beside", Boolean(this.besideOn && shown && this.stream));
    this.video.hidden = !(this.besideOn && shown && this.stream);
    byId("camera-recording").hidden = !this.recording.running;
    if (!running) byId("camera-facts").textContent = "\u00a0";
  }

  #facts() {
    const now = performance.now();
    this.times = this.times.filter((at) => now - at < 3000);
    const rate = this.times.length > 1 ? ((this.times.length - 1) * 1000) / (this.times.at(-1) - this.times[0]) : 0;
    this.delays = this.delays.slice(-90);
    const delay = [...this.delays].sort((a, b) => a - b)[this.delays.length >> 1];
    this.measured = { rate, delay };
    const parts = [`${rate.toFixed(rate < 10 ? 1 : 0)} frames a second`];
    if (delay) parts.push(`${Math.round(delay)} ms`);
    parts.push(`${this.canvas.width} × ${this.canvas.height}`);
    if (this.frozen) parts.push("frozen");
    byId("camera-facts").textContent = parts.join(" · ");
  }

  freeze() {
    if (!this.socket) return;
    this.frozen = !this.frozen;
    say(this.frozen ? "frozen" : "live again");
    this.#state();
  }

  mirror() {
    this.mirrored = !this.mirrored;
    say(this.mirrored ? "mirrored, for you alone" : "as others see you");
    this.#state();
  }

  beside() {
    this.besideOn = !this.besideOn;
    this.#state();
  }

  snapshot() {
    if (this.canvas.hidden) return;
    this.canvas.toBlob((blob) => download(blob, `snapshot_${stamp()}.png`), "image/png");
    say("snapshot saved");
  }

  async record() {
    try {
      if (this.recording.running) {
        const blob = await this.recording.end();
        download(blob, `recording_${stamp()}.${blob.type.includes("mp4") ? "mp4" : "webm"}`);
        say("recording saved");
      } else if (!this.canvas.hidden) {
        await this.recording.begin(this.sound.checked, byId("camera-recording").querySelector("span"));
        say("recording");
      }
    } catch (error) {
      complain(describe(error));
    }
    this.#state();
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (!this.canvas.hidden) byId("camera-stage").requestFullscreen().catch(complain);
  }
}

const press = (each, on) => each.setAttribute("aria-pressed", on);
const stopTracks = (stream) => stream?.getTracks().forEach((track) => track.stop());
const stamp = () => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace("T", "_").replaceAll(":", "-");

// Messages for the browser's errors.
function describe(error) {
  const words = {
    NotAllowedError: "The browser does not give this page the camera or microphone. Its address bar can change that.",
    NotFoundError: "No camera or microphone was found.",
    NotReadableError: "The camera is in use by another program.",
    OverconstrainedError: "That camera is not there any more.",
  };
  return words[error.name] ?? error;
}
