// Photos: uploaded once, shown before and after; fetched again when the look changes.

import { keyOf } from "./actions.js";
import { ask, query, send } from "./api.js";
import { Brush } from "./brush.js";
import { Compare } from "./compare.js";
import { choose, withinLimit } from "./drop.js";
import { button, byId, el, keepFocus } from "./dom.js";
import { bind } from "./keys.js";
import { complain, say } from "./messages.js";
import { percent, seconds, size } from "./numbers.js";
import { PhotoSaving } from "./photo_saving.js";
import { remove } from "./removal.js";
import { Strip } from "./strip.js";
import { sendStrokes } from "./strokes.js";
import { recall, remember } from "./tab_memory.js";
import { words } from "./words.js";

export class Photos {
  /** @param {import("./look.js").Look} look */
  constructor(look, start) {
    this.look = look;
    this.limits = start.limits;
    this.photos = [];
    this.current = null;
    this.before = el("img", { alt: words("photo.before"), draggable: "false" });
    this.after = el("img", { alt: words("photo.after"), draggable: "false", id: "photo-result" });
    this.compare = new Compare(this.before, this.after, () => {
      this.#press();
      if (this.current?.id && this.longest !== this.compare.longest(this.current)) this.refresh();
    });
    byId("photo-stage").append(this.compare.element);
    this.brush = new Brush(this.compare, (photo) => photo === this.current && this.refresh());
    const { photo_bytes: bytes, pixels } = start.limits;
    byId("photo-hint").textContent = words("photo.hint", { size: size(bytes), n: Math.round(pixels / 1e6) });
    byId("photo-choose").addEventListener("click", () => this.choose());
    this.strip = new Strip(byId("photo-strip"), (photo) => this.show(photo));
    this.saving = new PhotoSaving(look, this);
    this.#tools();
    look.addEventListener("change", () => {
      this.stale = true;
      this.refresh();
    });
    document.addEventListener("tab", () => this.stale && this.refresh());
    bind("photo", {
      open: () => this.choose(), save: () => this.saving.save(), beside: () => this.beside(), zoom: () => this.zoom(),
      brush: () => this.brush.switch(!this.brush.on), undo: () => this.brush.undo(), redo: () => this.brush.redo(),
      previous: () => this.step(-1), next: () => this.step(1), remove: () => this.remove(), "full-screen": () => this.fullScreen(),
    });
    this.#state();
  }

