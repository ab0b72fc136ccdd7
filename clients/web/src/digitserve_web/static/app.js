// The page: its tabs, its colours, and whether the digit server is there.

import { isServing, models } from "./api.js";
import * as drawing from "./draw.js";
import { takeEverywhere } from "./intake.js";
import * as model from "./model.js";
import * as pages from "./pages.js";
import * as pictures from "./pictures.js";

const LOOK_AGAIN_MS = 3000;
const TABS = ["draw", "pictures", "pages", "model"];
const find = (id) => document.getElementById(id);

function open(name) {
  for (const tab of TABS) {
    const isOpen = tab === name;
    const button = find(`tab-${tab}`);
    find(`panel-${tab}`).hidden = !isOpen;
    button.setAttribute("aria-selected", isOpen);
    button.tabIndex = isOpen ? 0 : -1;
  }
  if (location.hash !== `#${name}`) history.replaceState(null, "", `#${name}`);
  if (name === "model") model.show();
}

function fromAddress() {
  const name = location.hash.slice(1);
  open(TABS.includes(name) ? name : TABS[0]);
}

function step(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  const now = TABS.findIndex((tab) => find(`tab-${tab}`) === document.activeElement);
  const next = TABS.at((now + by) % TABS.length);
  open(next);
  find(`tab-${next}`).focus();
}

function startTabs() {
  for (const tab of TABS) find(`tab-${tab}`).addEventListener("click", () => open(tab));
  document.querySelector("[role=tablist]").addEventListener("keydown", step);
  addEventListener("hashchange", fromAddress);
  fromAddress();
}

let looking = 0;

// Looks until it is there, and again when an answer failed.
async function look() {
  clearTimeout(looking);
  const serving = await isServing();
  const isBack = serving && find("status").dataset.state === "away";
  find("status").dataset.state = serving ? "serving" : "away";
  find("status-text").textContent = serving ? await whoAnswers() : "server not ready";
  if (isBack) for (const part of [sheet, pictures, pages]) part.readAgain();
  clearTimeout(looking); // another look may have ended meanwhile
  if (!serving) looking = setTimeout(look, LOOK_AGAIN_MS);
}

async function whoAnswers() {
  try {
    const found = (await models()).find((each) => each.is_default);
    return found ? `${found.name}/${found.version} ready` : "ready";
  } catch {
    return "ready";
  }
}

function startTheme(repaint) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  root.dataset.theme = storedTheme();
  find("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    root.dataset.theme = isDark ? "light" : "dark";
    storeTheme(root.dataset.theme);
    repaint();
  });
}

// Where a browser keeps nothing for any site, to ask is an error; the theme lasts as long as the page then.
function storedTheme() {
  try {
    return localStorage.getItem("theme") ?? "";
  } catch {
    return "";
  }
}

function storeTheme(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // as above
  }
}

function take(files, list, tab) {
  if (files.length) open(tab);
  list.add(files);
}

const sheet = drawing.start({ keep: pictures.keep, failed: look });
pictures.start({ asPage: (files) => take(files, pages, "pages"), failed: look });
pages.start({ failed: look });
takeEverywhere((files) => {
  if (location.hash === "#pages") take(files, pages, "pages");
  else take(files, pictures, "pictures");
});
startTheme(sheet.paint);
startTabs();
look();
