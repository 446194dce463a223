// Moving and scaling the person before a new background, by pointer, wheel and keys.

import { keyOf } from "./actions.js";
import { button, byId, el, press } from "./dom.js";
import { keepsRoom } from "./look.js";
import { say } from "./messages.js";
import { setting } from "./options.js";
import { words } from "./words.js";

// Furthest place beside the photo, as the program takes it.
const OUTSIDE = 1;
// Change of size of one press or notch.
const NOTCH = 1.1;
// Way of one arrow key, share of the photo; with Shift it is five times as much.
const STEP = 0.01;
// A person who ends so near to the photo's lower edge is cut off by it, and stays on it.
const CUT_OFF = 0.98;

export class Mover {
  /**
   * @param {import("./look.js").Look} look
   * @param {import("./photo_view.js").PhotoView} view
   * @param {() => void} beginning Called before it is switched on.
   */
  constructor(look, view, beginning) {
    this.look = look;
    this.view = view;
    this.beginning = beginning;
    this.on = false;
    this.divider = 0;
    /** @type {{box: number[], text: string, place: Place}|null} */
    this.measured = null;
    /** @type {Map<number, PointerEvent>} */
    this.pointers = new Map();
    this.outline = el("div", { class: "outline" });
    this.area = el(
      "div",
      {
        class: "mover",
        hidden: true,
        tabindex: "0",
        role: "group",
        "aria-label": words("move.area"),
      },
      this.outline,
    );
    view.compare.layers.append(this.area);
    this.toggle = button(words("move.title"), keyOf("photo", "move"), () => this.switch(!this.on), {
      "aria-pressed": "false",
      title: words("move.hint"),
    });
    this.reset = button(words("move.back"), "", () => this.set(null));
    this.tools = el(
      "div",
      {
        class: "tools move-tools",
        role: "group",
        "aria-label": words("move.title"),
        hidden: true,
      },
      button("−", "", () => this.scale(1 / NOTCH), {
        "aria-label": words("move.smaller"),
        title: words("move.smaller"),
      }),
      button("+", "", () => this.scale(NOTCH), {
        "aria-label": words("move.larger"),
        title: words("move.larger"),
      }),
      this.reset,
      el("span", { class: "hint" }, words("move.help")),
    );
    byId("photo-facts").after(this.tools);
    const listen = (/** @type {string} */ kind, /** @type {(event: any) => void} */ act) =>
      this.area.addEventListener(kind, act);
    listen("pointerdown", (/** @type {any} */ event) => this.#down(event));
    listen("pointermove", (/** @type {any} */ event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      listen(kind, (/** @type {any} */ event) => this.pointers.delete(event.pointerId));
    }
    listen("wheel", (/** @type {any} */ event) => this.#wheel(event));
    listen("keydown", (/** @type {any} */ event) => this.#key(event));
    listen("dblclick", (/** @type {any} */ event) => event.stopPropagation());
    view.addEventListener("result", () => this.#measure());
    look.addEventListener("change", () => this.#follow());
  }

  /** Switch it on or off. */
  switch(/** @type {boolean} */ on) {
    if (on === this.on || (on && !this.view.photo?.id)) return;
    if (on && keepsRoom(this.look.value.background)) return void say(words("move.needs-background"));
    const { compare } = this.view;
    if (on) {
      this.beginning();
      compare.setBeside(false);
      compare.zoom(false);
      this.divider = compare.at;
    }
    this.on = on;
    const held = document.activeElement === this.area;
    compare.moveTo(on ? 0 : this.divider);
    compare.element.classList.toggle("moving", on);
    this.area.hidden = this.tools.hidden = !on;
    press(this.toggle, on);
    this.view.setWhole(on);
    this.#draw();
    if (on) this.area.focus({ preventScroll: true });
    else if (held) this.toggle.focus({ preventScroll: true });
  }

  /** The place of the person: column of their middle, row of their lower end, factor of their size; null if unknown. */
  get place() {
    const text = this.look.value.place;
    return numbersOf(text) ?? (this.measured?.text === text ? this.measured.place : null);
  }

  /** Put the person at a place; null for where the photo has them. */
  set(/** @type {any} */ place) {
    if (!place) return this.look.set({ place: "" });
    const [least, most] = setting("place").limits ?? [1, 1];
    const within = (/** @type {number} */ share) => Math.min(1 + OUTSIDE, Math.max(-OUTSIDE, share));
    const texts = [within(place.x), within(place.y), Math.min(most, Math.max(least, place.scale))].map((value) =>
      String(Number(value.toFixed(4))),
    );
    this.look.set({ place: texts.join() });
  }

  /** Move the person by shares of the photo. */
  shift(/** @type {number} */ across, /** @type {number} */ down) {
    const { place } = this;
    if (place) this.set({ ...place, x: place.x + across, y: place.y + down });
  }

  /** Make the person larger by a factor. */
  scale(/** @type {number} */ factor) {
    const { place } = this;
    if (place) this.set({ ...place, scale: place.scale * factor });
  }

  #follow() {
    if (this.on && keepsRoom(this.look.value.background)) this.switch(false);
    this.#draw();
  }

  // What the outline is measured from: the person's box in the last result, and their place there.
  #measure() {
    const { person: box, place: text } = this.view;
    this.measured = box && {
      box,
      text,
      place: numbersOf(text) ?? placeIn(box, text),
    };
    this.#draw();
  }

  #draw() {
    this.reset.disabled = !this.look.value.place;
    const { measured, place } = this;
    this.outline.hidden = !measured || !place;
    if (!this.on || !measured || !place) return;
    const {
      box: [left, top, right, bottom],
      place: from,
    } = measured;
    const larger = place.scale / from.scale;
    const put = (/** @type {string} */ name, /** @type {number} */ share) =>
      this.outline.style.setProperty(name, `${share * 100}%`);
    put("left", place.x + (left - from.x) * larger);
    put("top", place.y + (top - from.y) * larger);
    put("width", (right - left) * larger);
    put("height", (bottom - top) * larger);
  }

  // -- pointers and keys -----------------------------------------------------------------------

  #down(/** @type {PointerEvent} */ event) {
    event.preventDefault();
    event.stopPropagation(); // the divider does not follow
    if (event.button) return;
    this.area.focus({ preventScroll: true });
    this.area.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
  }

  #move(/** @type {PointerEvent} */ event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    this.pointers.set(event.pointerId, event);
    const { width, height } = this.area.getBoundingClientRect();
    const other = [...this.pointers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
    const share = 1 / this.pointers.size; // of two fingers each one moves the person by half
    this.shift((share * (event.clientX - before.clientX)) / width, (share * (event.clientY - before.clientY)) / height);
    if (!other) return;
    const apart = (/** @type {any} */ one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    this.scale(apart(event) / Math.max(1, apart(before)));
  }

  #wheel(/** @type {WheelEvent} */ event) {
    event.preventDefault();
    this.scale(Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)));
  }

  #key(/** @type {KeyboardEvent} */ event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 5 * STEP : STEP;
    /** @type {{[key: string]: () => void}} */
    const acts = {
      ArrowLeft: () => this.shift(-step, 0),
      ArrowRight: () => this.shift(step, 0),
      ArrowUp: () => this.shift(0, -step),
      ArrowDown: () => this.shift(0, step),
      "+": () => this.scale(NOTCH),
      "=": () => this.scale(NOTCH),
      "-": () => this.scale(1 / NOTCH),
      0: () => this.set(null),
      Escape: () => this.switch(false),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}

// Return the place in a text "X,Y,SCALE", null for a word or none.
function numbersOf(/** @type {string} */ text) {
  const [x, y, scale] = (text ?? "").split(",").map(Number);
  return scale ? { x, y, scale } : null;
}

// Return the place of a person with that box, at a word's column if there is one.
function placeIn(/** @type {number[]} */ [left, , right, bottom], /** @type {string} */ word) {
  return {
    x: setting("place").amounts[word] ?? (left + right) / 2,
    y: bottom > CUT_OFF ? 1 : bottom,
    scale: 1,
  };
}
