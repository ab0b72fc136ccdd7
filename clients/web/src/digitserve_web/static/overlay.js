// What was read, drawn over the picture of a page: a box for each digit, its answer above, to click and correct.

const SVG = "http://www.w3.org/2000/svg";
const TEXT = 0.62; // of the height of a string's highest digit
const GAP = 0.12; // of it, between box and answer

// Each digit of a string and what stands for it: corrected, if the correction has as many digits.
export function digitsOf(string) {
  const letters = lettersOf(string);
  return string.digits.map((digit, index) => ({ digit, text: fits(string) ? letters[index] : "" }));
}

const lettersOf = (string) => [...(string.corrected ?? string.text)];
const fits = (string) => lettersOf(string).length === string.digits.length;

// `correct(string, text)` is called for each correction, `repaint(string)` shows it. `retype(string)` is called for a
// click on a string that was corrected to more or fewer digits, which no single one of them can be typed into.
export function overlay(page, correct, retype) {
  const element = node("svg", { viewBox: `0 0 ${page.width_px} ${page.height_px}`, "aria-hidden": "true" });
  const drawings = new Map(page.strings.map((string) => [string, drawingOf(string)]));
  for (const [string, { group, digits }] of drawings) {
    digits.forEach(({ box }, index) =>
      box.addEventListener("click", () => (fits(string) ? edit(element, page, string, index, correct) : retype(string))),
    );
    element.append(group);
    repaint(string);
  }

  function repaint(string) {
    const { group, digits } = drawings.get(string);
    const isCorrected = string.corrected !== undefined;
    group.classList.toggle("corrected", isCorrected);
    digitsOf(string).forEach(({ digit, text }, index) => {
      digits[index].label.textContent = text;
      digits[index].box.classList.toggle("doubt", digit.needs_review && !isCorrected);
      digits[index].label.classList.toggle("doubt", digit.needs_review && !isCorrected);
    });
  }

  function light(string) {
    for (const [each, { group }] of drawings) group.classList.toggle("lit", each === string);
  }

  return { element, repaint, light };
}

function drawingOf(string) {
  const group = node("g", {});
  group.append(node("polygon", { points: points(string.box), class: "string-box" }));
  const highest = Math.max(...string.digits.map((digit) => bounds(digit.box).height));
  const digits = string.digits.map((digit) => {
    const { left, top, width } = bounds(digit.box);
    const box = node("polygon", { points: points(digit.box), class: "digit-box" });
    const [size, y] = [TEXT * highest, top - GAP * highest];
    const label = node("text", { x: left + width / 2, y, "font-size": size, class: "digit-label" });
    group.append(box, label);
    return { box, label };
  });
  return { group, digits };
}

// A field on the digit itself. What is typed counts at once, and the next digit follows, whose field takes the
// focus, at which the one before goes.
function edit(element, page, string, index, correct) {
  const view = element.parentElement;
  const { left, top, width, height } = bounds(string.digits[index].box);
  const input = document.createElement("input");
  input.className = "fix";
  input.inputMode = "numeric";
  input.maxLength = 1;
  input.setAttribute("aria-label", `Digit ${index + 1} of ${string.text}`);
  input.value = digitsOf(string)[index].text;
  input.style.left = `${(100 * (left + width / 2)) / page.width_px}%`;
  input.style.top = `${(100 * (top + height / 2)) / page.height_px}%`;
  const go = (to) => (to >= 0 && to < string.digits.length ? edit(element, page, string, to, correct) : input.blur());
  input.addEventListener("input", () => {
    if (!input.value.trim()) return;
    correct(string, lettersOf(string).with(index, input.value).join(""));
    go(index + 1);
  });
  input.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) event.preventDefault();
    if (by) go(index + by);
    if (event.key === "Enter" || event.key === "Escape") input.blur();
  });
  input.addEventListener("blur", () => input.remove());
  view.append(input);
  input.focus();
  input.select();
}

export function bounds(box) {
  const [xs, ys] = [0, 1].map((axis) => box.map((corner) => corner[axis]));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return { left, top, width: Math.max(...xs) - left, height: Math.max(...ys) - top };
}

const points = (box) => box.map((corner) => corner.join(",")).join(" ");

function node(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
