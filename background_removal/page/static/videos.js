// Videos: uploaded, processed by the server, watched and fetched; they outlive a closed page.

import { ask, send } from "./api.js";
import { choose, withinLimit } from "./drop.js";
import { byId, download, keepFocus, press, resultName, toggleFullScreen } from "./dom.js";
import { FrameAtHand } from "./frame_at_hand.js";
import { facts, JobList } from "./job_list.js";
import { complain, say } from "./messages.js";
import { size } from "./numbers.js";
import { Player } from "./player.js";
import { remove } from "./removal.js";
import { recall, remember } from "./tab_memory.js";
import { VideoTools } from "./video_tools.js";
import { words } from "./words.js";

// Intervals of requests for progress, milliseconds; behind another tab only the title shows it.
const [POLL_MS, HIDDEN_POLL_MS] = [700, 3000];
const BUSY = ["queued", "working"];

export class Videos {
  /**
   * @param {import("./look.js").Look} look
   * @param {Start} start
   */
  constructor(look, start) {
    this.look = look;
    this.limits = start.limits;
    /** @type {Video[]} */
    this.videos = [];
    /** @type {Video|null} */
    this.current = null;
    this.leaving = new Set(); // ids of removed ones, until the server has removed them
    this.player = new Player(byId("video-stage"), byId("video-transport"), look);
    this.frame = new FrameAtHand(byId("video-stage"));
    const { video_bytes: bytes, video_seconds: seconds } = start.limits;
    byId("video-hint").textContent = words("video.hint", {
      size: size(bytes),
      n: Math.round(seconds / 60),
    });
    byId("video-choose").addEventListener("click", () => this.choose());
    this.list = new JobList(byId("video-jobs"), (video) => this.show(video));
    this.tools = new VideoTools(this, look);
    document.addEventListener("visibilitychange", () => document.hidden || this.load());
    this.#state();
    this.load();
  }

  choose() {
    choose("video/*,image/gif,image/webp,image/png,image/avif,.apng,.mkv", true, (files) => this.add(files));
  }

  /** Upload videos; each upload can be cancelled. */
  async add(/** @type {File[]} */ files) {
    for (const file of withinLimit(files, this.limits.video_bytes, "videos")) {
      const stop = new AbortController();
      /** @type {any} */
      const video = {
        name: file.name || "pasted.mp4",
        state: "sending",
        part: 0,
        bytes: file.size,
        stop,
      };
      this.videos.unshift(video);
      this.show(video);
      try {
        Object.assign(
          video,
          await send(`/api/videos?name=${encodeURIComponent(video.name)}`, file, {
            signal: stop.signal,
            progress: (part) => {
              video.part = part;
              this.#state();
            },
          }),
        );
        if (video === this.current) this.show(video);
        this.#state();
      } catch (error) {
        complain(error);
        this.#forget(video);
      }
    }
  }

  /** Fetch the list of videos; again after a while as long as one is being processed. */
  async load() {
    clearTimeout(this.timer);
    if (this.loading) return;
    this.loading = true;
    try {
      const listed = new Map(
        (await ask("/api/videos")).videos
          .filter((/** @type {Video} */ { id }) => !this.leaving.has(id))
          .map((/** @type {any} */ each) => [each.id, each]),
      );
      const gone = this.videos.filter(({ id }) => id && !listed.has(id));
      gone.forEach((video) => this.#forget(video));
      for (const each of listed.values()) {
        const known = this.videos.find(({ id }) => id === each.id);
        if (known) this.#update(known, each);
        else this.videos.push({ ...each });
      }
      if (!this.current && this.videos.length) {
        this.show(
          this.videos.find(({ state }) => BUSY.includes(state)) ??
            this.videos.find(({ id }) => id === recall("video")) ??
            this.videos[0],
        );
      }
      this.#state();
      this.failed = 0;
    } catch (error) {
      this.failed = (this.failed ?? 0) + 1;
      if (this.failed === 3) complain(error);
    }
    this.loading = false;
    const busy = this.videos.some(({ state }) => BUSY.includes(state));
    if (busy) this.timer = setTimeout(() => this.load(), document.hidden ? HIDDEN_POLL_MS : POLL_MS);
  }

  #update(/** @type {Video} */ video, /** @type {Partial<Video>} */ changes) {
    const before = video.state;
    Object.assign(video, changes);
    if (video.state === before) return;
    if (video.state === "done") say(words("video.is-done", { name: video.name }));
    if (video.state === "failed") complain(video.error || words("video.has-failed", { name: video.name }));
    if (video === this.current) this.show(video);
  }

