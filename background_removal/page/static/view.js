// View: zoom and pan of an element inside another one.

// Largest zoom.
const MOST = 16;

export class View {
  scale = 1;
  x = 0;
  y = 0;
  moving = false;

  /**
   * @param {HTMLElement} frame What is seen.
   * @param {HTMLElement} layer What is zoomed and moved in it.
   */
  constructor(frame, layer) {
    this.frame = frame;
    this.layer = layer;
    /** @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    this.reset();
  }

  /** Show all of it. */
  reset() {
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.pointers.clear();
    this.layer.style.transform = "";
  }

  /** Zoom by a factor around a point of the window; by default the middle of what is seen. */
  zoom(/** @type {number} */ factor, /** @type {number|null} */ x = null, /** @type {number|null} */ y = null) {
    const seen = this.frame.getBoundingClientRect();
    const scale = Math.min(MOST, Math.max(1, this.scale * factor));
    const [across, down] = [
      (x ?? seen.x + seen.width / 2) - seen.x - seen.width / 2,
      (y ?? seen.y + seen.height / 2) - seen.y - seen.height / 2,
    ];
    this.x = across - ((across - this.x) * scale) / this.scale;
    this.y = down - ((down - this.y) * scale) / this.scale;
    this.scale = scale;
    this.#apply();
  }

  /** Take a pointer that went down; return whether it moves the view, as a second finger does. */
  down(/** @type {PointerEvent} */ event, /** @type {boolean} */ moves) {
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moving = moves || this.pointers.size > 1;
    return this.moving;
  }

  /** Follow a pointer; return whether it moves the view. */
  move(/** @type {PointerEvent} */ event) {
    const before = this.pointers.get(event.pointerId);
    if (!before || !this.moving) return Boolean(before && this.moving);
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const apart = (/** @type {any} */ one) => Math.hypot(one.x - other.x, one.y - other.y);
      this.#pan((now.x - before.x) / 2, (now.y - before.y) / 2);
      this.zoom(apart(now) / Math.max(1, apart(before)), (now.x + other.x) / 2, (now.y + other.y) / 2);
    } else this.#pan(now.x - before.x, now.y - before.y);
    return true;
  }

  up(/** @type {PointerEvent} */ event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.moving = false;
  }

  #pan(/** @type {number} */ x, /** @type {number} */ y) {
    this.x += x;
    this.y += y;
    this.#apply();
  }

  // The photo never leaves the frame by more than it is larger.
  #apply() {
    const [across, down] = [
      (this.layer.offsetWidth * (this.scale - 1)) / 2,
      (this.layer.offsetHeight * (this.scale - 1)) / 2,
    ];
    this.x = Math.min(across, Math.max(-across, this.x));
    this.y = Math.min(down, Math.max(-down, this.y));
    this.layer.style.transform = this.scale === 1 ? "" : `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
  }
}
