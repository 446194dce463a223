// All photos in one look, one after another, into a ZIP; each one's error is said, and the others go on.

import { button, download, el, resultName } from "./dom.js";
import { complain, say } from "./messages.js";
import { showInTitle } from "./tab_title.js";
import { words } from "./words.js";
import { Zip } from "./zip.js";

const NAME = "photos_out.zip";

export class Batch {
  /**
   * @param {() => Photo[]} photos Returns the photos that the server has.
   * @param {(photo: Photo, signal: AbortSignal) => Promise<Blob>} result Fetches a photo's result.
   * @param {() => string} ending Returns the suffix of results, without its dot.
   */
  constructor(photos, result, ending) {
    this.photos = photos;
    this.result = result;
    this.ending = ending;
    /** @type {AbortController|null} */
    this.stop = null;
    this.button = button(words("photo.zip"), "", () => (this.stop ? this.stop.abort() : this.run()), {
      title: words("photo.zip-hint"),
    });
    this.words = el("span", { class: "hint" });
    this.bar = el("progress", {
      max: 1,
      value: 0,
      "aria-label": words("photo.zip"),
    });
    this.element = el("div", { class: "batch", hidden: true }, this.words, this.bar);
  }

  /** Show the button if there are several photos. */
  show() {
    this.button.hidden = !this.stop && this.photos().length < 2;
  }

  /** Make the results, and save those that there are. */
  async run() {
    const { signal } = (this.stop = new AbortController());
    const [zip, photos, ending] = [new Zip(), this.photos(), this.ending()];
    /** @type {string[]} */
    const failures = [];
    this.button.textContent = words("video.cancel");
    this.element.hidden = false;
    try {
      for (const [done, photo] of photos.entries()) {
        this.#progress(/** @type {number} */ done, photos);
        const failure = await this.#add(zip, photo, ending, signal);
        if (failure) failures.push(failure);
      }
      if (zip.count) download(zip.close(), NAME);
      if (failures.length) {
        complain(
          words("photo.zip-failures", {
            n: failures.length,
            failures: failures.join("; "),
          }),
        );
      } else say(words("file.saved", { name: NAME }));
    } catch (error) {
      complain(error); // nothing is said of a cancelled one
    } finally {
      this.stop = null;
      this.button.textContent = words("photo.zip");
      this.element.hidden = true;
      showInTitle("zip", null);
      this.show();
    }
  }

  /**
   * Add a photo's result; return what is wrong with it, "" for nothing.
   * @param {Zip} zip
   * @param {Photo} photo
   * @param {string} ending
   * @param {AbortSignal} signal
   */
  async #add(zip, photo, ending, signal) {
    try {
      const blob = await this.result(photo, signal);
      signal.throwIfAborted();
      return (await zip.add(resultName(photo.name, ending), blob)) ? "" : `${photo.name}: ${words("error.too-large")}`;
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      if (name === "AbortError") throw error;
      return `${photo.name}: ${message}`;
    }
  }

  #progress(/** @type {number} */ done, /** @type {Photo[]} */ photos) {
    this.words.textContent = words("photo.zip-progress", {
      n: done + 1,
      all: photos.length,
      name: photos[done].name,
    });
    this.bar.value = done / photos.length;
    showInTitle("zip", done / photos.length, NAME);
  }
}
