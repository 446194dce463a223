// Camera: opened by the browser or the server; the results are drawn on the canvas.

import { CameraLink } from "./camera_link.js";
import { CameraSaving } from "./camera_saving.js";
import { CameraTools } from "./camera_tools.js";
import { describe } from "./devices.js";
import { byId, keepFocus, toggleFullScreen } from "./dom.js";
import { complain, say } from "./messages.js";
import { milliseconds } from "./numbers.js";
import { VisitorCamera } from "./visitor_camera.js";
import { keepAwake } from "./wake_lock.js";
import { words } from "./words.js";

// Interval between changes of the look while a slider moves, milliseconds.
const LOOK_MS = 120;

export class Camera {
  /**
   * @param {import("./look.js").Look} look
   * @param {Start} start
   */
  constructor(look, start) {
    this.look = look;
    this.canvas = /** @type {HTMLCanvasElement} */ (byId("camera-result"));
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: false }));
    this.video = /** @type {HTMLVideoElement} */ (byId("camera-source"));
    /** @type {CameraLink|null} */
    this.link = null;
    /** @type {ReturnType<typeof setTimeout>|null} */
    this.waiting = null;
    this.shown = false;
    this.frozen = false;
    this.mirrored = true;
    this.besideOn = false;
    this.side = "user";
    this.visitor = new VisitorCamera(this.video, (why) => this.#lose(why));
    this.saving = new CameraSaving(this, () => this.#state());
    this.tools = new CameraTools(this, start.webcam, () => this.#again());
    this.canvas.addEventListener("click", (event) => {
      if (event.ctrlKey || this.tools.keeps) this.#keep(event);
    });
    byId("camera-start").addEventListener("click", () => this.link || this.start());
    look.addEventListener("change", () => this.#sendLook());
    setInterval(() => this.link && this.#facts(), 1000);
    look.perform = (name) => this.perform(name);
    this.#state();
  }

  /**
   * Keep the thing under the pointer, or let it go.
   * @param {MouseEvent} event
   */
  #keep({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const [x, y] = [(clientX - left) / width, (clientY - top) / height];
    if (x < 0 || x >= 1 || y < 0 || y >= 1) return;
    this.perform("keep-at", `${(this.mirrored ? 1 - x : x).toFixed(4)},${y.toFixed(4)}`);
  }

  /** Open the camera and the connection. */
  async start() {
    this.stop();
    if (this.tools.source.value === "webcam" || (await this.#open())) this.#connect();
    this.#state();
  }

  // Open the chosen camera of the visitor; return whether it is open, and still wanted.
  async #open() {
    try {
      if (!(await this.visitor.open(this.tools.source.value, this.tools.size.value))) return false;
      await this.visitor.list(this.tools.source);
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
    this.tools.showsMatte = false;
    this.#state();
  }

  /** The visitor's stream; null for none. */
  get stream() {
    return this.visitor.stream;
  }

  /** Go to the camera on the phone's other side, or to the next one where cameras have no sides. */
  turn() {
    const ids = [...this.tools.source.options].map(({ value }) => value).filter((value) => value !== "webcam");
    this.tools.source.value = this.visitor.turn() ? "" : ids[(ids.indexOf(this.tools.source.value) + 1) % ids.length];
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

  /**
   * @param {ImageBitmap} picture
   * @param {ImageBitmap|null} alpha
   */
  #draw(picture, alpha) {
    // Frames of the visitor's camera that were sent before are drawn: the last is the one that the server has.
    if (this.frozen && !this.stream) return;
    if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
      [this.canvas.width, this.canvas.height] = [picture.width, picture.height];
      byId("camera-stage").style.setProperty("--w", String(picture.width));
      byId("camera-stage").style.setProperty("--h", String(picture.height));
    }
    this.saving.draw(picture, alpha);
    if (this.shown) return;
    this.shown = true;
    this.#state();
  }

  /** @param {any} message */
  #handle(message) {
    if (message.said) say(message.said);
    if (message.programs) say(words("camera.programs", { name: message.programs }));
    if (message.look) this.look.set(message.look);
    if (message.trouble || message.error) complain(message.trouble || message.error);
  }

  /** @param {any} why */
  #lose(why) {
    this.stop();
    complain(why);
  }

  // Change the camera: the visitor's own in the same connection, so that a recording goes on.
  async #again() {
    if (!this.link) return;
    if (this.stream && this.tools.source.value !== "webcam") {
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

  /**
   * Let the server do an action at the next frame, if frames go by; return whether they do.
   * @param {string} action
   * @param {string} argument
   */
  perform(action, argument = "") {
    return Boolean(!this.frozen && !byId("camera").hidden && this.link?.send({ action, argument }));
  }

  showMatte() {
    if (this.perform("matte")) this.tools.showsMatte = !this.tools.showsMatte;
  }

  #state() {
    keepFocus(() => this.#showState(), [byId("camera-start"), byId("camera-stage")]);
  }

  #showState() {
    const running = Boolean(this.link);
    const shown = running && this.shown;
    const beside = Boolean(this.besideOn && shown && this.stream);
    byId("camera-empty").hidden = shown;
    this.canvas.hidden = !shown;
    byId("camera-start").setAttribute("aria-disabled", String(running));
    byId("camera-start").textContent = running ? words("camera.starting") : words("camera.start");
    this.tools.show();
    byId("camera-stage").classList.toggle("mirrored", this.mirrored);
    byId("camera-stage").classList.toggle("beside", beside);
    this.video.hidden = !beside;
    byId("camera-recording").hidden = !this.saving.recording;
    // Seen from the other tabs, too.
    byId("tab-camera").classList.toggle("recording", this.saving.recording);
    byId("tab-camera").setAttribute(
      "aria-label",
      this.saving.recording ? words("tab.camera-recording") : words("tab.camera"),
    );
    if (!running) byId("camera-facts").textContent = "\u00a0";
  }

  #facts() {
    if (!this.link) return;
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
    return this.look.value.background === "transparent" && !this.tools.showsMatte;
  }

  beside() {
    this.besideOn = !this.besideOn;
    this.#state();
  }

  fullScreen() {
    if (!this.canvas.hidden) toggleFullScreen(byId("camera-stage")).catch(complain);
  }
}
