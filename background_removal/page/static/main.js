// Entry point: fetches the settings and fills the three tabs.

import { keepTab, wantedTab } from "./address.js";
import { loadActions } from "./actions.js";
import { ask } from "./api.js";
import { Camera } from "./camera.js";
import { kindOfFile, receive } from "./drop.js";
import { byId } from "./dom.js";
import { bind, list, listen } from "./keys.js";
import { keep, Look } from "./look.js";
import { complain, moveMessages } from "./messages.js";
import { loadOptions } from "./options.js";
import { Panel } from "./panel.js";
import { Photos } from "./photos.js";
import { Videos } from "./videos.js";
import { words } from "./words.js";

const TABS = ["camera", "photo", "video"];
let open = "camera";

/**
 * Show a tab, and put its name into the address for a reload.
 * @param {string} name
 * @param {boolean} [focus]
 */
function show(name, focus) {
  open = name;
  document.body.dataset.tab = name;
  for (const each of TABS) {
    const tab = byId(`tab-${each}`);
    tab.setAttribute("aria-selected", String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    byId(each).hidden = each !== name;
  }
  moveMessages(name);
  keepTab(name);
  if (focus) byId(`tab-${name}`).focus();
  document.dispatchEvent(new Event("tab"));
}

function tabs() {
  for (const [n, name] of TABS.entries()) {
    byId(`tab-${name}`).addEventListener("click", () => show(name));
    byId(`tab-${name}`).addEventListener("keydown", (event) => {
      /** @type {{[key: string]: number}} */
      const places = {
        ArrowLeft: n - 1,
        ArrowRight: n + 1,
        Home: 0,
        End: TABS.length - 1,
      };
      const to = places[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(TABS[(to + TABS.length) % TABS.length], true);
    });
  }
  show(TABS.includes(wantedTab) ? wantedTab : "camera");
}

async function begin() {
  tabs();
  const [start, last, { backgrounds }] = await Promise.all([
    ask("/api/start"),
    ask("/api/look"),
    ask("/api/backgrounds"),
    loadActions(),
    loadOptions(),
  ]);
  bind("", {
    keys: list,
    ...Object.fromEntries(TABS.map((name) => [`tab-${name}`, () => show(name)])),
  });
  byId("show-keys").addEventListener("click", list);
  listen(() => open);
  const look = new Look(start.look, last);
  keep(look);
  const panel = new Panel(look, start, backgrounds);
  const photos = new Photos(look, start);
  const videos = new Videos(look, start);
  new Camera(look, start);
  receive(async (files, target) => {
    const kinds = await Promise.all(files.map(kindOfFile));
    const pictures = files.filter((_, number) => kinds[number] === "photo");
    const clips = files.filter((_, number) => kinds[number] === "video");
    if (target.closest("#backgrounds") && pictures.length) {
      pictures.forEach((file) => panel.add(file).catch(complain));
      return;
    }
    if (clips.length) {
      show("video");
      videos.add(clips);
    }
    if (pictures.length) {
      show("photo");
      photos.add(pictures);
    }
    if (!clips.length && !pictures.length) complain(words("file.only"));
  });
  await photos.load();
  document.body.dataset.ready = "";
}

begin().catch(complain);
