// Panel of settings: background, edge, people, effects.

import { find } from "./actions.js";
import { ask } from "./api.js";
import { choose, withinLimit } from "./drop.js";
import { byId, el, titled } from "./dom.js";
import { Effects } from "./effects.js";
import { bind } from "./keys.js";
import { hex, kindOf } from "./look.js";
import { complain, say } from "./messages.js";
import { check, radios, segmented } from "./radios.js";

const COLORS = [
  ["#ffffff", "White"], ["#d9d9d9", "Light grey"], ["#404040", "Dark grey"], ["#000000", "Black"],
  ["#00b140", "Studio green"], ["#0047bb", "Studio blue"],
];
// Titles of the sliders and of their ends, by action.
const SLIDERS = {
  threshold: ["Threshold", "keep more", "keep less"],
  "edge-softness": ["Softness", "sharp", "soft"],
  "light-wrap": ["Light wrap", "none", "full"],
  "edge-shift": ["Edge", "inwards", "outwards"],
};
const SHADOW = ["Shadow", "none", "dark"];
const PLACES = [["", "As it is"], ["left", "Left"], ["center", "Middle"], ["right", "Right"]];
const THRESHOLD_STEP = 0.05;
const KINDS = ["blur", "picture", "color", "none"];

export class Panel {
  /**
   * @param {import("./look.js").Look} look
   * @param {object} start The response of /api/start.
   * @param {{id: string, name: string}[]} sent The visitor's backgrounds.
   */
  constructor(look, start, sent) {
    this.look = look;
    this.blurs = start.blurs;
    this.limits = start.limits;
    const own = (start.uploads ?? []).map((id) => ({ name: `upload:${id}`, label: "As started", picture: `/api/uploads/${id}` }));
    this.shipped = [...own, ...start.backgrounds];
    this.pictures = this.shipped.map(({ name }) => name);
    this.lastPicture = this.pictures[0];
    this.color = "#00b140";
    this.element = byId("look");
    this.tiles = el("div", { class: "tiles" });
    this.element.append(this.#backgrounds(), new Effects(look, start.effects).element, this.#people(), this.#edge(), this.#stage(),
      el("button", { type: "button", class: "quiet", onclick: () => look.reset() }, "Everything as at the start"));
    sent.forEach((background) => this.#own(background));
    look.addEventListener("change", () => this.#show());
    this.#show();
    bind("", {
      "next-background": () => this.#next(1), "previous-background": () => this.#next(-1), background: () => this.#nextKind(),
      "less-blur": () => this.#blur(false), "more-blur": () => this.#blur(true),
      "keep-more": () => this.#threshold(-THRESHOLD_STEP), "keep-less": () => this.#threshold(THRESHOLD_STEP),
      people: () => this.#nextPeople(), place: () => this.#nextPlace(),
    });
  }

  /** Upload a picture, and use it as background. */
  async add(file) {
    if (!withinLimit([file], this.limits.photo_bytes, "backgrounds").length) return;
    this.look.set({ background: this.#own(await ask(`/api/backgrounds?name=${encodeURIComponent(file.name)}`, { body: file })) });
    say(`background: ${file.name || "your picture"}`);
  }

  #own({ id, name }) {
    const spec = `upload:${id}`;
    this.pictures.push(spec);
    this.tiles.lastElementChild.before(this.#tile(spec, name.replace(/\.[^.]*$/, "") || "Yours", `/api/uploads/${id}`));
    return spec;
  }

  #backgrounds() {
    const plain = [["blur", "Blur"], ["none", "None"], ["transparent", "Transparent"], ["color", "Colour"]];
    this.tiles.append(...plain.map(([spec, label]) => this.#tile(spec, label)),
      ...this.shipped.map(({ name, label, picture }) => this.#tile(name, titled(label ?? name), picture ?? `/api/backgrounds/${encodeURIComponent(name)}`)),
      el("button", { type: "button", class: "tile add", onclick: () => this.#choose(), title: "A picture of yours; it may be dropped here as well" },
        el("span", { class: "swatch", "aria-hidden": "true" }, "+"), el("span", { class: "name" }, "Add…")));
    this.strengths = segmented("Blur", "blur", []);
    this.picker = el("input", { type: "color", "aria-label": "Another colour", title: "Another colour", oninput: () => this.#paint(this.picker.value) });
    this.colors = el("div", { class: "colors", role: "group", "aria-label": "Colour" },
      ...COLORS.map(([color, label]) => {
        const swatch = el("button", { type: "button", class: "dot", "aria-label": label, title: label, "data-color": color, onclick: () => this.#paint(color) });
        swatch.style.setProperty("--color", color);
        return swatch;
      }), this.picker);
    return el("fieldset", { id: "backgrounds" }, el("legend", {}, "Background"), this.tiles, this.strengths, this.colors);
  }

  #tile(spec, label, picture) {
    const radio = el("input", { type: "radio", name: "background", value: spec, onchange: () => this.#pick(spec) });
    const image = picture ? el("img", { src: picture, alt: "", loading: "lazy", width: 96, height: 60 }) : el("span", { class: `swatch of-${spec}`, "aria-hidden": "true" });
    return el("label", { class: "tile", title: label }, radio, image, el("span", { class: "name" }, label));
  }

  #people() {
    this.people = segmented("People", "people", [["all", "Everybody"], ["main", "Main person"]], (people) => this.look.set({ people }));
    return el("fieldset", {}, el("legend", {}, "People"), this.people);
  }

  #edge() {
    this.sliders = Object.entries(SLIDERS).map(([action, texts]) => this.#slider(action, texts));
    return el("fieldset", { class: "edge" }, el("legend", {}, "Edge"), ...this.sliders.map(({ element }) => element));
  }

  #slider(action, [label, low, high]) {
    const name = action.replace("-", "_");
    const { label: title, limits: [min, max] } = find("", action);
    const output = el("output", { for: `slider-${name}` });
    const range = el("input", { type: "range", id: `slider-${name}`, title, min, max, step: 0.05,
      oninput: () => this.look.set(name === "edge_shift" ? shifts(Number(range.value)) : { [name]: Number(range.value) }) });
    return { name, range, output, element: el("div", { class: "slider" },
      el("label", { for: `slider-${name}` }, label), output, range, el("span", { class: "low" }, low), el("span", { class: "high" }, high)) };
  }

  // Where the person stands on a new background, and their shadow there.
  #stage() {
    this.places = segmented("Place", "place", PLACES, (place) => this.look.set({ place }));
    const shadow = this.#slider("shadow", SHADOW);
    this.sliders.push(shadow);
    this.stage = el("fieldset", {}, el("legend", {}, "Place"), this.places, shadow.element);
    return this.stage;
  }

  #show() {
    const { background, blur, people } = this.look.value;
    const kind = kindOf(background, this.pictures);
    if (kind === "picture") this.lastPicture = background;
    if (kind === "color") this.color = hex(background);
    if (kind === "other" && !this.pictures.includes(background)) { // the background at the start
      this.tiles.prepend(this.#tile(background, "As started"));
      this.pictures.push(background);
    }
    const spec = kind === "color" ? "color" : background;
    for (const radio of this.tiles.querySelectorAll("input")) radio.checked = radio.value === spec;
    this.element.style.setProperty("--color", this.color);
    this.picker.value = this.color;
    for (const dot of this.colors.querySelectorAll(".dot")) dot.setAttribute("aria-pressed", dot.dataset.color === this.color);
    this.strengths.hidden = kind !== "blur";
    this.colors.hidden = kind !== "color";
    this.#showBlurs(blur);
    check(this.people, people);
    this.stage.hidden = kind === "blur" || kind === "none";
    check(this.places, this.look.value.place ?? "");
    for (const { name, range, output } of this.sliders) {
      const value = name === "edge_shift" ? shiftOf(this.look.value) : Number(this.look.value[name] ?? 0);
      range.value = value;
      output.value = name === "edge_shift" ? `${value} %` : value.toFixed(2);
    }
  }

  #pick(spec) {
    this.look.set({ background: spec === "color" ? this.color : spec });
  }

  #paint(color) {
    this.look.set({ background: color });
  }

  #choose() {
    choose("image/*", true, async (files) => {
      for (const file of files) await this.add(file).catch(complain);
    });
  }

  #next(step) {
    const place = this.pictures.indexOf(this.look.value.background);
    const count = this.pictures.length;
    const next = place < 0 ? this.lastPicture : this.pictures[(place + step + count) % count];
    this.look.set({ background: next });
    this.#report();
  }

  #nextKind() {
    const kind = kindOf(this.look.value.background, this.pictures);
    const next = KINDS[(KINDS.indexOf(kind) + 1) % KINDS.length];
    this.look.set({ background: { picture: this.lastPicture, color: this.color }[next] ?? next });
    this.#report();
  }

  #report() {
    const radio = this.tiles.querySelector("input:checked");
    radio?.closest("label").scrollIntoView({ block: "nearest" });
    say(`background: ${radio?.closest("label").title.toLowerCase() ?? this.look.value.background}`);
  }

  // Show the named strengths, and the current one between them.
  #showBlurs(blur) {
    const blurs = [...new Set([...this.blurs, blur])].sort((one, other) => percent(one) - percent(other));
    const shown = [...this.strengths.querySelectorAll("input")].map(({ value }) => value);
    if (blurs.join() !== shown.join()) {
      const focused = this.strengths.contains(document.activeElement);
      this.strengths.replaceChildren(...radios("blur", blurs.map((name) => [name, titled(name)]), (name) => this.look.set({ blur: name })));
      if (focused) this.strengths.querySelector(`[value="${blur}"]`).focus();
    }
    check(this.strengths, blur);
  }

  // A camera goes from person to person, as the window does; elsewhere there are two choices.
  #nextPeople() {
    if (this.look.perform("people")) return;
    const people = this.look.value.people === "main" ? "all" : "main";
    this.look.set({ people });
    say(people === "main" ? "the main person alone" : "everybody");
  }

