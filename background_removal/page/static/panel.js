// Panel of settings, in the groups in which the server lists them.

import { find } from "./actions.js";
import { Backgrounds } from "./backgrounds.js";
import { blurInWords, choiceInWords, makeControls, percentOf, toggleEffect } from "./controls.js";
import { byId, el } from "./dom.js";
import { bind } from "./keys.js";
import { keepsRoom } from "./look.js";
import { say } from "./messages.js";
import { number } from "./numbers.js";
import { options, setting } from "./options.js";
import { words } from "./words.js";

export class Panel {
  /**
   * @param {import("./look.js").Look} look
   * @param {Start} start
   * @param {Upload[]} sent The visitor's pictures.
   */
  constructor(look, start, sent) {
    this.look = look;
    this.limits = start.limits;
    this.backgrounds = new Backgrounds(look, setting("background"), start, sent);
    /** @type {import("./controls.js").Control[]} */
    this.controls = [this.backgrounds];
    this.element = byId("look");
    this.groups = new Map(
      [...new Set(options.settings.map(({ group }) => group))].map((group) => [group, this.#group(group, sent)]),
    );
    this.element.append(
      ...this.groups.values(),
      el("button", { type: "button", class: "quiet", onclick: () => look.reset() }, words("look.reset")),
    );
    look.addEventListener("change", () => this.#show());
    this.#show();
    bind("", {
      "next-background": () => this.backgrounds.next(1),
      "previous-background": () => this.backgrounds.next(-1),
      background: () => this.backgrounds.nextKind(),
      "less-blur": () => this.#blur(false),
      "more-blur": () => this.#blur(true),
      "keep-more": () => this.#threshold(-1),
      "keep-less": () => this.#threshold(1),
      people: () => this.look.perform("people") || this.#next("people"),
      place: () => this.#next("place"),
      ...Object.fromEntries(setting("effects").choices.map((effect) => [effect, () => toggleEffect(look, effect)])),
    });
  }

  /**
   * Upload a picture, and use it as background.
   * @param {File} file
   */
  add(file) {
    return this.backgrounds.send(file);
  }

  /**
   * @param {string} group
   * @param {Upload[]} sent
   */
  #group(group, sent) {
    const made = makeControls(
      options.settings.filter((each) => each.group === group),
      this.look,
      this.limits,
      sent,
    );
    this.controls.push(...made);
    const elements = made.map(({ element }) => element);
    if (group === "background") elements.unshift(this.backgrounds.element);
    return el(
      "fieldset",
      { class: group, id: group === "background" ? "backgrounds" : null },
      el("legend", {}, words(`group.${group}`)),
      ...elements,
    );
  }

  #show() {
    for (const control of this.controls) control.show(this.look.value);
    const { kind } = this.backgrounds;
    for (const { names, element } of this.controls) if (names.includes("blur")) element.hidden = kind !== "blur";
    const stage = this.groups.get("place");
    if (stage) stage.hidden = keepsRoom(kind);
  }

  /**
   * Take the next choice of a setting; a camera goes from person to person instead, as the window does.
   * @param {string} name
   */
  #next(name) {
    const { choices } = setting(name);
    const next = choices[(choices.indexOf(this.look.value[name]) + 1) % choices.length];
    this.look.set({ [name]: next });
    say(
      words("setting.said", {
        setting: words(`setting.${name}.title`),
        value: choiceInWords(name, next),
      }),
    );
  }

  /** @param {boolean} more */
  #blur(more) {
    const blurs = setting("blur");
    const [steps, now] = [find("", "more-blur").choices, percentOf(blurs, this.look.value.blur)];
    const next = more
      ? steps.find((step) => percentOf(blurs, step) > now)
      : steps.findLast((step) => percentOf(blurs, step) < now);
    const blur = next ?? this.look.value.blur;
    this.look.set({ blur, background: "blur" });
    say(
      words("setting.said", {
        setting: words("setting.blur.title"),
        value: blurInWords(blurs, blur),
      }),
    );
  }

  // From one step to the other end's last but one, as at the ends nothing or everything is kept.
  /** @param {number} steps */
  #threshold(steps) {
    const { limits, step } = setting("threshold");
    if (!limits || !step) return;
    const wanted = Math.min(limits[1] - step, Math.max(limits[0] + step, this.look.value.threshold + steps * step));
    const threshold = Math.round(wanted * 100) / 100;
    this.look.set({ threshold });
    say(
      words("setting.said", {
        setting: words("setting.threshold.title"),
        value: number(threshold, 2),
      }),
    );
  }
}
