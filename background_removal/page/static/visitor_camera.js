// The visitor's camera: one stream at a time, of a phone's front or back or of any other camera.

import { facingOf, listCameras, openCamera, stopTracks } from "./devices.js";
import { el } from "./dom.js";
import { words } from "./words.js";

export class VisitorCamera {
  /** @type {MediaStream|null} The open stream. */
  stream = null;
  /** The side of a phone that the camera is on: "user", or "environment", which is the back. */
  facing = "user";
  /** @type {symbol|null} */
  #attempt = null;

  /**
   * @param {HTMLVideoElement} video Shows the camera.
   * @param {(why: string) => void} lose Called when the camera has gone.
   */
  constructor(video, lose) {
    this.video = video;
    this.lose = lose;
  }

  /**
   * Open a camera in place of the one before; return whether it is still wanted then.
   * @param {string} id Its device id, "" for one on the side `facing`.
   * @param {string} size Wanted size, "1280x720" for instance.
   */
  async open(id, size) {
    const attempt = (this.#attempt = Symbol("attempt"));
    const isWanted = () => this.#attempt === attempt;
    stopTracks(this.stream); // phones open one camera at a time
    const stream = await openCamera(id, size, this.facing);
    if (!isWanted()) {
      stopTracks(stream);
      return false;
    }
    this.stream = stream;
    this.facing = facingOf(stream) || this.facing;
    stream.getVideoTracks()[0].addEventListener("ended", () => this.lose(words("camera.unplugged")));
    this.video.srcObject = stream;
    await this.video.play().catch((error) => isWanted() && Promise.reject(error));
    return isWanted();
  }

  /** Close it. */
  close() {
    this.#attempt = null;
    stopTracks(this.stream);
    this.video.srcObject = this.stream = null;
  }

  /** List the cameras in a <select>, before this computer's if it has that, and choose the open one. */
  async list(/** @type {HTMLSelectElement} */ select) {
    const cameras = await listCameras();
    const webcam = select.querySelector("[value=webcam]");
    select.replaceChildren(
      ...cameras.map(([id, label]) => el("option", { value: id }, label)),
      ...(webcam ? [webcam] : []),
    );
    select.value = this.stream?.getVideoTracks()[0].getSettings().deviceId ?? cameras[0]?.[0] ?? "";
  }

  /** Choose the other side, if cameras have sides here; return whether they have. */
  turn() {
    const hasSides = Boolean(facingOf(this.stream));
    if (hasSides) this.facing = this.facing === "user" ? "environment" : "user";
    return hasSides;
  }
}
