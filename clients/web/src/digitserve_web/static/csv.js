// The lists of pictures and of pages as CSV (RFC 4180). A blank picture has no digit.

import { labelOf } from "./api.js";
import { bounds } from "./overlay.js";

const COLUMNS = ["picture", "digit", "confidence", "needs_review", "warnings", "read_as", "corrected", "model", "error"];
const PAGE_COLUMNS = [
  ...["page", "string", "text", "confidence", "needs_review", "x", "y", "width", "height"],
  ...["read_as", "corrected", "model", "error"],
];
const NOT_YET = "not read yet";
const FORMULA = /^[=+\-@\t\r]/; // a spreadsheet would compute a name that begins so

export const csv = (entries) => lines([COLUMNS, ...entries.map(fields)]);

// A row for each string; one without text for a page that has none.
export const pagesCsv = (pages) => lines([PAGE_COLUMNS, ...pages.flatMap(pageRows)]);

function pageRows({ name, strings, problem, model, tookMs }) {
  if (!strings.length) return [[safe(name), ...Array(11).fill(""), safe(problem ?? (tookMs ? "" : NOT_YET))]];
  return strings.map((string, index) => {
    const { left, top, width, height } = bounds(string.box);
    const box = [left, top, width, height].map((px) => Math.round(px));
    const text = string.corrected ?? string.text;
    const corrected = string.corrected !== undefined;
    const answer = [index + 1, text, string.confidence, string.needs_review, ...box, string.text, corrected];
    return [safe(name), ...answer, `${model.name}/${model.version}`, ""];
  });
}

const lines = (rows) => rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("");

function fields({ name, result, problem, corrected }) {
  if (!result) return [safe(name), "", "", "", "", "", "", "", safe(problem ?? NOT_YET)];
  const digit = labelOf(result).replace("–", "");
  return [
    safe(name),
    corrected ?? digit,
    result.confidence,
    result.needs_review,
    result.warnings.map((warning) => warning.code).join(" "),
    digit,
    corrected !== undefined,
    `${result.model.name}/${result.model.version}`,
    "",
  ];
}

const safe = (text) => (FORMULA.test(text) ? `'${text}` : text);
const quoted = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