  #tools() {
    const push = (label, name, act, attributes) => button(label, keyOf("photo", name), act, attributes);
    this.buttons = {
      zoom: push(percent(1), "zoom", () => this.zoom(), { "aria-pressed": "false" }),
      beside: push(words("view.beside"), "beside", () => this.beside(), { "aria-pressed": "false" }),
      full: push(words("view.full"), "full-screen", () => this.fullScreen()),
      add: push(words("file.add"), "open", () => this.choose()),
      remove: push(words("file.remove"), "remove", () => this.remove()),
    };
    byId("photo-tools").append(this.saving.element, this.brush.toggle, this.saving.buttons.zip, ...Object.values(this.buttons));
  }

  choose() {
    choose("image/*,.heic,.heif", true, (files) => this.add(files));
  }

  /** Fetch the photos that were sent before a reload of the page. */
  async load() {
    this.photos.push(...(await ask("/api/photos")).photos);
    const last = recall("photo");
    this.show(this.photos.find(({ id }) => id === last) ?? this.photos[0] ?? null);
  }

  /** Upload photos, and show the first. */
  async add(files) {
    let shown = false;
    for (const file of withinLimit(files, this.limits.photo_bytes, "photos")) {
      const photo = { name: file.name || "pasted.png", local: URL.createObjectURL(file), part: 0 };
      this.photos.push(photo);
      if (!shown) this.show(photo);
      shown = true;
      this.#strip();
      try {
        const sent = await send(`/api/photos?name=${encodeURIComponent(photo.name)}`, file, {
          progress: (part) => { photo.part = part; if (photo === this.current) this.#facts(words("facts.sending", { share: percent(Math.round(part * 100) / 100) })); },
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

  show(photo) {
    this.current = photo;
    this.brush.show(photo);
    this.#state();
    this.#strip();
    if (!photo) return;
    this.compare.zoom(false);
    this.shown = null;
    this.compare.element.classList.add("waiting");
    if (photo.id) {
      remember("photo", photo.id);
      this.#source(photo);
    } else this.before.src = photo.local;
    this.after.removeAttribute("src");
    if (photo.width) this.compare.fit(photo.width, photo.height);
    else this.before.decode().then(() => photo === this.current && this.compare.fit(this.before.naturalWidth, this.before.naturalHeight)).catch(() => {});
    this.refresh();
  }

  /** Fetch the result in the current look; only the last of several requests is sent. */
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
        await this.#ask(this.current);
      } while (this.again);
    } catch (error) {
      complain(error);
      this.compare.element.classList.remove("waiting");
    } finally {
      this.busy = false;
    }
  }

  async #ask(photo) {
    if (!photo?.id) return;
    const began = performance.now();
    await sendStrokes(photo);
    const format = this.look.value.background === "transparent" ? "png" : "jpeg";
    if (this.longest !== this.compare.longest(photo)) this.#source(photo);
    const longest = this.longest;
    const answer = await ask(`/api/photos/${photo.id}/result?${query(this.look.value, { format, ...(longest && { longest }) })}`, { as: "response" });
    const blob = await answer.blob();
    if (answer.headers.get("X-Found-Person") === "no" && photo.found !== false) {
      photo.found = false;
      say(words("photo.no-person", { name: photo.name }));
    }
    if (photo !== this.current) {
      this.again = true;
      return;
    }
    const address = URL.createObjectURL(blob);
    const picture = new Image();
    picture.src = address;
    await picture.decode().catch(() => {});
    this.after.src = address;
    this.compare.seeThrough(format === "png");
    if (this.shown) URL.revokeObjectURL(this.shown);
    this.shown = address;
    this.compare.element.classList.remove("waiting");
    this.#facts(seconds((performance.now() - began) / 1000));
  }

  #source(photo) {
    this.longest = this.compare.longest(photo);
    this.before.src = `/api/photos/${photo.id}/source${this.longest ? `?longest=${this.longest}` : ""}`;
  }

  #facts(more) {
    const { name, width, height } = this.current;
    byId("photo-facts").textContent = [name, width && `${width} × ${height}`, more].filter(Boolean).join(" · ");
  }

  #strip() {
    this.strip.show(this.photos, this.current);
    this.saving.buttons.zip.hidden = this.photos.filter(({ id }) => id).length < 2;
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
    this.buttons.zoom.setAttribute("aria-pressed", this.compare.zoomed);
    this.buttons.beside.setAttribute("aria-pressed", this.compare.beside);
    this.buttons.zoom.disabled = this.compare.beside;
  }

  step(by) {
    const count = this.photos.length;
    if (count) this.show(this.photos[(this.photos.indexOf(this.current) + by + count) % count]);
  }

  zoom() {
    this.brush.switch(false);
    this.compare.zoom(!this.compare.zoomed);
  }

  beside() {
    this.brush.switch(false);
    this.compare.setBeside(!this.compare.beside);
    this.#press();
  }

  remove() {
    const photo = this.current;
    if (!photo) return;
    const place = this.photos.indexOf(photo);
    this.#forget(photo);
    if (!photo.id) return; // it is removed when it has been sent
    remove(photo.name, `/api/photos/${photo.id}`, () => {
      this.photos.splice(place, 0, photo);
      this.show(photo);
    }, () => URL.revokeObjectURL(photo.local));
  }

  #forget(photo) {
    const place = this.photos.indexOf(photo);
    if (place < 0) return;
    this.photos.splice(place, 1);
    if (photo === this.current) this.show(this.photos[Math.min(place, this.photos.length - 1)] ?? null);
    this.#strip();
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.current) byId("photo-stage").requestFullscreen().catch(complain);
  }
}
