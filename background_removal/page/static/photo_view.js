// The photo at hand: as it was, and its result, which is fetched again when the look or the crop changes.

import { ask, query } from "./api.js";
import { Compare } from "./compare.js";
import { WHOLE } from "./cropping.js";
import { byId, el } from "./dom.js";
import { complain, say } from "./messages.js";
import { seconds } from "./numbers.js";
import { sendStrokes } from "./strokes.js";
import { words } from "./words.js";

// Step of the size that is asked for of a photo to be cropped, pixels; the server keeps a few sizes.
const SIZE_STEP = 256;

export class PhotoView extends EventTarget {
  /**
   * Dispatches "result" when a result is shown, and "zoom".
   * @param {import("./look.js").Look} look
   * @param {import("./cropping.js").Cropping} cropping
   */
  constructor(look, cropping) {
    super();
    this.look = look;
    this.cropping = cropping;
    /** @type {Photo|null} */
    this.photo = null;
    this.longest = 0;
    /** Whether the whole photo is shown, for a tool that works on it. */
    this.whole = false;
    this.box = WHOLE;
    /** @type {number[]|null} Where the person of the result is in the whole photo: left, top, right, bottom. */
    this.person = null;
    /** The place in the look of that result. */
    this.place = "";
    this.before = el("img", { alt: words("photo.before"), draggable: "false" });
    this.after = el("img", {
      alt: words("photo.after"),
      draggable: "false",
      id: "photo-result",
    });
    this.compare = new Compare(this.before, this.after, () => {
      this.dispatchEvent(new Event("zoom"));
      if (this.photo?.id && this.longest !== this.#longest(this.photo, this.box)) this.refresh();
    });
    look.addEventListener("change", () => this.#change());
    cropping.addEventListener("change", () => this.#change());
    document.addEventListener("tab", () => this.stale && this.refresh());
  }

  /** Show a photo, or null for none. */
  show(/** @type {Photo|null} */ photo) {
    this.photo = photo;
    if (!photo) return;
    this.compare.zoom(false);
    this.shown = null;
    this.person = null;
    this.compare.element.classList.add("waiting");
    this.box = WHOLE;
    if (photo.id) this.#source(photo, WHOLE);
    else this.before.src = photo.local;
    this.after.removeAttribute("src");
    if (photo.width) this.compare.fit(photo.width, photo.height);
    else {
      this.before
        .decode()
        .then(() => photo === this.photo && this.compare.fit(this.before.naturalWidth, this.before.naturalHeight))
        .catch(() => {});
    }
    this.refresh();
  }

  /** Show the whole photo, or its crop again. */
  setWhole(/** @type {boolean} */ on) {
    if (this.whole === on) return;
    this.whole = on;
    if (this.cropping.value) this.refresh();
  }

  #change() {
    this.stale = true;
    this.refresh();
  }

  /** Fetch the result; only the last of several requests is sent. */
  async refresh() {
    this.stale = byId("photo").hidden;
    if (this.stale) return;
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      do {
        this.again = false;
        await this.#ask(this.photo);
      } while (this.again);
    } catch (error) {
      complain(error);
      this.compare.element.classList.remove("waiting");
    } finally {
      this.busy = false;
    }
  }

  async #ask(/** @type {Photo|null} */ photo) {
    if (!photo?.id) return;
    const began = performance.now();
    await sendStrokes(photo);
    const look = this.look.value;
    const format = look.background === "transparent" ? "png" : "jpeg";
    const crop = this.whole ? "" : this.cropping.value;
    const longest = this.#longest(photo, crop ? this.box : WHOLE);
    const answer = await ask(
      `/api/photos/${photo.id}/result?${query(look, { format, crop, ...(longest && { longest }) })}`,
      { as: "response" },
    );
    const blob = await answer.blob();
    if (answer.headers.get("X-Found-Person") === "no" && photo.found !== false) {
      photo.found = false;
      say(words("photo.no-person", { name: photo.name }));
    }
    if (photo !== this.photo) {
      this.again = true;
      return;
    }
    const address = URL.createObjectURL(blob);
    const picture = new Image();
    picture.src = address;
    await picture.decode().catch(() => {});
    const box = boxOf(answer, "X-Crop") ?? WHOLE;
    if (this.longest !== longest || this.box.join() !== box.join()) this.#source(photo, box, longest);
    this.after.src = address;
    this.compare.seeThrough(format === "png");
    if (this.shown) URL.revokeObjectURL(this.shown);
    this.shown = address;
    this.compare.element.classList.remove("waiting");
    if (crop) this.cropping.explain(photo, answer.headers);
    [this.person, this.place] = [boxOf(answer, "X-Person"), look.place];
    this.facts(seconds((performance.now() - began) / 1000));
    this.dispatchEvent(new Event("result"));
    // A small part was cropped from a picture that is too small for it.
    const better = this.#longest(photo, box);
    if (crop && longest && (!better || better > longest)) this.again = true;
  }

  #source(/** @type {Photo} */ photo, /** @type {number[]} */ box, longest = this.#longest(photo, box)) {
    [this.longest, this.box] = [longest, box];
    if (photo.width) this.compare.fit(...sizeOf(photo, box));
    const more = new URLSearchParams(
      /** @type {any} */ ({
        ...(longest && { longest }),
        ...(box !== WHOLE && { box }),
      }),
    ).toString();
    this.before.src = `/api/photos/${photo.id}/source${more && `?${more}`}`;
  }

  // Longest side of the whole photo to fetch, so that a part of it is as large as visible; 0 for the full size.
  #longest(/** @type {Photo} */ photo, /** @type {number[]} */ box) {
    if (!photo.width) return 0;
    const [width, height] = sizeOf(photo, box);
    const longest = this.compare.longest({ width, height });
    const [most, part] = [Math.max(photo.width, photo.height), Math.max(width, height)];
    const whole = Math.ceil((longest * most) / part / SIZE_STEP) * SIZE_STEP;
    return whole < most ? whole : 0;
  }

  /** Say a photo's name and size, and more. */
  facts(/** @type {string} */ more) {
    if (!this.photo) return;
    const { name, width, height } = this.photo;
    const cropped =
      this.box !== WHOLE &&
      words("facts.cropped", {
        size: sizeOf(this.photo, this.box).join(" × "),
      });
    byId("photo-facts").textContent = [name, width && `${width} × ${height}`, cropped, more]
      .filter(Boolean)
      .join(" · ");
  }
}

const boxOf = (/** @type {Response} */ answer, /** @type {string} */ header) =>
  answer.headers.get(header)?.split(",").map(Number) ?? null;
/** @returns {[number, number]} */
const sizeOf = (/** @type {Photo} */ { width, height }, /** @type {number[]} */ [left, top, right, bottom]) => [
  Math.round((right - left) * width),
  Math.round((bottom - top) * height),
];
