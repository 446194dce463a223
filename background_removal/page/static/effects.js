// Effects and inversion, in the panel of settings.

import { find } from "./actions.js";
import { el, titled } from "./dom.js";
import { bind } from "./keys.js";
import { say } from "./messages.js";
import { words } from "./words.js";

export class Effects {
  /**
   * @param {import("./look.js").Look} look
   * @param {string[]} names Of the effects.
   */
  constructor(look, names) {
    this.look = look;
    this.boxes = names.map((name) => {
      const box = el("input", { type: "checkbox", value: name, onchange: () => look.toggle(name) });
      return { name, box, element: el("label", { class: "check" }, box, titled(find("", name).label)) };
    });
    this.invert = el("input", { type: "checkbox", onchange: () => look.set({ invert: this.invert.checked }) });
    this.element = el("fieldset", { class: "effects" }, el("legend", {}, words("effects.title")), ...this.boxes.map(({ element }) => element),
      el("label", { class: "check" }, this.invert, titled(find("", "invert").label)));
    look.addEventListener("change", () => this.#show());
    this.#show();
    bind("", Object.fromEntries(names.map((name) => [name, () => this.#toggle(name)])));
  }

  #toggle(name) {
    const effect = titled(find("", name).label);
    if (this.#works(name)) say(words(this.look.toggle(name) ? "effects.on" : "effects.off", { effect }));
    else say(words("effects.needs-blur"));
  }

  // Defocus replaces the blur, and does nothing to another background.
  #works(name) {
    return name !== "defocus" || this.look.value.background === "blur";
  }

  #show() {
    for (const { name, box, element } of this.boxes) {
      box.checked = this.look.value.effects.includes(name);
      box.disabled = !this.#works(name);
      element.title = box.disabled ? words("effects.needs-blur") : "";
    }
    this.invert.checked = Boolean(this.look.value.invert);
  }
}
