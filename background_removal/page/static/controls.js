// Controls of the panel, one for each setting that the server lists, made for its kind.

import { find } from "./actions.js";
import { el, titled } from "./dom.js";
import { Foreground } from "./foreground.js";
import { say } from "./messages.js";
import { percent } from "./numbers.js";
import { check, radios, segmented } from "./radios.js";
import { shareSlider, shiftSlider } from "./sliders.js";
import { has, words } from "./words.js";

/** @typedef {{names: string[], element: HTMLElement, show: (look: LookValue) => void}} Control Shows settings of those names. */

/**
 * Make the controls of a group.
 * @param {Setting[]} settings Of the group.
 * @param {import("./look.js").Look} look
 * @param {Limits} limits
 * @param {Upload[]} sent The visitor's pictures.
 * @returns {Control[]}
 */
export function makeControls(settings, look, limits, sent) {
  return settings.flatMap((setting) => {
    if (setting.kind === "number") return [shareSlider(setting, look)];
    if (setting.kind === "shift") {
      const shifts = settings.filter(({ kind }) => kind === "shift");
      return setting === shifts[0] ? [shiftSlider(shifts[0], shifts[1], look)] : [];
    }
    if (setting.kind === "choice" || setting.kind === "place") return [choices(setting, look)];
    if (setting.kind === "screen") return [captioned(choices(setting, look), words(`setting.${setting.name}.title`))];
    if (setting.kind === "blur") return [blurs(setting, look)];
    if (setting.kind === "switch") return [checkbox(setting, look)];
    if (setting.kind === "effects") return [effects(setting, look)];
    if (setting.kind === "picture") return [new Foreground(setting, look, limits, sent)];
    return []; // the background's are made by the panel
  });
}

/**
 * Return a choice in words.
 * @param {string} name Of the setting.
 * @param {string} choice
 */
export const choiceInWords = (name, choice) => words(`setting.${name}.${choice || "off"}`);

/**
 * Return a blur's strength in percent of the picture's shorter side.
 * @param {Setting} setting
 * @param {string|number} blur
 */
export const percentOf = ({ amounts }, blur) => amounts[blur] ?? parseFloat(String(blur));

/**
 * Return a blur's strength in words.
 * @param {Setting} setting
 * @param {string|number} blur
 */
export const blurInWords = (setting, blur) =>
  has(`setting.blur.${blur}`) ? words(`setting.blur.${blur}`) : percent(percentOf(setting, blur) / 100);

/** Whether an effect does anything: defocus replaces the blur, and does nothing to another background. */
export const works = (/** @type {string} */ effect, /** @type {LookValue} */ look) =>
  effect !== "defocus" || look.background === "blur";

/**
 * @param {Setting} setting
 * @param {import("./look.js").Look} look
 * @returns {Control}
 */
function choices({ name, choices: values }, look) {
  const element = segmented(
    words(`setting.${name}.title`),
    name,
    values.map((value) => [value, choiceInWords(name, value)]),
    (value) => look.set({ [name]: value }),
  );
  element.dataset.setting = name;
  return { names: [name], element, show: (now) => check(element, now[name]) };
}

/**
 * Put a text above a control.
 * @param {Control} control
 * @param {string} text
 * @returns {Control}
 */
function captioned({ names, element, show }, text) {
  return {
    names,
    element: el("div", { class: "captioned" }, el("span", { "aria-hidden": "true" }, text), element),
    show,
  };
}

/**
 * The strengths with a name, and the current one between them.
 * @param {Setting} setting
 * @param {import("./look.js").Look} look
 * @returns {Control}
 */
function blurs(setting, look) {
  const element = segmented(words("setting.blur.title"), setting.name, [], () => {});
  element.dataset.setting = setting.name;
  const show = (/** @type {LookValue} */ { blur }) => {
    const all = [...new Set([...setting.choices, String(blur)])].sort(
      (one, other) => percentOf(setting, one) - percentOf(setting, other),
    );
    if (all.join() !== [...element.querySelectorAll("input")].map(({ value }) => value).join()) {
      const focused = element.contains(document.activeElement);
      element.replaceChildren(
        ...radios(
          setting.name,
          all.map((each) => [each, blurInWords(setting, each)]),
          (value) => look.set({ blur: value }),
        ),
      );
      if (focused) [...element.querySelectorAll("input")].find(({ value }) => value === blur)?.focus();
    }
    check(element, String(blur));
  };
  return { names: [setting.name], element, show };
}

/**
 * @param {Setting} setting
 * @param {import("./look.js").Look} look
 * @returns {Control}
 */
function checkbox({ name }, look) {
  const box = el("input", {
    type: "checkbox",
    onchange: () => look.set({ [name]: box.checked }),
  });
  const element = el("label", { class: "check", "data-setting": name }, box, words(`setting.${name}.title`));
  return {
    names: [name],
    element,
    show: (now) => {
      box.checked = Boolean(now[name]);
    },
  };
}

/**
 * @param {Setting} setting
 * @param {import("./look.js").Look} look
 * @returns {Control}
 */
function effects({ name, choices: values }, look) {
  const boxes = values.map((value) =>
    el("input", {
      type: "checkbox",
      value,
      onchange: () => look.toggle(value),
    }),
  );
  const labels = boxes.map((box) => el("label", { class: "check" }, box, effectInWords(box.value)));
  const show = (/** @type {LookValue} */ now) =>
    boxes.forEach((box, n) => {
      box.checked = now.effects.includes(box.value);
      box.disabled = !works(box.value, now);
      labels[n].title = box.disabled ? words("effects.needs-blur") : "";
    });
  return {
    names: [name],
    element: el("div", { "data-setting": name }, ...labels),
    show,
  };
}

const effectInWords = (/** @type {string} */ name) => titled(find("", name).label);

/**
 * Switch an effect on or off, and say so.
 * @param {import("./look.js").Look} look
 * @param {string} effect
 */
export function toggleEffect(look, effect) {
  if (works(effect, look.value)) {
    say(
      words(look.toggle(effect) ? "effects.on" : "effects.off", {
        effect: effectInWords(effect),
      }),
    );
  } else say(words("effects.needs-blur"));
}
