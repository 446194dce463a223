// The look: set by the panel and the keys, sent with each request.

// Time in which changes are sent together, milliseconds.
const KEEP_MS = 300;

export class Look extends EventTarget {
  /**
   * @param {object} start The look in /api/start.
   * @param {object} last The visitor's last look, in /api/look.
   */
  constructor(start, last) {
    super();
    this.start = { ...start, effects: [...(start.effects ?? [])] };
    this.value = { ...last, effects: [...(last.effects ?? [])] };
    /** Does an action on the server instead, for a camera; returns whether it did. */
    this.perform = () => false;
  }

  /** Change some settings, and dispatch "change". */
  set(changes) {
    this.value = { ...this.value, ...changes };
    this.dispatchEvent(new Event("change"));
  }

  /** Restore the look at the start. */
  reset() {
    this.set(this.start);
  }

  /** Toggle an effect; return whether it is on. */
  toggle(effect) {
    const on = !this.value.effects.includes(effect);
    this.set({ effects: on ? [...this.value.effects, effect] : this.value.effects.filter((name) => name !== effect) });
    return on;
  }
}

/** Keep each change of the look on the server, for a reload of the page. */
export function keep(look) {
  let timer = null;
  const send = () => {
    clearTimeout(timer);
    timer = null;
    const body = JSON.stringify(look.value);
    fetch("/api/look", { method: "PUT", body, keepalive: true, headers: { "Content-Type": "application/json" } }).catch(() => {}); // kept with the next change
  };
  look.addEventListener("change", () => (timer ??= setTimeout(send, KEEP_MS)));
  addEventListener("pagehide", () => timer && send());
}

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

/** Return any CSS colour as #rrggbb, for <input type=color>. */
export function hex(color) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = color;
  return pen.fillStyle;
}
