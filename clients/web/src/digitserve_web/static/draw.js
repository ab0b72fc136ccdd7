// The tab to draw in: what is drawn is read while it is drawn.

import { classify, labelOf, percent } from "./api.js";
import { Sketch } from "./sketch.js";

const QUIET_MS = 700; // after so long without a change, a screen reader is told
const find = (id) => document.getElementById(id);
const bars = [];

export function start({ keep, failed }) {
  const sketch = new Sketch(find("canvas"), () => changed());
  const reader = new Newest(sketch, show, (problem) => complain(problem, failed));
  let last = null; // the newest answer, and the picture that it is for
  let isFresh = false; // whether that is all that is drawn
  let keepWhenRead = false;

  function changed() {
    find("hint").hidden = !sketch.isEmpty;
    for (const id of ["undo", "clear", "keep"]) find(id).disabled = sketch.isEmpty;
    isFresh = keepWhenRead = false;
    if (sketch.isEmpty) reader.forget(showNothing);
    else reader.read();
  }

  function show(result, blob) {
    last = { result, blob };
    isFresh = !reader.waiting;
    showResult(result);
    if (isFresh && keepWhenRead) keepIt();
  }

  function keepIt() {
    keepWhenRead = !isFresh && !sketch.isEmpty;
    if (!isFresh) return;
    keep(last.blob, last.result);
    sketch.clear();
    say("Kept in the list of pictures");
  }

  const actions = { u: () => sketch.undo(), c: () => sketch.clear(), k: keepIt };
  makeBars();
  find("undo").addEventListener("click", actions.u);
  find("clear").addEventListener("click", actions.c);
  find("keep").addEventListener("click", actions.k);
  find("width").addEventListener("input", (event) => (sketch.penWidth = event.target.value / 100));
  find("panel-draw").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    actions[event.key.toLowerCase()]?.();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => sketch.paint());
  return { paint: () => sketch.paint(), readAgain: () => sketch.isEmpty || reader.read() };
}

// Reads the newest drawing: one question under way at a time, what was drawn meanwhile is asked next.
class Newest {
  constructor(sketch, show, complain) {
    Object.assign(this, { sketch, show, complain, asking: false, waiting: false, life: 0 });
  }

  async read() {
    if (this.asking) {
      this.waiting = true;
      return;
    }
    this.asking = true;
    const { life } = this;
    try {
      await new Promise(requestAnimationFrame);
      const blob = await this.sketch.picture();
      const result = await classify(blob, "drawing.png");
      if (life === this.life) this.show(result, blob);
    } catch (problem) {
      if (life === this.life) this.complain(problem);
    }
    this.asking = false;
    if (this.waiting) {
      this.waiting = false;
      this.read();
    }
  }

  // Nothing is drawn any more: an answer that still comes is for nobody.
  forget(then) {
    this.life += 1;
    this.waiting = false;
    then();
  }
}

function makeBars() {
  for (let digit = 0; digit < 10; digit += 1) {
    const bar = document.createElement("li");
    bar.innerHTML = `<b>${digit}</b><span class="track"><span></span></span><span class="share">–</span>`;
    find("bars").append(bar);
    bars.push(bar);
  }
}

function setBars(probabilities, most) {
  bars.forEach((bar, digit) => {
    const share = probabilities[digit] ?? 0;
    bar.classList.toggle("most", digit === most);
    bar.querySelector(".track span").style.transform = `scaleX(${share})`;
    bar.querySelector(".share").textContent = most === undefined ? "–" : shareText(share);
  });
}

const shareText = (share) => (share < 0.0005 ? "0%" : percent(share));

function showResult(result) {
  find("answer").dataset.state = result.needs_review ? "review" : "sure";
  find("digit").textContent = labelOf(result);
  find("sure").textContent = `${percent(result.confidence)} sure`;
  find("notes").textContent = notes(result);
  setBars(result.probabilities, result.digit);
  showSeen(result.picture);
  const { total, prepare, model } = result.tookMs;
  setFacts(`${result.model.name}/${result.model.version}`, ms(total), ms(prepare), ms(model));
  sayLater(`${labelOf(result)}, ${percent(result.confidence)} sure. ${notes(result)}`);
}

export const notes = ({ needs_review: review, warnings }) =>
  [review ? "please check" : "", ...warnings.map((warning) => warning.text)].filter(Boolean).join(", ");

const ms = (duration) => (duration === undefined ? "–" : `${duration.toFixed(duration < 10 ? 1 : 0)} ms`);

function setFacts(model, total, prepare, server) {
  const facts = { model, total, prepare, server };
  for (const [name, text] of Object.entries(facts)) find(`fact-${name}`).textContent = text;
}

async function showSeen(png) {
  const context = find("seen").getContext("2d");
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  context.drawImage(image, 0, 0);
}

function showNothing() {
  find("answer").dataset.state = "empty";
  find("digit").textContent = "–";
  find("sure").textContent = "Nothing drawn yet";
  find("notes").textContent = "";
  clearFigures();
  say("Nothing drawn");
}

function clearFigures() {
  setBars([]);
  find("seen").getContext("2d").clearRect(0, 0, 28, 28);
  setFacts("–", "–", "–", "–");
}

function complain(problem, failed) {
  find("answer").dataset.state = "failed";
  find("digit").textContent = "!";
  find("sure").textContent = "No answer";
  find("notes").textContent = problem.message;
  clearFigures();
  say(`No answer: ${problem.message}`);
  failed();
}

let saying = 0;

function sayLater(text) {
  clearTimeout(saying);
  saying = setTimeout(() => (find("said").textContent = text), QUIET_MS);
}

function say(text) {
  clearTimeout(saying);
  find("said").textContent = text;
}
