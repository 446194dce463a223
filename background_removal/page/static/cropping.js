// Crop of photos: one shape for all of them.

import { choice } from "./dom.js";
import { say } from "./messages.js";
import { percent } from "./numbers.js";
import { options } from "./options.js";
import { recall, remember } from "./tab_memory.js";
import { has, words } from "./words.js";

/** Left, top, right and bottom of a whole photo. */
export const WHOLE = [0, 0, 1, 1];
const inWords = (/** @type {string} */ shape) =>
  has(`crop.shape.${shape}`) ? words(`crop.shape.${shape}`) : shape || words("crop.none");

export class Cropping extends EventTarget {
  constructor() {
    super();
    this.select = choice(
      words("crop.title"),
      options.crops.map(({ name }) => [name, inWords(name)]),
      () => this.#change(),
      { title: words("crop.hint"), id: "crop" },
    );
    this.select.value = recall("crop") ?? "";
    if (!this.select.value) this.select.value = "";
    this.explained = new Set();
  }

  /** The shape, as the server takes it; "" for none. */
  get value() {
    return this.select.value;
  }

  #change() {
    remember("crop", this.value);
    this.explained.clear();
    this.dispatchEvent(new Event("change"));
  }

  /** Say once of each photo where a passport's crop cannot be as the rules want it. */
  explain(/** @type {Photo} */ photo, /** @type {Headers} */ headers) {
    if (
      !options.crops.find(({ name }) => name === this.value)?.passport ||
      headers.get("X-Crop-Fits") === "yes" ||
      this.explained.has(photo)
    )
      return;
    this.explained.add(photo);
    const around = headers.get("X-Crop-Around");
    const share = percent(Math.round(Number(headers.get("X-Crop-Head")) * 100) / 100);
    if (around === "face") say(words("crop.no-room", { name: photo.name, share }));
    else say(words(around === "person" ? "crop.around-person" : "crop.around-middle", { name: photo.name }));
  }
}
