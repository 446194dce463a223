// Numbers in the visitor's language.

import { locale } from "./words.js";

// Units of sizes in powers of 1024, largest first.
/** @type {[number, string][]} */
const UNITS = [
  [2 ** 30, "gigabyte"],
  [2 ** 20, "megabyte"],
  [2 ** 10, "kilobyte"],
];
const inUnit = (/** @type {number} */ value, /** @type {string} */ unit, /** @type {number} */ digits) =>
  new Intl.NumberFormat(locale, {
    style: "unit",
    unit,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);

/** Format a number with that many digits after the point. */
export const number = (/** @type {number} */ value, /** @type {number} */ digits) =>
  new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);

/** Format a share, 1 for all, in percent. */
export const percent = (/** @type {number} */ share) =>
  new Intl.NumberFormat(locale, {
    style: "percent",
    maximumFractionDigits: 1,
  }).format(share);

/**
 * Format a number of bytes.
 * @param {number} bytes
 */
export function size(bytes) {
  const [factor, unit] = UNITS.find(([each]) => bytes >= each) ?? UNITS[UNITS.length - 1];
  const amount = bytes / factor;
  return inUnit(amount, unit, amount >= 10 || Number.isInteger(amount) ? 0 : 1);
}

/** Format a duration in seconds, and one in milliseconds. */
export const seconds = (/** @type {number} */ value) => inUnit(value, "second", 2);
export const milliseconds = (/** @type {number} */ value) => inUnit(value, "millisecond", 0);

/**
 * Format seconds as 0:07 or 1:02:03.
 * @param {number} duration
 */
export function clock(duration) {
  const whole = Math.max(0, Math.round(duration));
  const pad = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}
