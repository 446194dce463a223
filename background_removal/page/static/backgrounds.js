// Backgrounds to choose from: kinds, shipped pictures, the visitor's own, colours.

import { ask } from "./api.js";
import { el } from "./dom.js";
import { choose, withinLimit } from "./drop.js";
import { hex, kindOf } from "./look.js";
import { complain, say } from "./messages.js";
import { words } from "./words.js";

const COLORS = {
  white: "#ffffff",
  "light-grey": "#d9d9d9",
  "dark-grey": "#404040",
  black: "#000000",
  green: "#00b140",
  blue: "#0047bb",
};
// Colour beside the pictures that are plain.
const COLOR = "color";
// Kinds in the order in which a key goes through them, as in the program's window.
const CYCLE = ["blur", "picture", COLOR, "none"];

export class Backgrounds {
  /**
   * @param {import("./look.js").Look} look
   * @param {Setting} setting
   * @param {Start} start
   * @param {Upload[]} sent The visitor's pictures.
   */
  constructor(look, { name, choices }, start, sent) {
    this.names = [name];
    this.look = look;
    this.plain = choices;
    this.limits = start.limits;
    this.color = COLORS.green;
    /** @type {string[]} */
    this.pictures = [];
    this.tiles = el("div", { class: "tiles" });
    for (const spec of [...choices, COLOR]) this.tiles.append(this.#tile(spec, words(`background.${spec}`)));
    for (const id of start.uploads) this.#add(`upload:${id}`, words("background.at-start"), `/api/uploads/${id}`);
    for (const { name: picture } of start.backgrounds) {
      this.#add(picture, words(`background.picture.${picture}`), `/api/backgrounds/${encodeURIComponent(picture)}`);
    }
    this.lastPicture = this.pictures[0];
    this.tiles.append(
      el(
        "button",
        {
          type: "button",
          class: "tile add",
          onclick: () => this.choose(),
          title: words("background.add-hint"),
        },
        el("span", { class: "swatch", "aria-hidden": "true" }, "+"),
        el("span", { class: "name" }, words("file.add")),
      ),
    );
    sent.forEach((upload) => this.#own(upload));
    this.picker = el("input", {
      type: "color",
      "aria-label": words("color.other"),
      title: words("color.other"),
      oninput: () => this.#pick(this.picker.value),
    });
    this.dots = Object.entries(COLORS).map(([key, color]) => {
      const label = words(`color.${key}`);
      const dot = el("button", {
        type: "button",
        class: "dot",
        "aria-label": label,
        title: label,
        "data-color": color,
        onclick: () => this.#pick(color),
      });
      dot.style.setProperty("--color", color);
      return dot;
    });
    this.colors = el(
      "div",
      {
        class: "colors",
        role: "group",
        "aria-label": words("background.color"),
      },
      ...this.dots,
      this.picker,
    );
    this.element = el("div", { "data-setting": name }, this.tiles, this.colors);
  }

  /** Kind of the current one. */
  get kind() {
    return kindOf(this.look.value.background, this.plain, this.pictures);
  }

  /** Show the current one. */
  show() {
    const { background } = this.look.value;
    if (this.kind === "other") this.#add(background, words("background.at-start"), null, true);
    const { kind } = this;
    if (kind === "picture") this.lastPicture = background;
    if (kind === COLOR) this.color = hex(background);
    const spec = kind === COLOR ? COLOR : background;
    for (const radio of this.tiles.querySelectorAll("input")) radio.checked = radio.value === spec;
    this.element.style.setProperty("--color", this.color);
    this.picker.value = this.color;
    for (const dot of this.dots) dot.setAttribute("aria-pressed", String(dot.dataset.color === this.color));
    this.colors.hidden = kind !== COLOR;
  }

  /** Let the visitor choose pictures of their own. */
  choose() {
    choose("image/*", true, async (files) => {
      for (const file of files) await this.send(file).catch(complain);
    });
  }

  /**
   * Upload a picture, and use it.
   * @param {File} file
   */
  async send(file) {
    if (!withinLimit([file], this.limits.photo_bytes, "backgrounds").length) return;
    this.#pick(
      this.#own(
        await ask(`/api/backgrounds?name=${encodeURIComponent(file.name)}`, {
          body: file,
        }),
      ),
    );
    say(
      words("setting.said", {
        setting: words("group.background"),
        value: file.name || words("background.yours"),
      }),
    );
  }

  /**
   * Use the next picture, or the one before.
   * @param {number} step
   */
  next(step) {
    const { pictures, lastPicture } = this;
    const place = pictures.indexOf(this.look.value.background);
    this.#pick(place < 0 ? lastPicture : pictures[(place + step + pictures.length) % pictures.length]);
    this.#report();
  }

  /** Use the next kind. */
  nextKind() {
    const next = CYCLE[(CYCLE.indexOf(this.kind) + 1) % CYCLE.length];
    this.#pick(next === "picture" ? this.lastPicture : next);
    this.#report();
  }

  #report() {
    const label = this.tiles.querySelector("input:checked")?.closest("label");
    label?.scrollIntoView({ block: "nearest" });
    say(
      words("setting.said", {
        setting: words("group.background"),
        value: label?.title ?? this.look.value.background,
      }),
    );
  }

  /** @param {string} spec */
  #pick(spec) {
    this.look.set({ background: spec === COLOR ? this.color : spec });
  }

  /** @param {Upload} upload */
  #own({ id, name }) {
    const spec = `upload:${id}`;
    this.#add(spec, name.replace(/\.[^.]*$/, "") || words("background.yours"), `/api/uploads/${id}`);
    return spec;
  }

  /**
   * Add a picture, or what is at the start something else; before the button, or first.
   * @param {string} spec
   * @param {string} label
   * @param {string|null} picture
   * @param {boolean} [first]
   */
  #add(spec, label, picture, first = false) {
    this.pictures.push(spec);
    const tile = this.#tile(spec, label, picture);
    const button = this.tiles.querySelector(".add");
    if (first) this.tiles.prepend(tile);
    else if (button) button.before(tile);
    else this.tiles.append(tile);
  }

  /**
   * @param {string} spec
   * @param {string} label
   * @param {string|null} [picture]
   */
  #tile(spec, label, picture) {
    const radio = el("input", {
      type: "radio",
      name: "background",
      value: spec,
      onchange: () => this.#pick(spec),
    });
    const image = picture
      ? el("img", {
          src: picture,
          alt: "",
          loading: "lazy",
          width: 96,
          height: 60,
        })
      : el("span", { class: `swatch of-${spec}`, "aria-hidden": "true" });
    return el("label", { class: "tile", title: label }, radio, image, el("span", { class: "name" }, label));
  }
}