  show(/** @type {Video|null} */ video) {
    this.current = video;
    this.player.close();
    this.frame.clear();
    if (video?.id) remember("video", video.id);
    if (video?.id && !BUSY.includes(video.state)) {
      this.player.open(`/api/videos/${video.id}/source`, video.result ? `/api/videos/${video.id}/result` : null, video);
    }
    this.#state();
  }

  #state() {
    const { begin, cancel, save, add } = this.tools.buttons;
    keepFocus(() => this.#showState(), [save, cancel, begin, add, byId("video-choose")]);
  }

  #showState() {
    const video = this.current;
    const state = video?.state ?? "";
    byId("video-empty").hidden = Boolean(video);
    byId("video-tools").hidden = !video;
    byId("video-stage").classList.toggle("waiting", state === "queued" || state === "sending");
    if (video) {
      if (video.width) {
        byId("video-stage").style.setProperty("--w", String(video.width));
        byId("video-stage").style.setProperty("--h", String(video.height));
      }
      this.frame.show(video);
    }
    this.tools.show(video, BUSY.includes(state));
    byId("video-facts").textContent = video ? facts(video) : "\u00a0";
    this.list.show(this.videos, this.current);
  }

  async begin() {
    const video = this.current;
    if (!video?.id || BUSY.includes(video.state)) return;
    try {
      const wishes = {
        look: this.look.value,
        ...this.tools.format.value,
        ...this.tools.trimming.value,
      };
      Object.assign(video, await ask(`/api/videos/${video.id}/start`, { json: wishes }));
      this.show(video);
      await this.load();
    } catch (error) {
      complain(error);
    }
  }

  async cancel() {
    const video = this.current;
    if (!video) return;
    if (video.state === "sending") return void video.stop.abort();
    if (!BUSY.includes(video.state)) return;
    try {
      this.#update(video, await ask(`/api/videos/${video.id}/cancel`, { method: "POST" }));
      say(words("video.is-cancelled", { name: video.name }));
      await this.load();
    } catch (error) {
      complain(error);
    }
  }

  save(/** @type {"result"|"matte"} */ what = "result") {
    const video = this.current;
    if (!video?.[what]) return;
    download(`/api/videos/${video.id}/${what}?download=1`, resultName(video.name, video.format));
  }

  beside() {
    this.player.setBeside(!this.player.beside);
    press(this.tools.buttons.beside, this.player.beside);
  }

  step(/** @type {number} */ by) {
    const count = this.videos.length;
    if (this.current) this.show(this.videos[(this.videos.indexOf(this.current) + by + count) % count]);
  }

  remove() {
    const video = this.current;
    if (!video?.id || BUSY.includes(video.state)) return;
    const place = this.videos.indexOf(video);
    this.leaving.add(video.id);
    this.#forget(video);
    remove(video.name, `/api/videos/${video.id}`, () => {
      this.leaving.delete(video.id);
      this.videos.splice(place, 0, video);
      this.show(video);
    });
  }

  #forget(/** @type {Video} */ video) {
    const place = this.videos.indexOf(video);
    if (place < 0) return;
    this.videos.splice(place, 1);
    if (video === this.current) this.show(this.videos[Math.min(place, this.videos.length - 1)] ?? null);
    else this.#state();
  }

  fullScreen() {
    if (this.current) toggleFullScreen(byId("video-stage")).catch(complain);
  }
}
