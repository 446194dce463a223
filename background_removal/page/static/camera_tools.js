// Tools below the camera's picture, and their keys.

import { keyOf } from "./actions.js";
import { button, byId, choice, el, press } from "./dom.js";
import { bind } from "./keys.js";
import { words } from "./words.js";

const SIZES = [
  ["640x360", "640 × 360"],
  ["1280x720", "1280 × 720"],
  ["1920x1080", "1920 × 1080"],
];

export class CameraTools {
  /**
   * @param {import("./camera.js").Camera} camera
   * @param {boolean} webcam Whether this computer's camera is offered.
   * @param {() => void} again Called after another camera or size was chosen.
   */
  constructor(camera, webcam, again) {
    this.camera = camera;
    const push = (
      /** @type {string} */ label,
      /** @type {string} */ name,
      /** @type {() => void} */ act,
      attributes = {},
    ) => button(label, keyOf("camera", name), act, attributes);
    const toggle = (/** @type {string} */ label, /** @type {string} */ name, /** @type {() => void} */ act) =>
      push(label, name, act, { "aria-pressed": "false" });
    const own = [["", words("camera.source")]];
    this.source = choice(words("camera.source"), webcam ? [...own, ["webcam", words("camera.webcam")]] : own, again);
    this.size = choice(words("camera.size"), SIZES, again);
    this.size.value = "1280x720";
    this.buttons = {
      record: toggle(words("camera.record"), "record", () => camera.saving.record()),
      snapshot: push(words("camera.snapshot"), "snapshot", () => camera.saving.snapshot()),
      turn: el("button", { type: "button", id: "camera-turn", onclick: () => camera.turn() }, words("camera.turn")),
      keep: button(words("camera.keep"), "", () => press(this.buttons.keep, !this.keeps), {
        title: words("camera.keep-hint"),
        "aria-pressed": "false",
      }),
      freeze: toggle(words("camera.freeze"), "freeze", () => camera.freeze()),
      mirror: toggle(words("camera.mirror"), "mirror", () => camera.mirror()),
      beside: toggle(words("camera.original"), "beside", () => camera.beside()),
      matte: toggle(words("camera.matte"), "matte", () => camera.showMatte()),
      plate: push(words("camera.plate"), "plate", () => camera.perform("plate")),
      full: push(words("view.full"), "full-screen", () => camera.fullScreen()),
      stop: push(words("camera.stop"), "quit", () => camera.stop()),
    };
    byId("camera-tools").append(...Object.values(this.buttons), this.source, this.size, camera.saving.sound);
    bind("camera", {
      freeze: () => camera.freeze(),
      mirror: () => camera.mirror(),
      beside: () => camera.beside(),
      matte: () => camera.showMatte(),
      plate: () => camera.perform("plate"),
      snapshot: () => camera.saving.snapshot(),
      record: () => camera.saving.record(),
      "full-screen": () => camera.fullScreen(),
      quit: () => camera.stop(),
      start: () => camera.link || camera.start(),
    });
  }

  /** Whether a click keeps a thing. */
  get keeps() {
    return this.buttons.keep.getAttribute("aria-pressed") === "true";
  }

  /** Whether the matte is shown. */
  get showsMatte() {
    return this.buttons.matte.getAttribute("aria-pressed") === "true";
  }

  set showsMatte(on) {
    press(this.buttons.matte, on);
  }

  /** Show the tools that there are now. */
  show() {
    const { buttons, camera } = this;
    for (const each of Object.values(buttons)) each.hidden = !camera.link;
    if (!camera.stream) buttons.beside.hidden = true;
    buttons.turn.hidden = !camera.stream || this.source.querySelectorAll(":not([value=webcam])").length < 2;
    if (!document.fullscreenEnabled) buttons.full.hidden = true;
    press(buttons.freeze, camera.frozen);
    press(buttons.mirror, camera.mirrored);
    press(buttons.beside, camera.besideOn);
    press(buttons.record, camera.saving.recording);
  }
}
