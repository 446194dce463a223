// Photos: uploaded once, shown before and after, worked on with tools.

import { keyOf } from "./actions.js";
import { ask, send } from "./api.js";
import { Brush } from "./brush.js";
import { Cropping } from "./cropping.js";
import { choose, withinLimit } from "./drop.js";
import { button, byId, keepFocus, press, toggleFullScreen } from "./dom.js";
import { bind } from "./keys.js";
import { complain } from "./messages.js";
import { Mover } from "./moving.js";
import { percent, size } from "./numbers.js";
import { PhotoSaving } from "./photo_saving.js";
import { PhotoView } from "./photo_view.js";
import { remove } from "./removal.js";
import { Strip } from "./strip.js";
import { recall, remember } from "./tab_memory.js";
import { words } from "./words.js";

export class Photos {
  /** @type {{[name: string]: HTMLButtonElement}} */
  buttons;

  /**
   * @param {import("./look.js").Look} look
   * @param {Start} start
   */
  constructor(look, start) {
    this.look = look;
    this.limits = start.limits;
    /** @type {Photo[]} */
    this.photos = [];
    /** @type {Photo|null} */
    this.current = null;
    this.cropping = new Cropping();
    this.view = new PhotoView(look, this.cropping);
    this.compare = this.view.compare;
    this.view.addEventListener("zoom", () => this.#press());
    byId("photo-stage").append(this.compare.element);
    this.brush = new Brush(
      this.compare,
      (photo) => photo === this.current && this.view.refresh(),
      (on) => {
        if (on) this.mover.switch(false);
        this.view.setWhole(on);
      },
    );
    this.mover = new Mover(look, this.view, () => this.brush.switch(false));
    const { photo_bytes: bytes, pixels } = start.limits;
    byId("photo-hint").textContent = words("photo.hint", {
      size: size(bytes),
      n: Math.round(pixels / 1e6),
    });
    byId("photo-choose").addEventListener("click", () => this.choose());
    byId("photo-sample").addEventListener("click", () => this.addSample().catch(complain));
    this.strip = new Strip(byId("photo-strip"), (photo) => this.show(photo));
    this.saving = new PhotoSaving(look, this);
    this.#tools();
    bind("photo", {
      open: () => this.choose(),
      save: () => this.saving.save(),
      beside: () => this.beside(),
      zoom: () => this.zoom(),
      brush: () => this.brush.switch(!this.brush.on),
      move: () => this.mover.switch(!this.mover.on),
      undo: () => this.brush.undo(),
      redo: () => this.brush.redo(),
      previous: () => this.step(-1),
      next: () => this.step(1),
      remove: () => this.remove(),
      "full-screen": () => this.fullScreen(),
    });
    this.#state();
  }

  #tools() {
    const push = (
      /** @type {string} */ label,
      /** @type {string} */ name,
      /** @type {() => void} */ act,
      attributes = {},
    ) => button(label, keyOf("photo", name), act, attributes);
    this.buttons = {
      zoom: push(percent(1), "zoom", () => this.zoom(), {
        "aria-pressed": "false",
      }),
      beside: push(words("view.beside"), "beside", () => this.beside(), {
        "aria-pressed": "false",
      }),
      full: push(words("view.full"), "full-screen", () => this.fullScreen()),
      add: push(words("file.add"), "open", () => this.choose()),
      remove: push(words("file.remove"), "remove", () => this.remove()),
    };
    byId("photo-tools").before(this.saving.batch.element);
    byId("photo-tools").append(
      this.saving.element,
      this.saving.buttons.copy,
      this.cropping.select,
      this.brush.toggle,
      this.mover.toggle,
      this.saving.batch.button,
      ...Object.values(this.buttons),
    );
  }

  choose() {
    choose("image/*,.heic,.heif", true, (files) => this.add(files));
  }

  /** Add the sample photo. */
  async addSample() {
    const sample = await ask("/api/sample", { as: "blob" });
    await this.add([new File([sample], "sample.jpg", { type: sample.type })]);
  }

  /** Fetch the photos that were sent before a reload of the page. */
  async load() {
    this.photos.push(...(await ask("/api/photos")).photos);
    const last = recall("photo");
    this.show(this.photos.find(({ id }) => id === last) ?? this.photos[0] ?? null);
  }

  /** Upload photos, and show the first. */
  async add(/** @type {File[]} */ files) {
    let shown = false;
    for (const file of withinLimit(files, this.limits.photo_bytes, "photos")) {
      /** @type {any} */
      const photo = {
        name: file.name || "pasted.png",
        local: URL.createObjectURL(file),
        part: 0,
      };
      this.photos.push(photo);
      if (!shown) this.show(photo);
      shown = true;
      this.#strip();
      try {
        const sent = await send(`/api/photos?name=${encodeURIComponent(photo.name)}`, file, {
          progress: (part) => {
            photo.part = part;
            if (photo === this.current) {
              this.view.facts(
                words("facts.sending", {
                  share: percent(Math.round(part * 100) / 100),
                }),
              );
            }
          },
        });
        Object.assign(photo, sent, { part: 1 });
        if (!this.photos.includes(photo)) ask(`/api/photos/${photo.id}`, { method: "DELETE" }).catch(complain);
        if (photo === this.current) this.show(photo);
      } catch (error) {
        complain(error);
        this.#forget(photo);
        URL.revokeObjectURL(photo.local);
      }
      this.#strip();
    }
  }

  show(/** @type {Photo|null} */ photo) {
    this.current = photo;
    this.brush.show(photo);
    if (!photo) this.mover.switch(false);
    this.#state();
    this.#strip();
    if (photo?.id) remember("photo", photo.id);
    this.view.show(photo);
  }

  #strip() {
    this.strip.show(this.photos, this.current);
    this.saving.batch.show();
  }

  #state() {
    const any = this.photos.length > 0;
    keepFocus(() => {
      byId("photo-empty").hidden = any;
      this.compare.element.hidden = !any;
      byId("photo-tools").hidden = !any;
    }, [byId("photo-choose"), this.buttons.add]);
    if (!any) byId("photo-facts").textContent = "\u00a0";
    this.#press();
  }

  #press() {
    press(this.buttons.zoom, this.compare.zoomed);
    press(this.buttons.beside, this.compare.beside);
    this.buttons.zoom.disabled = this.compare.beside;
  }

  step(/** @type {number} */ by) {
    const count = this.photos.length;
    if (this.current) this.show(this.photos[(this.photos.indexOf(this.current) + by + count) % count]);
  }

  zoom() {
    this.#endTools();
    this.compare.zoom(!this.compare.zoomed);
  }

  #endTools() {
    this.brush.switch(false);
    this.mover.switch(false);
  }

  beside() {
    this.#endTools();
    this.compare.setBeside(!this.compare.beside);
    this.#press();
  }

  remove() {
    const photo = this.current;
    if (!photo) return;
    const place = this.photos.indexOf(photo);
    this.#forget(photo);
    if (!photo.id) return; // it is removed when it has been sent
    remove(
      photo.name,
      `/api/photos/${photo.id}`,
      () => {
        this.photos.splice(place, 0, photo);
        this.show(photo);
      },
      () => URL.revokeObjectURL(photo.local),
    );
  }

  #forget(/** @type {Photo} */ photo) {
    const place = this.photos.indexOf(photo);
    if (place < 0) return;
    this.photos.splice(place, 1);
    if (photo === this.current) this.show(this.photos[Math.min(place, this.photos.length - 1)] ?? null);
    this.#strip();
  }

  fullScreen() {
    if (this.current) toggleFullScreen(byId("photo-stage")).catch(complain);
  }
}
