// Camera: opened by the browser or the server; the results are drawn on the canvas.

import { keyOf } from "./actions.js";
import { CameraLink } from "./camera_link.js";
import { CameraSaving } from "./camera_saving.js";
import { describe } from "./devices.js";
import { button, byId, choice, el, keepFocus, press } from "./dom.js";
import { bind } from "./keys.js";
import { complain, say } from "./messages.js";
import { milliseconds } from "./numbers.js";
import { VisitorCamera } from "./visitor_camera.js";
import { keepAwake } from "./wake_lock.js";
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
    this.side = "user";
    this.visitor = new VisitorCamera(this.video, (why) => this.#lose(why));
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
      turn: el("button", { type: "button", id: "camera-turn", onclick: () => this.turn() }, words("camera.turn")),
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
    if (this.source.value === "webcam" || (await this.#open())) this.#connect();
    this.#state();
  }

  // Open the chosen camera of the visitor; return whether it is open, and still wanted.
  async #open() {
    try {
      if (!(await this.visitor.open(this.source.value, this.size.value))) return false;
      await this.visitor.list(this.source);
      // Who looks at the phone is mirrored, and nothing on its other side.
      if (this.visitor.facing !== this.side) this.mirrored = (this.side = this.visitor.facing) === "user";
      return Boolean(this.visitor.stream);
    } catch (error) {
      this.stop();
      complain(describe(error));
      return false;
    }
  }

  /** Close the connection and the camera. */
  stop() {
    if (this.saving.recording) this.saving.record();
    this.link?.close();
    this.visitor.close();
    keepAwake(false);
    this.link = null;
    this.frozen = false;
    this.buttons.matte.setAttribute("aria-pressed", "false");
    this.#state();
  }

  /** The visitor's stream; null for none. */
  get stream() {
    return this.visitor.stream;
  }

  /** Go to the camera on the phone's other side, or to the next one where cameras have no sides. */
  turn() {
    const ids = [...this.source.options].map(({ value }) => value).filter((value) => value !== "webcam");
    this.source.value = this.visitor.turn() ? "" : ids[(ids.indexOf(this.source.value) + 1) % ids.length];
    this.#again();
  }

  #connect() {
    this.shown = false;
    keepAwake(true);
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

  // Change the camera: the visitor's own in the same connection, so that a recording goes on.
  async #again() {
    if (!this.link) return;
    if (this.stream && this.source.value !== "webcam") {
      await this.#open();
      this.#state();
    } else this.start();
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
    this.buttons.turn.hidden = !this.stream || this.source.querySelectorAll(":not([value=webcam])").length < 2;
    if (!document.fullscreenEnabled) this.buttons.full.hidden = true;
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
