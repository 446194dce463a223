// A picture with transparency before the person.

import { ask } from "./api.js";
import { el } from "./dom.js";
import { choose, withinLimit } from "./drop.js";
import { complain } from "./messages.js";
import { words } from "./words.js";

export class Foreground {
  /**
   * @param {Setting} setting
   * @param {import("./look.js").Look} look
   * @param {Limits} limits
   * @param {Upload[]} sent The visitor's pictures.
   */
  constructor({ name }, look, limits, sent) {
    this.limits = limits;
    this.names = [name];
    this.look = look;
    this.sent = [...sent];
    this.name = el("span", { class: "name" });
    this.remove = el("button", { type: "button", onclick: () => look.set({ [name]: "" }) }, words("file.remove"));
    const add = el(
      "button",
      {
        type: "button",
        title: words("setting.foreground.hint"),
        onclick: () => choose("image/*", false, ([file]) => this.#send(file).catch(complain)),
      },
      words("file.add"),
    );
    this.element = el(
      "div",
      {
        class: "picture",
        role: "group",
        "aria-label": words("setting.foreground.title"),
        "data-setting": name,
      },
      el("span", {}, words("setting.foreground.title")),
      this.name,
      add,
      this.remove,
    );
  }

  /** @param {LookValue} look */
  show({ foreground }) {
    const upload = this.sent.find(({ id }) => foreground === `upload:${id}`);
    this.name.textContent =
      upload?.name ?? (foreground ? words("background.at-start") : words("setting.foreground.off"));
    this.remove.hidden = !foreground;
  }

  /** @param {File} file */
  async #send(file) {
    if (!withinLimit([file], this.limits.photo_bytes, "photos").length) return;
    const upload = await ask(`/api/backgrounds?name=${encodeURIComponent(file.name)}`, { body: file });
    this.sent.push(upload);
    this.look.set({ [this.names[0]]: `upload:${upload.id}` });
  }
}
