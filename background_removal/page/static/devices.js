// Cameras of the browser's computer.

import { Refused } from "./api.js";

/**
 * Open a camera, and return its stream.
 * @param {string} id Its device id, "" for any.
 * @param {string} size Wanted size, "1280x720" for instance.
 */
export async function openCamera(id, size) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Refused("Browsers give a camera only to pages of the same computer or by https://. See --serve lan.");
  }
  const [width, height] = size.split("x").map(Number);
  const deviceId = id ? { exact: id } : undefined;
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 }, deviceId };
  return navigator.mediaDevices.getUserMedia({ video, audio: false });
}

/** Return the device id and the name of each camera; the browser tells them once one is open. */
export async function listCameras() {
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  return cameras.map(({ deviceId, label }, n) => [deviceId, label || `Camera ${n + 1}`]);
}

/** Switch a stream's camera off. */
export const stopTracks = (stream) => stream?.getTracks().forEach((track) => track.stop());

/** Return the page's message for an error of the browser, or the error. */
export function describe(error) {
  const words = {
    NotAllowedError: "The browser does not give this page the camera or microphone. Its address bar can change that.",
    NotFoundError: "No camera or microphone was found.",
    NotReadableError: "The camera is in use by another program.",
    OverconstrainedError: "That camera is not there any more.",
  };
  return words[error.name] ?? error;
}
