// The tab of pages: each is shown with boxes and answers over it, to be corrected and taken away as CSV.

import { percent, readPage } from "./api.js";
import { pagesCsv } from "./csv.js";
import { patiently, takeChosen } from "./intake.js";
import { digitsOf, overlay } from "./overlay.js";
import { copy, download, mark } from "./takeaway.js";

const find = (id) => document.getElementById(id);
const pages = [];
let reading = Promise.resolve(); // one page at a time: each keeps the service's cores busy
let tellFailed = () => {};

export function start({ failed }) {
  tellFailed = failed;
  for (const id of ["page-files", "page-photo"]) takeChosen(find(id), add);
  find("pages-copy").addEventListener("click", (event) => copy(event.currentTarget, pagesCsv(pages), pages));
  find("pages-download").addEventListener("click", () => download(pagesCsv(pages), "strings.csv", pages));
  find("pages-empty").addEventListener("click", () => [...pages].forEach(remove));
}

export function add(files) {
  for (const file of files) {
    const page = addPage(file.name || "pasted.png", file);
    reading = reading.then(() => read(page));
  }
}

// Those that got no answer for want of a server, which is back.
export function readAgain() {
  for (const page of pages.filter(({ mayPass }) => mayPass)) {
    Object.assign(page, { problem: undefined, mayPass: false });
    delete page.article.dataset.state;
    page.article.querySelector(".page-state").textContent = "reading …";
    reading = reading.then(() => read(page));
  }
}

function addPage(name, blob) {
  const article = find("page").content.firstElementChild.cloneNode(true);
  const page = { name, blob, article, address: URL.createObjectURL(blob), strings: [] };
  const image = article.querySelector("img");
  image.src = page.address;
  image.alt = `The page ${name}`;
  image.addEventListener("error", () => article.querySelector(".sheet-view").classList.add("unseen"));
  article.querySelector("h2").textContent = name;
  article.querySelector(".remove").setAttribute("aria-label", `Remove ${name}`);
  article.querySelector(".remove").addEventListener("click", () => remove(page));
  pages.unshift(page);
  find("pages").prepend(article);
  summarise();
  return page;
}

async function read(page) {
  if (!pages.includes(page)) return; // removed meanwhile
  const say = page.article.querySelector(".page-state");
  try {
    Object.assign(page, await patiently(() => readPage(page.blob, page.name), tellFailed));
    show(page);
    await hideLying(page);
    say.textContent = stateOf(page);
  } catch (problem) {
    page.problem = problem.message.replace(`${page.name}: `, "");
    page.mayPass = problem.mayPass;
    page.article.dataset.state = "failed";
    say.textContent = page.problem;
  }
  summarise();
}

function stateOf({ strings, tookMs, model }) {
  const digits = strings.reduce((sum, { digits }) => sum + digits.length, 0);
  if (!digits) return "No digits found. Is there one digit only? Then try the tab Pictures.";
  const number = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;
  return `${number(digits, "digit")} in ${number(strings.length, "string")}, read in ${(tookMs.total / 1000).toFixed(1)} s by ${model.name}/${model.version}`;
}

function show(page) {
  const list = page.article.querySelector(".strings");
  const drawn = overlay(page, set, (string) => string.row.querySelector("input").focus());
  page.article.querySelector(".sheet-view").append(drawn.element);
  page.strings.forEach((string, index) => {
    string.row = rowOf(string, index);
    string.repaint = drawn.repaint;
    list.append(string.row);
    showString(string);
    string.row.addEventListener("focusin", () => drawn.light(string));
    string.row.addEventListener("focusout", () => drawn.light(null));
  });
}

// Not every browser turns every picture as its EXIF data say, WebP least of all: boxes would stand anywhere on one that
// lies, so that it is not shown.
async function hideLying({ article, width_px: widthPx, height_px: heightPx }) {
  const image = article.querySelector("img");
  await image.decode().catch(() => {});
  const lies = image.naturalWidth > image.naturalHeight !== widthPx > heightPx;
  if (lies) article.querySelector(".sheet-view").classList.add("unseen");
}

function rowOf(string, index) {
  const row = find("string").content.firstElementChild.cloneNode(true);
  const input = row.querySelector("input");
  input.size = Math.max(4, string.text.length + 1);
  input.setAttribute("aria-label", `String ${index + 1}, read as ${string.text}`);
  input.addEventListener("focus", () => input.select());
  input.addEventListener("change", () => set(string, input.value.trim()));
  row.querySelector(".percent").textContent = percent(string.confidence);
  return row;
}

// An empty text, or the one that was read, takes the correction back.
function set(string, text) {
  if (!text || text === string.text) delete string.corrected;
  else string.corrected = text;
  mark(pages, true);
  showString(string);
  string.repaint(string);
  summarise();
}

function showString(string) {
  const isCorrected = string.corrected !== undefined;
  string.row.dataset.state = string.needs_review && !isCorrected ? "review" : "sure";
  string.row.classList.toggle("corrected", isCorrected);
  string.row.querySelector("input").value = string.corrected ?? string.text;
  string.row.querySelector(".remarks").textContent = remarks(string, isCorrected);
}

function remarks(string, isCorrected) {
  if (isCorrected) return `corrected, was read as ${string.text}`;
  if (!string.needs_review) return "";
  const doubtful = digitsOf(string).filter(({ digit }) => digit.needs_review);
  return doubtful.length === string.digits.length ? "please check" : `please check ${doubtful.map(({ text }) => text).join(", ")}`;
}

function remove(page) {
  const next = page.article.nextElementSibling ?? page.article.previousElementSibling;
  pages.splice(pages.indexOf(page), 1);
  URL.revokeObjectURL(page.address);
  page.article.remove();
  if (!pages.length) mark(pages, false);
  summarise();
  (next?.querySelector(".remove") ?? find("page-files")).focus();
}

function summarise() {
  const strings = pages.flatMap((page) => page.strings);
  const toCheck = strings.filter((string) => string.needs_review && string.corrected === undefined).length;
  const parts = [`${pages.length} ${pages.length === 1 ? "page" : "pages"}`, `${strings.length} strings`];
  if (toCheck) parts.push(`${toCheck} to check`);
  find("pages-summary").textContent = parts.join(", ");
  find("pages-list").hidden = !pages.length;
  find("pages-count").textContent = pages.length;
  find("pages-count").hidden = !pages.length;
}
