// Brush: strokes over a photo that keep or erase what they mark; zoom by wheel and pinch, pan.

import { keyOf } from "./actions.js";
import { makeTools } from "./brush_tools.js";
import { button, byId, el, press } from "./dom.js";
import { drawStrokes, strokesPicture } from "./strokes.js";
import { recall, remember } from "./tab_memory.js";
import { View } from "./view.js";
import { words } from "./words.js";

// Longest side of the canvas over the photo, pixels.
const LONGEST = 1600;

export class Brush {
  /** @type {any} The photo that is shown, with its strokes; null for none. */
  photo = null;
  /** @type {Stroke|null} */
  stroke = null;
  erases = false;
  space = false;
  place = 50;

  /**
   * @param {import("./compare.js").Compare} compare Shows the photo.
   * @param {(photo: Photo) => void} changed Called with the photo after each stroke; its `hints` are to be sent.
   * @param {(on: boolean) => void} switched Called when it is switched on or off.
   */
  constructor(compare, changed, switched) {
    this.compare = compare;
    this.changed = changed;
    this.switched = switched;
    this.on = false;
    this.canvas = el("canvas", {
      class: "strokes",
      hidden: true,
      role: "img",
      "aria-label": words("brush.canvas"),
    });
    compare.layers.append(this.canvas);
    this.view = new View(compare.element, compare.layers);
    this.toggle = button(words("brush.brush"), keyOf("photo", "brush"), () => this.switch(!this.on), {
      "aria-pressed": "false",
      title: words("brush.hint"),
    });
    const tools = makeTools(this);
    this.buttons = tools.buttons;
    this.size = tools.size;
    this.tools = tools.element;
    byId("photo-facts").after(this.tools);
    this.setMode(false);
    const listen = (/** @type {string} */ kind, /** @type {(event: any) => void} */ act) =>
      this.canvas.addEventListener(kind, act);
    listen("pointerdown", (/** @type {any} */ event) => this.#down(event));
    listen("pointermove", (/** @type {any} */ event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      listen(kind, (/** @type {any} */ event) => this.#up(event, kind));
    }
    listen("dblclick", (/** @type {any} */ event) => event.stopPropagation());
    listen("contextmenu", (/** @type {any} */ event) => event.preventDefault());
    compare.element.addEventListener("wheel", (event) => this.#wheel(event), {
      passive: false,
    });
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Switch the brush on or off. */
  switch(/** @type {boolean} */ on) {
    if (on && !this.photo?.id) return;
    if (on === this.on) return;
    this.on = on;
    this.switched(on);
    if (on) {
      this.compare.setBeside(false);
      this.compare.zoom(false);
      this.place = this.compare.at;
    }
    this.compare.moveTo(on ? 0 : this.place);
    this.compare.element.classList.toggle("brushing", on);
    this.canvas.hidden = this.tools.hidden = !on;
    press(this.toggle, on);
    this.view.reset();
    this.#draw();
  }

  setMode(/** @type {boolean} */ erases) {
    this.erases = erases;
    press(this.buttons.keep, !erases);
    press(this.buttons.erase, erases);
    this.showSize();
  }

  /** Take another photo, which keeps its own strokes; null for none. */
  show(/** @type {Photo|null} */ photo) {
    if (photo === this.photo) return;
    this.photo = photo;
    this.stroke = null;
    this.view.reset();
    if (photo) {
      Object.assign(photo, {
        strokes: photo.strokes ?? JSON.parse(recall(`strokes ${photo.id}`) ?? "[]"),
        undone: photo.undone ?? [],
      });
    } else this.switch(false);
    this.#draw();
  }

  undo() {
    if (this.on && this.photo.strokes.length) this.#changed(() => this.photo.undone.push(this.photo.strokes.pop()));
  }

  redo() {
    if (this.on && this.photo.undone.length) this.#changed(() => this.photo.strokes.push(this.photo.undone.pop()));
  }

  async #changed(/** @type {() => void} */ change) {
    change();
    this.#draw();
    const { photo } = this;
    remember(`strokes ${photo.id}`, JSON.stringify(photo.strokes));
    photo.hints = {
      picture: photo.strokes.length ? await strokesPicture(photo.strokes, this.canvas.width, this.canvas.height) : null,
    };
    this.changed(photo);
  }

  // -- drawing ---------------------------------------------------------------------------------

  #draw() {
    const { photo, canvas } = this;
    this.buttons.undo.disabled = !photo?.strokes?.length;
    this.buttons.redo.disabled = !photo?.undone?.length;
    if (!this.on || !photo?.width) return;
    const scale = Math.min(1, LONGEST / Math.max(photo.width, photo.height));
    const [width, height] = [Math.round(photo.width * scale), Math.round(photo.height * scale)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const strokes = this.stroke ? [...photo.strokes, this.stroke] : photo.strokes;
    drawStrokes(/** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), strokes, ["#1fdb64", "#ff3b30"]);
    this.showSize();
  }

  /** Show the brush's size: the cursor is a circle. */
  showSize() {
    if (!this.on) return;
    const shown = this.canvas.getBoundingClientRect();
    const size = Math.min(120, Math.max(4, (Number(this.size.value) / 100) * Math.max(shown.width, shown.height)));
    const ring = `<svg xmlns='http://www.w3.org/2000/svg' width='${size + 4}' height='${size + 4}'><circle cx='50%' cy='50%' r='${size / 2}' fill='none' stroke='black' stroke-width='3'/><circle cx='50%' cy='50%' r='${size / 2}' fill='none' stroke='${this.erases ? "%23ff3b30" : "%231fdb64"}' stroke-width='1.5'/></svg>`;
    this.canvas.style.cursor = `url("data:image/svg+xml,${ring}") ${size / 2 + 2} ${size / 2 + 2}, crosshair`;
  }

  // A place in shares of the photo's width and height.
  #at(/** @type {PointerEvent} */ event) {
    const shown = this.canvas.getBoundingClientRect();
    const share = (/** @type {number} */ part) => Math.round(part * 1e4) / 1e4; // a hundredth of a percent is less than a pixel
    return [share((event.clientX - shown.x) / shown.width), share((event.clientY - shown.y) / shown.height)];
  }

  // -- pointers and keys -----------------------------------------------------------------------

  #down(/** @type {PointerEvent} */ event) {
    event.preventDefault();
    event.stopPropagation(); // the divider does not follow
    if (!this.on || !this.photo?.id) return;
    this.canvas.setPointerCapture(event.pointerId);
    const moves = event.button === 1 || event.button === 2 || this.space;
    if (this.view.down(event, moves)) {
      this.stroke = null; // a second finger: no stroke was meant
      this.#draw();
    } else if (!event.button) {
      this.stroke = {
        erases: this.erases,
        width: Number(this.size.value) / 100,
        points: [this.#at(event)],
      };
      this.#draw();
    }
  }

  #move(/** @type {PointerEvent} */ event) {
    if (this.view.move(event)) return this.showSize();
    if (!this.stroke) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.stroke.points.push(this.#at(each));
    this.#draw();
  }

  #up(/** @type {PointerEvent} */ event, /** @type {string} */ kind) {
    this.view.up(event);
    const { stroke } = this;
    this.stroke = null;
    if (!stroke) return;
    if (kind === "pointercancel") return this.#draw();
    this.#changed(() => {
      this.photo.strokes.push(stroke);
      this.photo.undone = [];
    });
  }

  #wheel(/** @type {WheelEvent} */ event) {
    if (!this.on) return;
    event.preventDefault();
    this.view.zoom(Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)), event.clientX, event.clientY);
    this.showSize();
  }

  /** Zoom by a factor. */
  zoom(/** @type {number} */ factor) {
    this.view.zoom(factor);
    this.showSize();
  }

  #key(/** @type {KeyboardEvent} */ event) {
    if (!this.on || byId("photo").hidden) return;
    if (event.key === " " && event.target === document.body) {
      event.preventDefault();
      this.space = true;
      document.addEventListener(
        "keyup",
        () => {
          this.space = false;
        },
        { once: true },
      );
    }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      if (event.shiftKey) this.redo();
      else this.undo();
    }
  }
}
