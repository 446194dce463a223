// The look: what the panel sets, the keys change, and every request carries.

export class Look extends EventTarget {
  /** @param {object} start What /api/start says of the look. */
  constructor(start) {
    super();
    this.start = { ...start, effects: [...(start.effects ?? [])] };
    this.value = { ...this.start };
  }

  /** Change some of it; whoever listens to "change" is told. */
  set(changes) {
    this.value = { ...this.value, ...changes };
    this.dispatchEvent(new Event("change"));
  }

  /** As the program was started. */
  reset() {
    this.set(this.start);
  }

  /** Switch an effect; returns whether it is on now. */
  toggle(effect) {
    const on = !this.value.effects.includes(effect);
    this.set({ effects: on ? [...this.value.effects, effect] : this.value.effects.filter((name) => name !== effect) });
    return on;
  }
}

/** What kind of background a spec names. */
export function kindOf(spec, pictures) {
  if (["blur", "none", "transparent"].includes(spec)) return spec;
  if (spec.startsWith("upload:") || pictures.includes(spec)) return "picture";
  return CSS.supports("color", spec) ? "color" : "other";
}

/** Any colour of CSS as #rrggbb, which is all that <input type=color> takes. */
export function hex(color) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = color;
  return pen.fillStyle;
}
