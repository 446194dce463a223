// Recordings that were not saved: offered below the camera until they are saved or discarded.

import { byId, download, el } from "./dom.js";
import { complain, offer, say } from "./messages.js";
import { size } from "./numbers.js";
import { beginKeeping, forgetKept, keepPiece, listKept, MAX_BYTES, readKept } from "./recording_store.js";
import { RecordingTabs } from "./recording_tabs.js";
import { locale, words } from "./words.js";

export class KeptRecordings {
  #list = el("ul", { class: "kept", "aria-label": words("kept.title") });
  #elsewhere = el("p", { class: "elsewhere", role: "status" });
  #hidden = new Set();
  #tabs = new RecordingTabs((others) => this.#show(others));

  constructor() {
    byId("camera-tools").before(this.#list);
    document.querySelector(".bar h1")?.after(this.#elsewhere);
    this.#tabs.look();
  }

  /** Keep a recording from now on; return what keeps its pieces, and what ends it, and removes it if it is saved. */
  async begin(/** @type {string} */ type) {
    const id = crypto.randomUUID?.() ?? String(Date.now());
    const release = await this.#tabs.hold(id);
    let failed = false;
    const fail = (/** @type {any} */ error) => {
      failed = true;
      complain(error?.name === "TooMuch" ? words("kept.full", { size: size(MAX_BYTES) }) : words("kept.denied"));
    };
    let last = beginKeeping(id, type).catch(fail);
    return {
      add: (/** @type {Blob} */ piece) =>
        (last = last.then(() => (failed ? undefined : keepPiece(id, piece))).catch(fail)),
      end: async (/** @type {any} */ saved) => {
        await last;
        if (saved) await forgetKept(id).catch(() => {});
        release();
        this.#tabs.look();
      },
    };
  }

  async #show(/** @type {any} */ others) {
    this.#elsewhere.textContent = others ? words("kept.others", { n: others }) : "";
    // A browser that keeps nothing has nothing to list.
    const kept = await listKept()
      .then((all) => this.#tabs.abandoned(all))
      .catch(() => []);
    this.#list.replaceChildren(
      ...kept
        .filter((/** @type {any} */ { id, pieces }) => pieces && !this.#hidden.has(id))
        .map((/** @type {any} */ each) => this.#item(each)),
    );
  }

  #item(/** @type {any} */ recording) {
    const { began, bytes } = recording;
    const when = new Date(began).toLocaleString(locale, {
      dateStyle: "medium",
      timeStyle: "short",
    });
    return el(
      "li",
      {},
      el("span", {}, words("kept.recording", { when, size: size(bytes) })),
      el(
        "button",
        {
          type: "button",
          onclick: () => this.#save(recording).catch(complain),
        },
        words("kept.save"),
      ),
      el("button", { type: "button", onclick: () => this.#discard(recording) }, words("kept.discard")),
    );
  }

  async #save(/** @type {any} */ recording) {
    const file = await readKept(recording);
    if (file) download(file, recordingName(file.type, recording.began));
    say(words(file ? "camera.recording-saved" : "kept.gone"));
    await this.#remove(recording.id);
  }

  #discard(/** @type {any} */ { id }) {
    this.#hidden.add(id);
    this.#tabs.look();
    const restore = () => {
      this.#hidden.delete(id);
      this.#tabs.look();
    };
    offer(words("kept.discarded"), words("page.undo"), restore, () => this.#remove(id).catch(complain));
  }

  async #remove(/** @type {string} */ id) {
    await forgetKept(id);
    this.#tabs.announce();
    this.#tabs.look();
  }
}

/** Return the name of a recording's file, by its media type and the time at which it began. */
export const recordingName = (/** @type {string} */ type, began = Date.now()) =>
  `recording_${stamp(began)}.${type.includes("mp4") ? "mp4" : "webm"}`;

/** Return a time in a file's name. */
export const stamp = (time = Date.now()) =>
  new Date(time - new Date().getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, 19)
    .replace("T", "_")
    .replaceAll(":", "-");
