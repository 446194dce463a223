// The look: set by the panel and the keys, sent with each request.

// Time in which changes are sent together, milliseconds.
const KEEP_MS = 300;

export class Look extends EventTarget {
  /**
   * @param {LookValue} start The look in /api/start.
   * @param {LookValue} last The visitor's last look, in /api/look.
   */
  constructor(start, last) {
    super();
    /** @type {LookValue} */
    this.start = { ...start, effects: [...(start.effects ?? [])] };
    /** @type {LookValue} */
    this.value = { ...last, effects: [...(last.effects ?? [])] };
    /** Does an action on the server instead, for a camera; returns whether it did. */
    this.perform = (/** @type {string} */ _name) => false;
  }

  /**
   * Change some settings, and dispatch "change".
   * @param {Partial<LookValue>} changes
   */
  set(changes) {
    this.value = /** @type {LookValue} */ ({ ...this.value, ...changes });
    this.dispatchEvent(new Event("change"));
  }

  /** Restore the look at the start. */
  reset() {
    this.set(this.start);
  }

  /**
   * Toggle an effect; return whether it is on.
   * @param {string} effect
   */
  toggle(effect) {
    const on = !this.value.effects.includes(effect);
    this.set({
      effects: on ? [...this.value.effects, effect] : this.value.effects.filter((name) => name !== effect),
    });
    return on;
  }
}

/**
 * Keep each change of the look on the server, for a reload of the page.
 * @param {Look} look
 */
export function keep(look) {
  /** @type {ReturnType<typeof setTimeout>|null} */
  let timer = null;
  const send = () => {
    if (timer) clearTimeout(timer);
    timer = null;
    const body = JSON.stringify(look.value);
    fetch("/api/look", {
      method: "PUT",
      body,
      keepalive: true,
      headers: { "Content-Type": "application/json" },
    }).catch(() => {}); // kept with the next change
  };
  look.addEventListener("change", () => (timer ??= setTimeout(send, KEEP_MS)));
  addEventListener("pagehide", () => timer && send());
}

/** Whether a background is the frame's own, before which the person stays where they are. */
export const keepsRoom = (/** @type {string} */ background) => background === "blur" || background === "none";

/**
 * Return the kind of a background: "picture", "color", "other", or itself if it is plain.
 * @param {string} spec
 * @param {string[]} plain
 * @param {string[]} pictures
 */
export function kindOf(spec, plain, pictures) {
  if (plain.includes(spec)) return spec;
  if (spec.startsWith("upload:") || pictures.includes(spec)) return "picture";
  return CSS.supports("color", spec) ? "color" : "other";
}

/**
 * Return any CSS colour as #rrggbb, for <input type=color>.
 * @param {string} color
 */
export function hex(color) {
  const pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  pen.fillStyle = color;
  return String(pen.fillStyle);
}
