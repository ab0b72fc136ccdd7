// The tab of pictures: dropped, pasted, chosen or photographed; read, corrected, and taken away as CSV.

import { classify, labelOf, percent } from "./api.js";
import { csv } from "./csv.js";
import { notes } from "./draw.js";
import { patiently, takeChosen } from "./intake.js";
import { copy, download, mark } from "./takeaway.js";

const AT_ONCE = 3; // pictures under way
const PAGE_PX = 500; // a picture of one digit is seldom larger
const find = (id) => document.getElementById(id);
const entries = [];
let waiting = [];
let underWay = 0;
let drawings = 0; // kept so far: no two have the same name
let readAsPage = () => {};
let tellFailed = () => {};

export function start({ asPage, failed }) {
  readAsPage = asPage;
  tellFailed = failed;
  for (const id of ["files", "photo"]) takeChosen(find(id), add);
  find("copy").addEventListener("click", (event) => copy(event.currentTarget, csv(entries), entries));
  find("download").addEventListener("click", () => download(csv(entries), "digits.csv", entries));
  find("empty").addEventListener("click", removeAll);
  find("only").addEventListener("change", filter);
}

export function add(files) {
  for (const file of files) addEntry(file.name || "pasted.png", file);
  readWaiting();
}

// Those that got no answer for want of a server, which is back.
export function readAgain() {
  for (const entry of entries.filter(({ mayPass }) => mayPass)) {
    Object.assign(entry, { problem: undefined, mayPass: false });
    delete entry.row.dataset.state;
    entry.row.querySelector(".remarks").textContent = "reading …";
    waiting.push(entry);
  }
  summarise();
  readWaiting();
}

// A drawing that has been read already.
export function keep(blob, result) {
  drawings += 1;
  const entry = addEntry(`drawing-${drawings}.png`, blob);
  waiting = waiting.filter((each) => each !== entry);
  settle(entry, { result });
  mark(entries, true);
}

function addEntry(name, blob) {
  const row = find("row").content.firstElementChild.cloneNode(true);
  const entry = { name, blob, row, address: URL.createObjectURL(blob) };
  row.querySelector(".thumb").src = entry.address;
  row.querySelector(".thumb").addEventListener("error", (event) => event.target.classList.add("broken"));
  row.querySelector(".name").append(...wrapping(name));
  row.querySelector(".remarks").textContent = "reading …";
  row.querySelector(".correct").disabled = true;
  row.querySelector(".correct").setAttribute("aria-label", `Digit in ${name}`);
  row.querySelector(".remove").setAttribute("aria-label", `Remove ${name}`);
  row.querySelector(".remove").addEventListener("click", () => remove(entry));
  row.querySelector(".correct").addEventListener("change", (event) => correct(entry, event.target));
  row.querySelector(".correct").addEventListener("focus", (event) => event.target.select());
  entries.push(entry);
  waiting.push(entry);
  find("rows").append(row);
  summarise();
  return entry;
}

// A browser breaks a line after a hyphen by itself, but not after an underscore.
const wrapping = (name) => name.split(/(?<=_)/).flatMap((part) => [part, document.createElement("wbr")]);

function readWaiting() {
  while (underWay < AT_ONCE && waiting.length) read(waiting.shift());
}

async function read(entry) {
  underWay += 1;
  try {
    settle(entry, { result: await patiently(() => classify(entry.blob, entry.name), tellFailed) });
  } catch (problem) {
    settle(entry, { problem: problem.message, mayPass: problem.mayPass });
  }
  underWay -= 1;
  readWaiting();
}

function settle(entry, outcome) {
  Object.assign(entry, outcome);
  const { row, result, problem } = entry;
  row.dataset.state = problem ? "failed" : result.needs_review ? "review" : "sure";
  if (problem) row.querySelector(".remarks").textContent = problem.replace(`${entry.name}: `, "");
  else showResult(entry);
  filter();
  summarise();
}

function showResult(entry) {
  const { name, row, result } = entry;
  const seen = row.querySelector(".seen-28");
  seen.src = `data:image/png;base64,${result.picture}`;
  seen.alt = `What the model saw of ${name}`;
  row.querySelector(".correct").disabled = false;
  row.querySelector(".correct").value = labelOf(result);
  row.querySelector(".meter span").style.transform = `scaleX(${result.confidence})`;
  row.querySelector(".percent").textContent = percent(result.confidence);
  showNotes(entry);
}

function showNotes(entry) {
  entry.row.querySelector(".remarks").textContent = notes(entry.result);
  if (entry.result.needs_review) offerPage(entry);
}

// A large picture in doubt may be meant as a page.
async function offerPage({ name, row, blob }) {
  const remarks = row.querySelector(".remarks");
  const thumb = row.querySelector(".thumb");
  await thumb.decode().catch(() => {});
  if (Math.max(thumb.naturalWidth, thumb.naturalHeight) < PAGE_PX || row.classList.contains("corrected")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Read as a page";
  button.addEventListener("click", () => readAsPage([new File([blob], name, { type: blob.type })]));
  remarks.append(" ", button);
}

function correct(entry, input) {
  const value = input.value.trim();
  if (!value) input.value = entry.corrected ?? labelOf(entry.result);
  else if (value === labelOf(entry.result)) delete entry.corrected;
  else entry.corrected = value;
  mark(entries, true);
  const isCorrected = entry.corrected !== undefined;
  entry.row.classList.toggle("corrected", isCorrected);
  if (isCorrected) entry.row.querySelector(".remarks").textContent = `corrected, was read as ${labelOf(entry.result)}`;
  else showNotes(entry);
  summarise();
}

function remove(entry) {
  const next = entry.row.nextElementSibling ?? entry.row.previousElementSibling;
  entries.splice(entries.indexOf(entry), 1);
  waiting = waiting.filter((each) => each !== entry);
  URL.revokeObjectURL(entry.address);
  entry.row.remove();
  if (!entries.length) mark(entries, false);
  summarise();
  (next?.querySelector(".remove") ?? find("files")).focus();
}

function removeAll() {
  for (const entry of [...entries]) remove(entry);
}

function filter() {
  const only = find("only").checked;
  for (const { row } of entries) row.hidden = only && row.dataset.state === "sure";
}

function summarise() {
  const count = (holds) => entries.filter(holds).length;
  const parts = [`${entries.length} ${entries.length === 1 ? "picture" : "pictures"}`];
  const say = (number, text) => number && parts.push(`${number} ${text}`);
  say(count((entry) => !entry.result && !entry.problem), "being read");
  say(count((entry) => entry.result?.needs_review && entry.corrected === undefined), "to check");
  say(count((entry) => entry.corrected !== undefined), "corrected");
  say(count((entry) => entry.problem), "could not be read");
  find("summary").textContent = parts.join(" · ");
  find("list").hidden = !entries.length;
  find("count").hidden = !entries.length;
  find("count").textContent = entries.length;
}