  #nextPlace() {
    const now = PLACES.findIndex(([place]) => place === this.look.value.place);
    const [place, label] = PLACES[(now + 1) % PLACES.length];
    this.look.set({ place });
    say(`place: ${label.toLowerCase()}`);
  }

  #blur(more) {
    const [steps, now] = [find("", "more-blur").choices, percent(this.look.value.blur)];
    const blur = (more ? steps.find((step) => percent(step) > now) : steps.findLast((step) => percent(step) < now)) ?? this.look.value.blur;
    this.look.set({ blur, background: "blur" });
    say(`blur: ${blur}`);
  }

  #threshold(step) {
    const threshold = Math.min(Math.max(Math.round((this.look.value.threshold + step) * 100) / 100, 0.05), 0.95);
    this.look.set({ threshold });
    say(`threshold ${threshold.toFixed(2)}`);
  }
}

// Return a blur's standard deviation in percent of the picture's shorter side.
const percent = (blur) => ({ light: 1, medium: 2, strong: 4 })[blur] ?? parseFloat(blur);
// Return the settings for an edge moved outwards, or inwards below 0, in percent of the head's height; and back.
const shifts = (value) => ({ grow: value > 0 ? `${value}%` : "0", shrink: value < 0 ? `${-value}%` : "0" });
const shiftOf = ({ grow, shrink }) => parseFloat(grow ?? 0) - parseFloat(shrink ?? 0);
