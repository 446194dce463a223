// Saving of photos: one in a format, or all as a ZIP.

import { keyOf } from "./actions.js";
import { ask, query } from "./api.js";
import { Batch } from "./batch.js";
import { button, byId, download, el, resultName } from "./dom.js";
import { formatChoice } from "./formats.js";
import { complain, say } from "./messages.js";
import { options } from "./options.js";
import { sendStrokes } from "./strokes.js";
import { words } from "./words.js";

export class PhotoSaving {
  /**
   * @param {import("./look.js").Look} look
   * @param {{photos: Photo[], current: Photo|null, cropping: import("./cropping.js").Cropping}} tab The photos, the one at hand, and their crop.
   */
  constructor(look, tab) {
    this.look = look;
    this.tab = tab;
    this.format = formatChoice(options.picture_formats, look);
    this.buttons = {
      save: button(words("file.save"), keyOf("photo", "save"), () => this.save(), { class: "main" }),
      copy: button(words("photo.copy"), "", () => this.copy(), {
        title: words("photo.copy-hint"),
        "aria-keyshortcuts": "Control+C",
      }),
    };
    this.element = el("span", { class: "joined" }, this.buttons.save, this.format);
    this.batch = new Batch(
      () => tab.photos.filter(({ id }) => id),
      (photo, signal) => this.#result(photo, this.format.value, signal),
      () => this.#ending(this.format.value),
    );
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Save the photo at hand. */
  async save() {
    const photo = this.tab.current;
    if (!photo?.id) return;
    const format = this.format.value;
    try {
      const name = resultName(photo.name, this.#ending(format));
      download(await this.#result(photo, format), name);
      say(words("file.saved", { name }));
    } catch (error) {
      complain(error);
    }
  }

  #ending(/** @type {string} */ format) {
    return options.picture_formats.find(({ name }) => name === format)?.ending ?? format;
  }

  async #result(
    /** @type {Photo} */ photo,
    /** @type {string} */ format,
    /** @type {AbortSignal|undefined} */ signal = undefined,
  ) {
    await sendStrokes(photo);
    return ask(`/api/photos/${photo.id}/result?${query(this.look.value, { format, crop: this.tab.cropping.value })}`, {
      as: "blob",
      signal,
    });
  }

  /** Copy the photo at hand to the clipboard, as a PNG with its transparency. */
  async copy() {
    const photo = this.tab.current;
    if (!photo?.id) return;
    if (!navigator.clipboard?.write || !window.ClipboardItem) {
      complain(words("photo.no-clipboard"));
      return;
    }
    try {
      // The promise itself, as some browsers allow the clipboard only at the moment of the press.
      const result = this.#result(photo, "png");
      result.catch(() => {}); // reported below
      const written = navigator.clipboard.write([new ClipboardItem({ "image/png": result })]);
      await result;
      await written;
      say(words("photo.copied"));
    } catch (error) {
      complain(/** @type {Error} */ (error).name === "NotAllowedError" ? words("photo.clipboard-refused") : error);
    }
  }

  // Ctrl-C, unless text is selected.
  #key(/** @type {KeyboardEvent} */ event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "c") return;
    const writes =
      event.target instanceof Element &&
      event.target.matches("textarea, input:not([type=range], [type=radio], [type=checkbox])");
    if (
      byId("photo").hidden ||
      /** @type {HTMLDialogElement} */ (byId("keys")).open ||
      writes ||
      !this.tab.current ||
      String(getSelection())
    ) {
      return;
    }
    event.preventDefault();
    this.copy();
  }
}
