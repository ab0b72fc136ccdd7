// The tab of pictures: dropped, pasted, chosen or photographed; read, corrected, and taken away as CSV.

import { classify, labelOf, percent } from "./api.js";
import { csv } from "./csv.js";
import { notes } from "./draw.js";

const AT_ONCE = 3; // pictures under way
const TRIES = 5; // while the service says that it is busy
const find = (id) => document.getElementById(id);
const entries = [];
let waiting = [];
let underWay = 0;

export function start({ opened }) {
  const add = (files) => {
    const pictures = [...files].filter((file) => file.type.startsWith("image/") || !file.type);
    if (pictures.length) opened();
    for (const file of pictures) addEntry(file.name || "pasted.png", file);
    readWaiting();
  };
  for (const id of ["files", "photo"]) {
    find(id).addEventListener("change", (event) => {
      add(event.target.files);
      event.target.value = "";
    });
  }
  takeDrops(add);
  addEventListener("paste", (event) => add(event.clipboardData.files));
  find("copy").addEventListener("click", copy);
  find("download").addEventListener("click", download);
  find("empty").addEventListener("click", removeAll);
  find("only").addEventListener("change", filter);
}

// A drawing that has been read already.
export function keep(blob, result) {
  const number = entries.filter((entry) => entry.drawn).length + 1;
  const entry = addEntry(`drawing-${number}.png`, blob);
  entry.drawn = true;
  waiting = waiting.filter((each) => each !== entry);
  settle(entry, { result });
}

function takeDrops(add) {
  const drop = find("drop");
  let within = 0;
  const show = (change) => {
    within = Math.max(0, within + change);
    document.body.classList.toggle("dropping", within > 0);
  };
  addEventListener("dragenter", () => show(1));
  addEventListener("dragleave", () => show(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    show(-within);
    add(event.dataTransfer.files);
  });
  drop.addEventListener("dragend", () => show(-within));
}

function addEntry(name, blob) {
  const row = find("row").content.firstElementChild.cloneNode(true);
  const entry = { name, blob, row, address: URL.createObjectURL(blob) };
  row.querySelector(".thumb").src = entry.address;
  row.querySelector(".thumb").addEventListener("error", (event) => event.target.classList.add("broken"));
  row.querySelector(".name").textContent = name;
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

function readWaiting() {
  while (underWay < AT_ONCE && waiting.length) read(waiting.shift());
}

async function read(entry) {
  underWay += 1;
  try {
    settle(entry, { result: await patiently(() => classify(entry.blob, entry.name)) });
  } catch (problem) {
    settle(entry, { problem: problem.message });
  }
  underWay -= 1;
  readWaiting();
}

async function patiently(call) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (problem) {
      if (!problem.retryAfterS || attempt === TRIES) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 1000 * problem.retryAfterS));
    }
  }
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

function showResult({ name, row, result }) {
  const seen = row.querySelector(".seen-28");
  seen.src = `data:image/png;base64,${result.picture}`;
  seen.alt = `What the model saw of ${name}`;
  row.querySelector(".correct").disabled = false;
  row.querySelector(".correct").value = labelOf(result);
  row.querySelector(".meter span").style.transform = `scaleX(${result.confidence})`;
  row.querySelector(".percent").textContent = percent(result.confidence);
  row.querySelector(".remarks").textContent = notes(result);
}

function correct(entry, input) {
  const value = input.value.trim();
  if (!value) input.value = entry.corrected ?? labelOf(entry.result);
  else if (value === labelOf(entry.result)) delete entry.corrected;
  else entry.corrected = value;
  const isCorrected = entry.corrected !== undefined;
  entry.row.classList.toggle("corrected", isCorrected);
  entry.row.querySelector(".remarks").textContent = isCorrected
    ? `corrected, was read as ${labelOf(entry.result)}`
    : notes(entry.result);
  summarise();
}

function remove(entry) {
  const next = entry.row.nextElementSibling ?? entry.row.previousElementSibling;
  entries.splice(entries.indexOf(entry), 1);
  waiting = waiting.filter((each) => each !== entry);
  URL.revokeObjectURL(entry.address);
  entry.row.remove();
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

async function copy(event) {
  const button = event.currentTarget;
  try {
    await navigator.clipboard.writeText(csv(entries));
    tell(button, "Copied");
  } catch {
    tell(button, "Not allowed: download it");
  }
}

function tell(button, text) {
  button.dataset.label ??= button.textContent;
  button.textContent = text;
  setTimeout(() => (button.textContent = button.dataset.label), 2000);
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv(entries)], { type: "text/csv" }));
  link.download = "digits.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
