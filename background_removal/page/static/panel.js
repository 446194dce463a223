// Panel of settings: background, edge, people, effects.

import { find } from "./actions.js";
import { ask } from "./api.js";
import { choose, withinLimit } from "./drop.js";
import { byId, el } from "./dom.js";
import { Effects } from "./effects.js";
import { bind } from "./keys.js";
import { hex, kindOf } from "./look.js";
import { complain, say } from "./messages.js";
import { number, percent } from "./numbers.js";
import { check, radios, segmented } from "./radios.js";
import { has, words } from "./words.js";

const COLORS = [
  ["#ffffff", words("color.white")], ["#d9d9d9", words("color.light-grey")], ["#404040", words("color.dark-grey")], ["#000000", words("color.black")],
  ["#00b140", words("color.green")], ["#0047bb", words("color.blue")],
];
// Actions with a slider.
const SLIDERS = ["threshold", "edge-softness", "light-wrap", "edge-shift"];
const PLACES = ["", "left", "center", "right"].map((place) => [place, words(`place.${place || "off"}`)]);
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
    const own = (start.uploads ?? []).map((id) => ({ name: `upload:${id}`, label: words("background.at-start"), picture: `/api/uploads/${id}` }));
    this.shipped = [...own, ...start.backgrounds.map(({ name }) => ({ name }))];
    this.pictures = this.shipped.map(({ name }) => name);
    this.lastPicture = this.pictures[0];
    this.color = "#00b140";
    this.element = byId("look");
    this.tiles = el("div", { class: "tiles" });
    this.element.append(this.#backgrounds(), new Effects(look, start.effects).element, this.#people(), this.#edge(), this.#stage(),
      el("button", { type: "button", class: "quiet", onclick: () => look.reset() }, words("look.reset")));
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
    say(words("background.said", { name: file.name || words("background.yours") }));
  }

  #own({ id, name }) {
    const spec = `upload:${id}`;
    this.pictures.push(spec);
    this.tiles.lastElementChild.before(this.#tile(spec, name.replace(/\.[^.]*$/, "") || words("background.yours"), `/api/uploads/${id}`));
    return spec;
  }

  #backgrounds() {
    const plain = ["blur", "none", "transparent", "color"].map((spec) => [spec, words(`background.${spec}`)]);
    this.tiles.append(...plain.map(([spec, label]) => this.#tile(spec, label)),
      ...this.shipped.map(({ name, label, picture }) => this.#tile(name, label ?? words(`background.picture.${name}`), picture ?? `/api/backgrounds/${encodeURIComponent(name)}`)),
      el("button", { type: "button", class: "tile add", onclick: () => this.#choose(), title: words("background.add-hint") },
        el("span", { class: "swatch", "aria-hidden": "true" }, "+"), el("span", { class: "name" }, words("file.add"))));
    this.strengths = segmented(words("blur.title"), "blur", []);
    this.picker = el("input", { type: "color", "aria-label": words("color.other"), title: words("color.other"), oninput: () => this.#paint(this.picker.value) });
    this.colors = el("div", { class: "colors", role: "group", "aria-label": words("background.color") },
      ...COLORS.map(([color, label]) => {
        const swatch = el("button", { type: "button", class: "dot", "aria-label": label, title: label, "data-color": color, onclick: () => this.#paint(color) });
        swatch.style.setProperty("--color", color);
        return swatch;
      }), this.picker);
    return el("fieldset", { id: "backgrounds" }, el("legend", {}, words("background.title")), this.tiles, this.strengths, this.colors);
  }

  #tile(spec, label, picture) {
    const radio = el("input", { type: "radio", name: "background", value: spec, onchange: () => this.#pick(spec) });
    const image = picture ? el("img", { src: picture, alt: "", loading: "lazy", width: 96, height: 60 }) : el("span", { class: `swatch of-${spec}`, "aria-hidden": "true" });
    return el("label", { class: "tile", title: label }, radio, image, el("span", { class: "name" }, label));
  }

  #people() {
    this.people = segmented(words("people.title"), "people", ["all", "main"].map((people) => [people, words(`people.${people}`)]), (people) => this.look.set({ people }));
    return el("fieldset", {}, el("legend", {}, words("people.title")), this.people);
  }

  #edge() {
    this.sliders = SLIDERS.map((action) => this.#slider(action));
    return el("fieldset", { class: "edge" }, el("legend", {}, words("edge.title")), ...this.sliders.map(({ element }) => element));
  }

  #slider(action) {
    const name = action.replace("-", "_");
    const { label: title, limits: [min, max] } = find("", action);
    const output = el("output", { for: `slider-${name}` });
    const range = el("input", { type: "range", id: `slider-${name}`, title, min, max, step: 0.05,
      oninput: () => this.look.set(name === "edge_shift" ? shifts(Number(range.value)) : { [name]: Number(range.value) }) });
    return { name, range, output, element: el("div", { class: "slider" },
      el("label", { for: `slider-${name}` }, words(`slider.${action}.title`)), output, range,
      el("span", { class: "low" }, words(`slider.${action}.low`)), el("span", { class: "high" }, words(`slider.${action}.high`))) };
  }

  // Where the person stands on a new background, and their shadow there.
  #stage() {
    this.places = segmented(words("place.title"), "place", PLACES, (place) => this.look.set({ place }));
    const shadow = this.#slider("shadow");
    this.sliders.push(shadow);
    this.stage = el("fieldset", {}, el("legend", {}, words("place.panel")), this.places, shadow.element);
    return this.stage;
  }

  #show() {
    const { background, blur, people } = this.look.value;
    const kind = kindOf(background, this.pictures);
    if (kind === "picture") this.lastPicture = background;
    if (kind === "color") this.color = hex(background);
    if (kind === "other" && !this.pictures.includes(background)) { // the background at the start
      this.tiles.prepend(this.#tile(background, words("background.at-start")));
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
      output.value = name === "edge_shift" ? percent(value / 100) : number(value, 2);
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
    say(words("background.said", { name: radio?.closest("label").title ?? this.look.value.background }));
  }

  // Show the named strengths, and the current one between them.
  #showBlurs(blur) {
    const blurs = [...new Set([...this.blurs, blur])].sort((one, other) => percentOf(one) - percentOf(other));
    const shown = [...this.strengths.querySelectorAll("input")].map(({ value }) => value);
    if (blurs.join() !== shown.join()) {
      const focused = this.strengths.contains(document.activeElement);
      this.strengths.replaceChildren(...radios("blur", blurs.map((name) => [name, strength(name)]), (name) => this.look.set({ blur: name })));
      if (focused) this.strengths.querySelector(`[value="${blur}"]`).focus();
    }
    check(this.strengths, blur);
  }

  // A camera goes from person to person, as the window does; elsewhere there are two choices.
  #nextPeople() {
    if (this.look.perform("people")) return;
    const people = this.look.value.people === "main" ? "all" : "main";
    this.look.set({ people });
    say(words("people.said", { who: words(`people.${people}`) }));
  }

  #nextPlace() {
    const now = PLACES.findIndex(([place]) => place === this.look.value.place);
    const [place, label] = PLACES[(now + 1) % PLACES.length];
    this.look.set({ place });
    say(words("place.said", { where: label }));
  }

  #blur(more) {
    const [steps, now] = [find("", "more-blur").choices, percentOf(this.look.value.blur)];
    const blur = (more ? steps.find((step) => percentOf(step) > now) : steps.findLast((step) => percentOf(step) < now)) ?? this.look.value.blur;
    this.look.set({ blur, background: "blur" });
    say(words("blur.said", { strength: strength(blur) }));
  }

  #threshold(step) {
    const threshold = Math.min(Math.max(Math.round((this.look.value.threshold + step) * 100) / 100, 0.05), 0.95);
    this.look.set({ threshold });
    say(words("threshold.said", { value: number(threshold, 2) }));
  }
}

// Return a blur's standard deviation in percent of the picture's shorter side.
const percentOf = (blur) => ({ light: 1, medium: 2, strong: 4 })[blur] ?? parseFloat(blur);
// Return a blur's strength in words.
const strength = (blur) => (has(`blur.${blur}`) ? words(`blur.${blur}`) : percent(percentOf(blur) / 100));
// Return the settings for an edge moved outwards, or inwards below 0, in percent of the head's height; and back.
const shifts = (value) => ({ grow: value > 0 ? `${value}%` : "0", shrink: value < 0 ? `${-value}%` : "0" });
const shiftOf = ({ grow, shrink }) => parseFloat(grow ?? 0) - parseFloat(shrink ?? 0);
