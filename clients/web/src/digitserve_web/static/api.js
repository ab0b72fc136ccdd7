// The HTTP API, as promises. A failure is a Problem: what the service said (RFC 9457), or that it is away.

export class Problem extends Error {
  constructor(facts) {
    super(facts.detail || facts.title);
    this.status = facts.status;
    this.retryAfterS = facts.retry_after_s;
  }

  // Whether it is for want of a server: the same may be answered later.
  get mayPass() {
    return [0, 502, 503, 504].includes(this.status);
  }
}

const AWAY = { title: "The web service does not answer; is it running?", status: 0 };

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem(AWAY);
  }
  if (!response.ok) throw new Problem(await facts(response));
  return response;
}

async function facts(response) {
  try {
    return await response.json();
  } catch {
    return { title: `The web service answered ${response.status}`, status: response.status };
  }
}

const MAY_BE_PICTURE = /^(image\/.*|application\/octet-stream|)$/; // browsers know only some types, by the names

async function formOf(blob, name) {
  if (!MAY_BE_PICTURE.test(blob.type)) throw notPicture(blob, name);
  await checkReadable(blob);
  const form = new FormData();
  form.append("image", blob, name);
  return form;
}

function notPicture(blob, name) {
  const kind = name.match(/\.\w+$/)?.[0] ?? blob.type;
  return new Problem({ title: `not a picture: ${kind} files cannot be read; PNG, JPEG and other pictures can` });
}

// To send it would fail as if the service were away.
async function checkReadable(blob) {
  try {
    await blob.slice(0, 1).arrayBuffer();
  } catch {
    throw new Problem({ title: "cannot be opened: a folder, or moved or changed meanwhile; choose the pictures themselves, anew" });
  }
}

// A page's strings, with `tookMs` as below; its name as it is here, for forms change quotation marks in names.
export async function readPage(blob, name) {
  const body = await formOf(blob, name);
  const start = performance.now();
  const response = await ask("/v1/read", { method: "POST", body });
  const [page] = (await response.json()).pages;
  return { ...page, name, tookMs: { total: performance.now() - start } };
}

// One picture's result, with `tookMs`: all of it, and the parts that the service names.
export async function classify(blob, name) {
  const body = await formOf(blob, name);
  const start = performance.now();
  const response = await ask("/v1/classify?picture=png", { method: "POST", body });
  const [result] = (await response.json()).results;
  const parts = response.headers.get("Server-Timing") || "";
  result.tookMs = { total: performance.now() - start };
  for (const [, part, ms] of parts.matchAll(/(\w+);dur=([\d.]+)/g)) result.tookMs[part] = Number(ms);
  return result;
}

export const models = async () => (await (await ask("/v1/models")).json()).models;
export const card = async ({ name, version }) => (await ask(`/v1/models/${name}/${version}/card`)).text();
export const reportAddress = ({ name, version }) => `/v1/models/${name}/${version}/report`;
export const report = (model) => ask(reportAddress(model)); // kept by the browser for the frame that shows it
export const isServing = async () => {
  try {
    return (await fetch("/healthz")).ok;
  } catch {
    return false;
  }
};

// The digit for people: none for a picture without ink, whatever the model makes of black paper.
export const labelOf = ({ label, warnings }) => (warnings.some(({ code }) => code === "blank") ? "–" : label);

// A confidence for people: nothing is rounded up to certainty.
export const percent = (confidence) => (confidence > 0.999 ? ">99.9%" : `${(100 * confidence).toFixed(1)}%`);
