// Files that come to the page: dropped, pasted, chosen or photographed; and patience with a busy service.

const TRIES = 5; // while the service says that it is busy

// Wherever they are dropped or pasted.
export function takeEverywhere(add) {
  let within = 0;
  const give = (files) => add([...files]);
  const show = (change) => {
    within = Math.max(0, within + change);
    document.body.classList.toggle("dropping", within > 0);
  };
  addEventListener("dragenter", () => show(1));
  addEventListener("dragleave", () => show(-1));
  addEventListener("dragend", () => show(-within));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    show(-within);
    give(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => give(event.clipboardData.files));
}

export function takeChosen(input, add) {
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
}

// `failed` is told at once when a server is missing, not only when patience is at its end.
export async function patiently(call, failed) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (problem) {
      if (problem.mayPass) failed();
      if (!problem.retryAfterS || attempt === TRIES) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 1000 * problem.retryAfterS));
    }
  }
}
