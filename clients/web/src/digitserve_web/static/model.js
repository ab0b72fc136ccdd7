// The tab of the model: what the server has, the model's card and its report.

import { card, models, report, reportAddress } from "./api.js";

const find = (id) => document.getElementById(id);
let isLoaded = false;

export async function show() {
  if (isLoaded) return;
  try {
    const found = await models();
    find("models").replaceChildren(...found.map(summary));
    const shown = found.find((model) => model.is_default) ?? found[0];
    if (shown) await Promise.all([showCard(shown), showReport(shown)]);
    isLoaded = true;
  } catch (problem) {
    find("models").replaceChildren(text("p", "note", problem.message));
  }
}

function summary(model) {
  const box = text("section", "version", "");
  box.append(text("h2", "", `${model.name}, version ${model.version}`));
  const state = model.is_default ? `${model.state}, answers here` : model.state;
  box.append(facts(model, state));
  if (model.state_reason) box.append(text("p", "note", model.state_reason));
  if (model.review_promise) box.append(promise(model.review_promise));
  return box;
}

function facts(model, state) {
  const list = text("dl", "facts", "");
  const add = (name, value) => {
    if (!value) return;
    const pair = document.createElement("div");
    pair.append(text("dt", "", name), text("dd", "", value));
    list.append(pair);
  };
  const share = (number) => number && `${(100 * number).toFixed(2)}%`;
  add("State", state);
  add("Right on the test images", share(model.test_accuracy));
  add("Marked for review below", share(model.review_threshold));
  add("SHA-256", model.sha256.slice(0, 12));
  return list;
}

function promise(sentences) {
  const box = document.createElement("details");
  box.append(text("summary", "", "What the review threshold promises"), text("p", "", sentences));
  return box;
}

async function showCard(model) {
  try {
    // Made by the service from Markdown without any HTML in it.
    find("card").innerHTML = await card(model);
    for (const code of find("card").querySelectorAll("pre")) code.tabIndex = 0; // keys can scroll it
    for (const head of find("card").querySelectorAll("thead")) if (!head.textContent.trim()) head.remove();
  } catch (problem) {
    find("card").replaceChildren(text("p", "note", `No card: ${problem.message}`));
  }
}

async function showReport(model) {
  try {
    await report(model);
    find("report").replaceChildren(reportBox(model));
  } catch (problem) {
    find("report").replaceChildren(text("p", "note", `No report: ${problem.message}`));
  }
}

function reportBox(model) {
  const frame = document.createElement("iframe");
  frame.title = `Report on ${model.name}, version ${model.version}`;
  frame.src = reportAddress(model);
  frame.loading = "lazy";
  const whole = text("a", "", "Open it by itself");
  whole.href = frame.src;
  const box = document.createElement("details");
  box.append(text("summary", "", "The report: every mistake, calibration, other data"), whole, frame);
  return box;
}

function text(element, className, content) {
  const made = document.createElement(element);
  made.className = className;
  made.textContent = content;
  return made;
}
