// Before and after: two pictures with a divider or side by side; 100 % zoom.

import { el } from "./dom.js";
import { words } from "./words.js";

export class Compare {
  /**
   * @param {HTMLElement} before An image or a video.
   * @param {HTMLElement} after The same, of the same size.
   * @param {() => void} [zooming] Called after the zoom has changed.
   * @param {string} [title] Label of the second one.
   */
  constructor(before, after, zooming = () => {}, title = words("view.after")) {
    this.zooming = zooming;
    this.at = 50;
    this.zoomed = false;
    this.beside = false;
    this.divider = el(
      "div",
      {
        class: "divider",
        role: "slider",
        tabindex: "0",
        "aria-label": words("view.divider"),
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-orientation": "horizontal",
      },
      el("span", { class: "knob", "aria-hidden": "true" }),
    );
    this.layers = el(
      "div",
      { class: "layers" },
      el("figure", { class: "before" }, before, el("figcaption", {}, words("view.before"))),
      el("figure", { class: "after" }, after, el("figcaption", {}, title)),
      this.divider,
    );
    this.element = el("div", { class: "compare" }, this.layers);
    this.element.addEventListener("scroll", () => this.#place());
    this.layers.addEventListener("pointerdown", (event) => this.#grab(event));
    this.layers.addEventListener("dblclick", (event) => this.zoom(!this.zoomed, event));
    this.divider.addEventListener("keydown", (event) => this.#key(event));
    this.#place();
  }

  /** Show or hide squares behind transparency. */
  seeThrough(/** @type {boolean} */ on) {
    this.element.classList.toggle("see-through", on);
  }

  /** Set the picture's size, in pixels. */
  fit(/** @type {number} */ width, /** @type {number} */ height) {
    this.width = width;
    this.element.style.setProperty("--w", String(width));
    this.element.style.setProperty("--h", String(height));
    this.element.style.setProperty("--pixels", `${width / devicePixelRatio}px`);
    this.#place();
  }

  /** Return the longest side to fetch, as large as visible, which is quicker; 0 for the full size. */
  longest(/** @type {Size} */ { width = 0, height = 0 }) {
    const seen = Math.ceil((Math.max(innerWidth, innerHeight) * devicePixelRatio) / 256) * 256;
    return !this.zoomed && Math.max(width, height) > seen ? seen : 0;
  }

  /** Zoom to 100 % around a point, one picture pixel per screen pixel; or show the whole picture. */
  zoom(/** @type {boolean} */ on, /** @type {{clientX: number, clientY: number}|null} */ point = null) {
    if (on === this.zoomed || this.beside) return;
    const [old, view] = [this.layers.getBoundingClientRect(), this.element.getBoundingClientRect()];
    const [x, y] = point ? [point.clientX, point.clientY] : [view.x + view.width / 2, view.y + view.height / 2];
    const [across, down] = [(x - old.x) / old.width, (y - old.y) / old.height];
    this.zoomed = on;
    this.element.classList.toggle("zoomed", on);
    this.element.scrollTo(
      across * this.layers.offsetWidth - (x - view.x),
      down * this.layers.offsetHeight - (y - view.y),
    );
    this.#place();
    this.zooming();
  }

  /** Show both side by side, or one over the other. */
  setBeside(/** @type {boolean} */ on) {
    if (on) this.zoom(false);
    this.beside = on;
    this.element.classList.toggle("beside", on);
    this.divider.hidden = on;
  }

  /** Move the divider, 0 to 100 percent of the visible part. */
  moveTo(/** @type {number} */ at) {
    this.at = Math.min(100, Math.max(0, at));
    this.#place();
  }

  // Keep the divider visible while a zoomed picture scrolls.
  #place() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.element;
    const width = this.layers.offsetWidth;
    const seen = this.zoomed ? Math.min(clientWidth, width) : width;
    const across = width && this.zoomed ? ((scrollLeft + (this.at / 100) * seen) / width) * 100 : this.at;
    this.layers.style.setProperty("--at", `${across}%`);
    this.layers.style.setProperty(
      "--knob",
      this.zoomed ? `${scrollTop + Math.min(clientHeight, this.layers.offsetHeight) / 2}px` : "50%",
    );
    this.divider.setAttribute("aria-valuenow", String(Math.round(this.at)));
  }

  #grab(/** @type {PointerEvent} */ event) {
    if (event.button || this.beside) return;
    const onDivider = this.divider.contains(/** @type {Node} */ (event.target));
    if (this.zoomed && !onDivider && event.pointerType === "touch") return; // the browser scrolls
    const move =
      this.zoomed && !onDivider
        ? (/** @type {PointerEvent} */ to) => this.element.scrollBy(-to.movementX, -to.movementY)
        : (/** @type {PointerEvent} */ to) => {
            const view = this.zoomed ? this.element.getBoundingClientRect() : this.layers.getBoundingClientRect();
            this.moveTo(((to.clientX - view.x) / view.width) * 100);
          };
    event.preventDefault();
    this.divider.focus({ preventScroll: true });
    this.layers.setPointerCapture(event.pointerId);
    if (!this.zoomed && event.pointerType === "mouse") move(event);
    const end = () => {
      this.layers.removeEventListener("pointermove", move);
      this.layers.removeEventListener("pointerup", end);
      this.layers.removeEventListener("pointercancel", end);
    };
    this.layers.addEventListener("pointermove", move);
    this.layers.addEventListener("pointerup", end);
    this.layers.addEventListener("pointercancel", end);
  }

  #key(/** @type {KeyboardEvent} */ event) {
    /** @type {{[key: string]: number}} */
    const steps = {
      ArrowLeft: -2,
      ArrowRight: 2,
      PageDown: -10,
      PageUp: 10,
      Home: -100,
      End: 100,
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.moveTo(this.at + steps[event.key]);
  }
}
