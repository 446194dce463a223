// Saving of photos: one in a format, or all as a ZIP.

import { keyOf } from "./actions.js";
import { ask, query } from "./api.js";
import { button, choice, download, el, resultName } from "./dom.js";
import { complain, say } from "./messages.js";
import { sendStrokes } from "./strokes.js";
import { words } from "./words.js";

const FORMATS = [["png", "PNG"], ["jpeg", "JPEG"], ["webp", "WebP"]];
const ENDINGS = { png: "png", jpeg: "jpg", webp: "webp" };

export class PhotoSaving {
  /**
   * @param {import("./look.js").Look} look
   * @param {{photos: object[], current: object?}} tab The photos and the one at hand.
   */
  constructor(look, tab) {
    this.look = look;
    this.tab = tab;
    this.format = choice(words("file.format"), FORMATS, () => {});
    this.buttons = {
      save: button(words("file.save"), keyOf("photo", "save"), () => this.save(), { class: "main" }),
      zip: button(words("photo.zip"), "", () => this.zip()),
    };
    this.element = el("span", { class: "joined" }, this.buttons.save, this.format);
    look.addEventListener("change", () => this.#formats());
    this.#formats();
  }

  /** Save the photo at hand. */
  async save() {
    const photo = this.tab.current;
    if (!photo?.id) return;
    const format = this.format.value;
    try {
      await sendStrokes(photo);
      download(await ask(`/api/photos/${photo.id}/result?${query(this.look.value, { format })}`, { as: "blob" }), resultName(photo.name, ENDINGS[format]));
      say(words("file.saved", { name: resultName(photo.name, ENDINGS[format]) }));
    } catch (error) {
      complain(error);
    }
  }

  /** Save all photos. */
  async zip() {
    this.buttons.zip.disabled = true;
    try {
      const photos = this.tab.photos.filter(({ id }) => id);
      for (const photo of photos) await sendStrokes(photo);
      const ids = photos.map(({ id }) => id);
      say(words("photo.zipping", { n: ids.length }));
      download(await ask("/api/zip", { json: { ids, look: this.look.value, format: this.format.value }, as: "blob" }), "photos_out.zip");
      say(words("file.saved", { name: "photos_out.zip" }));
    } catch (error) {
      complain(error);
    }
    this.buttons.zip.disabled = false;
  }

  // JPEG cannot be transparent.
  #formats() {
    const jpeg = this.format.querySelector("[value=jpeg]");
    jpeg.disabled = this.look.value.background === "transparent";
    if (jpeg.disabled && this.format.value === "jpeg") this.format.value = "png";
  }
}
