// Text that is taken away from the page: copied, or downloaded as a file.

const TOLD_MS = 2000;
const KEPT_MS = 10_000;

export async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
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

export function download(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
