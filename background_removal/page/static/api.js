// Client of the HTTP interface.

import { words } from "./words.js";

/** Error with the server's own message. */
export class Refused extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.name = "Refused";
    this.status = status;
  }
}

/**
 * @param {string} text
 * @param {number} status
 */
function sentence(text, status) {
  try {
    const { error } = JSON.parse(text);
    if (error) return error;
  } catch {
    // Not from the page's server, but from one between.
  }
  return status === 413 ? words("error.too-large") : words("error.status", { status: String(status) });
}

/**
 * Send a request.
 * @param {string} path
 * @param {{method?: string, body?: BodyInit|null, json?: object, signal?: AbortSignal, keepalive?: boolean, as?: "json"|"blob"|"response"}} [how]
 * @returns {Promise<any>}
 */
export async function ask(path, { method, body, json, signal, keepalive, as = "json" } = {}) {
  /** @type {HeadersInit} */
  const headers = json ? { "Content-Type": "application/json" } : {};
  const content = json ? JSON.stringify(json) : body;
  let response;
  try {
    response = await fetch(path, {
      method: method ?? (content === undefined ? "GET" : "POST"),
      body: content,
      headers,
      signal,
      keepalive,
    });
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    throw new Refused(words("error.gone"), 0);
  }
  if (!response.ok) throw new Refused(sentence(await response.text(), response.status), response.status);
  if (response.status === 204) return null;
  if (as === "response") return response;
  return as === "blob" ? response.blob() : response.json();
}

/**
 * Upload a file and report progress, 0 to 1, which fetch cannot.
 * @param {string} path
 * @param {Blob} file
 * @param {{progress?: (share: number) => void, signal?: AbortSignal}} [how]
 * @returns {Promise<any>}
 */
export function send(path, file, { progress = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.upload.onprogress = (event) => progress(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(new Refused(sentence(request.responseText, request.status), request.status));
    };
    request.onerror = () => reject(new Refused(words("error.gone"), 0));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/**
 * Return a look as a URL query.
 * @param {LookValue} look
 * @param {{[name: string]: any}} [more]
 */
export const query = (look, more = {}) =>
  new URLSearchParams({
    .../** @type {{[name: string]: any}} */ (look),
    effects: look.effects.join(","),
    ...more,
  }).toString();
