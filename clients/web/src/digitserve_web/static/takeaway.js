// Text that is taken away from the page: copied, or downloaded as a file.

const TOLD_MS = 2000;
const KEPT_MS = 10_000;

const lists = new Set(); // those with work of people in them that was not taken away yet
const ask = (event) => event.preventDefault();

// A page that is left or loaded anew loses its lists: the browser asks first while there is work in them.
export function mark(list, hasWork) {
  if (hasWork) lists.add(list);
  else lists.delete(list);
  if (lists.size) addEventListener("beforeunload", ask);
  else removeEventListener("beforeunload", ask);
}

export async function copy(button, text, list) {
  try {
    await navigator.clipboard.writeText(text);
    mark(list, false);
    tell(button, "Copied");
  } catch {
    tell(button, "Not allowed: download it");
  }
}

function tell(button, text) {
  button.dataset.label ??= button.textContent;
  button.textContent = text;
  setTimeout(() => (button.textContent = button.dataset.label), TOLD_MS);
}

export function download(text, name, list) {
  mark(list, false);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
