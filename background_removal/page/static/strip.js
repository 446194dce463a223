// Strip of thumbnails; its buttons are reused, so that they keep the focus.

import { el, press } from "./dom.js";

export class Strip {
  /**
   * @param {HTMLElement} element
   * @param {(photo: Photo) => void} pick Called with the photo of a pressed thumbnail.
   */
  constructor(element, pick) {
    this.element = element;
    this.pick = pick;
    /** @type {Map<Photo, Thumb>} */
    this.made = new Map();
  }

  /** Show the photos, if there are several, and mark the one at hand. */
  show(/** @type {Photo[]} */ photos, /** @type {Photo|null} */ current) {
    this.element.hidden = photos.length < 2;
    for (const [photo, thumb] of this.made) if (!photos.includes(photo)) this.#remove(photo, thumb);
    for (const [n, photo] of photos.entries()) {
      const thumb = this.made.get(photo) ?? this.#make(photo);
      if (this.element.children[n] !== thumb) this.element.insertBefore(thumb, this.element.children[n] ?? null);
      thumb.update();
      thumb.classList.toggle("waiting", !photo.id);
      press(thumb, photo === current);
    }
    if (current) this.made.get(current)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #make(/** @type {Photo} */ photo) {
    const image = el("img", {
      src: photo.local,
      alt: "",
      width: 72,
      height: 54,
      draggable: "false",
    });
    const button = el(
      "button",
      {
        type: "button",
        "aria-label": photo.name,
        title: photo.name,
        onclick: () => this.pick(photo),
      },
      image,
    );
    const thumb = /** @type {Thumb} */ (Object.assign(button, { needsCopy: !photo.local }));
    // The server's copy after a reload, and of a kind that the browser cannot show, such as HEIC.
    const copy = () => {
      if (thumb.needsCopy && photo.id) {
        [thumb.needsCopy, image.src] = [false, `/api/photos/${photo.id}/source?longest=144`];
      }
    };
    image.addEventListener(
      "error",
      () => {
        thumb.needsCopy = true;
        copy();
      },
      { once: true },
    );
    thumb.update = copy;
    this.made.set(photo, thumb);
    return thumb;
  }

  #remove(/** @type {Photo} */ photo, /** @type {Thumb} */ thumb) {
    thumb.remove();
    this.made.delete(photo);
  }
}
