// Cameras of the browser's computer.

import { Refused } from "./api.js";
import { has, words } from "./words.js";

/**
 * Open a camera, and return its stream.
 * @param {string} id Its device id, "" for any.
 * @param {string} size Wanted size, "1280x720" for instance.
 * @param {string} facing The side that it should be on, if there is a choice: "user" or "environment", the back.
 */
export async function openCamera(id, size, facing) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Refused(words("error.needs-https"), 0);
  }
  const [width, height] = size.split("x").map(Number);
  const deviceId = id ? { exact: id } : undefined;
  const video = {
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: 30 },
    deviceId,
    facingMode: id ? undefined : facing,
  };
  return navigator.mediaDevices.getUserMedia({ video, audio: false });
}

/** Return the device id and the name of each camera; the browser tells them once one is open. */
export async function listCameras() {
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  return cameras.map(({ deviceId, label }, n) => [deviceId, label || words("camera.number", { n: n + 1 })]);
}

/** Return which side of a phone a stream's camera is on, "user" or "environment"; "" where there are no sides. */
export const facingOf = (/** @type {MediaStream|null} */ stream) =>
  stream?.getVideoTracks()[0].getSettings().facingMode ?? "";

/** Switch a stream's camera off. */
export const stopTracks = (/** @type {MediaStream|null} */ stream) =>
  stream?.getTracks().forEach((/** @type {MediaStreamTrack} */ track) => track.stop());

/** Return the page's message for an error of the browser, or the error. */
export function describe(/** @type {any} */ error) {
  return has(`camera-error.${error.name}`) ? words(`camera-error.${error.name}`) : error;
}
