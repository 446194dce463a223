// Camera: opened by the browser or the server; the results are drawn on the canvas.

import { keyOf } from "./actions.js";
import { CameraLink } from "./camera_link.js";
import { CameraSaving } from "./camera_saving.js";
import { describe, listCameras, openCamera, stopTracks } from "./devices.js";
import { button, byId, choice, el, keepFocus } from "./dom.js";
import { bind } from "./keys.js";
import { complain, say } from "./messages.js";
import { milliseconds } from "./numbers.js";
import { words } from "./words.js";

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
    this.frozen = false;
    this.mirrored = true;
    this.saving = new CameraSaving(this, () => this.#state());
    this.#tools(start);
    byId("camera-start").addEventListener("click", () => this.link || this.start());
    look.addEventListener("change", () => this.#sendLook());
    setInterval(() => this.link && this.#facts(), 1000);
    look.perform = (name) => this.#perform(name);
    bind("camera", {
      freeze: () => this.freeze(), mirror: () => this.mirror(), beside: () => this.beside(), matte: () => this.showMatte(),
      plate: () => this.#perform("plate"), snapshot: () => this.saving.snapshot(), record: () => this.saving.record(), "full-screen": () => this.fullScreen(),
      quit: () => this.stop(), start: () => this.link || this.start(),
    });
  }

  #tools(start) {
    const push = (label, name, act, attributes) => button(label, keyOf("camera", name), act, attributes);
    const toggle = (label, name, act) => push(label, name, act, { "aria-pressed": "false" });
    this.source = choice(words("camera.source"), [["", words("camera.source")], ...(start.webcam ? [["webcam", words("camera.webcam")]] : [])], () => this.#again());
    this.size = choice(words("camera.size"), SIZES, () => this.#again());
    this.size.value = "1280x720";
    this.buttons = {
      record: toggle(words("camera.record"), "record", () => this.saving.record()), snapshot: push(words("camera.snapshot"), "snapshot", () => this.saving.snapshot()),
      keep: el("button", { type: "button", "aria-pressed": "false", title: words("camera.keep-hint"),
        onclick: () => press(this.buttons.keep, this.buttons.keep.getAttribute("aria-pressed") !== "true") }, words("camera.keep")),
      freeze: toggle(words("camera.freeze"), "freeze", () => this.freeze()), mirror: toggle(words("camera.mirror"), "mirror", () => this.mirror()),
      beside: toggle(words("camera.original"), "beside", () => this.beside()), matte: toggle(words("camera.matte"), "matte", () => this.showMatte()),
      plate: push(words("camera.plate"), "plate", () => this.#perform("plate")),
      full: push(words("view.full"), "full-screen", () => this.fullScreen()), stop: push(words("camera.stop"), "quit", () => this.stop()),
    };
    byId("camera-tools").append(...Object.values(this.buttons), this.source, this.size, this.saving.sound);
    this.canvas.addEventListener("click", (event) => {
      if (event.ctrlKey || this.buttons.keep.getAttribute("aria-pressed") === "true") this.#keep(event);
    });
    this.#state();
  }

  // Keep the thing under the pointer, or let it go.
  #keep({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const [x, y] = [(clientX - left) / width, (clientY - top) / height];
    if (x < 0 || x >= 1 || y < 0 || y >= 1) return;
    this.#perform("keep-at", `${(this.mirrored ? 1 - x : x).toFixed(4)},${y.toFixed(4)}`);
  }

  /** Open the camera and the connection. */
  async start() {
    this.stop();
    const attempt = (this.attempt = Symbol("attempt"));
    try {
      if (this.source.value !== "webcam") {
        const stream = await openCamera(this.source.value, this.size.value);
        if (this.attempt !== attempt) return stopTracks(stream);
        this.stream = stream;
        stream.getVideoTracks()[0].addEventListener("ended", () => this.#lose(words("camera.unplugged")));
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
    if (this.saving.recording) this.saving.record();
    this.link?.close();
    stopTracks(this.stream);
    this.video.srcObject = null;
    this.link = this.stream = null;
    this.frozen = false;
    this.buttons.matte.setAttribute("aria-pressed", "false");
    this.#state();
  }

  async #listCameras() {
    const cameras = await listCameras();
    const webcam = this.source.querySelector("[value=webcam]");
    this.source.replaceChildren(...cameras.map(([id, label]) => el("option", { value: id }, label)), ...(webcam ? [webcam] : []));
    this.source.value = this.stream.getVideoTracks()[0].getSettings().deviceId ?? cameras[0]?.[0] ?? "";
  }

  #connect() {
    this.shown = false;
    this.link = new CameraLink(this.stream ? this.video : null, this.look.value, {
      draw: (picture, alpha) => this.#draw(picture, alpha),
      handle: (message) => this.#handle(message),
      lose: (why) => this.#lose(why),
      snapshot: (png) => this.saving.save(png),
      pauses: () => this.frozen || (byId("camera").hidden && !this.saving.recording),
    });
  }

  #draw(picture, alpha) {
    // Frames of the visitor's camera that were sent before are drawn: the last is the one that the server has.
    if (this.frozen && !this.stream) return;
    if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
      [this.canvas.width, this.canvas.height] = [picture.width, picture.height];
      byId("camera-stage").style.setProperty("--w", picture.width);
      byId("camera-stage").style.setProperty("--h", picture.height);
    }
    this.saving.draw(picture, alpha);
    if (this.shown) return;
    this.shown = true;
    this.#state();
  }

  #handle(message) {
    if (message.said) say(message.said);
    if (message.look) this.look.set(message.look);
    if (message.trouble || message.error) complain(message.trouble || message.error);
  }

  #lose(why) {
    this.stop();
    complain(why);
  }

  #again() {
    if (this.link) this.start();
  }

  #sendLook() {
    if (this.waiting || !this.link?.open) return;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.link?.send({ look: this.look.value });
    }, LOOK_MS);
  }

  // Let the server do an action at the next frame, if frames go by.
  #perform(action, argument = "") {
    return Boolean(this.link) && !this.frozen && !byId("camera").hidden && this.link.send({ action, argument });
  }

  showMatte() {
    if (this.#perform("matte")) press(this.buttons.matte, this.buttons.matte.getAttribute("aria-pressed") !== "true");
  }

  #state() {
    keepFocus(() => this.#showState(), [byId("camera-start"), byId("camera-stage")]);
  }

  #showState() {
    const running = Boolean(this.link);
    const shown = running && this.shown;
    byId("camera-empty").hidden = shown;
    this.canvas.hidden = !shown;
    byId("camera-start").setAttribute("aria-disabled", running);
    byId("camera-start").textContent = running ? words("camera.starting") : words("camera.start");
    for (const each of Object.values(this.buttons)) each.hidden = !running;
    if (!this.stream) this.buttons.beside.hidden = true;
    press(this.buttons.freeze, this.frozen);
    press(this.buttons.mirror, this.mirrored);
    press(this.buttons.beside, Boolean(this.besideOn));
    press(this.buttons.record, this.saving.recording);
    byId("camera-stage").classList.toggle("mirrored", this.mirrored);
    byId("camera-stage").classList.toggle("beside", Boolean(this.besideOn && shown && this.stream));
    this.video.hidden = !(this.besideOn && shown && this.stream);
    byId("camera-recording").hidden = !this.saving.recording;
    // Seen from the other tabs, too.
    byId("tab-camera").classList.toggle("recording", this.saving.recording);
    byId("tab-camera").setAttribute("aria-label", this.saving.recording ? words("tab.camera-recording") : words("tab.camera"));
    if (!running) byId("camera-facts").textContent = "\u00a0";
  }

  #facts() {
    const { rate, delay } = this.link.measure();
    const parts = [words("facts.rate", { n: Number(rate.toFixed(rate < 10 ? 1 : 0)) })];
    if (delay) parts.push(milliseconds(delay));
    parts.push(`${this.canvas.width} × ${this.canvas.height}`);
    if (this.frozen) parts.push(words("camera.frozen"));
    byId("camera-facts").textContent = parts.join(" · ");
  }

  freeze() {
    if (!this.link) return;
    this.frozen = !this.frozen;
    say(this.frozen ? words("camera.frozen") : words("camera.live"));
    this.#state();
  }

  mirror() {
    this.mirrored = !this.mirrored;
    say(this.mirrored ? words("camera.mirrored") : words("camera.unmirrored"));
    this.#state();
  }

  /** Whether the canvas shows squares in place of transparency. */
  get hasSquares() {
    return this.look.value.background === "transparent" && this.buttons.matte.getAttribute("aria-pressed") !== "true";
  }

  beside() {
    this.besideOn = !this.besideOn;
    this.#state();
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (!this.canvas.hidden) byId("camera-stage").requestFullscreen().catch(complain);
  }
}

const press = (each, on) => each.setAttribute("aria-pressed", on);
