// The list of pictures as CSV (RFC 4180). A blank picture has no digit.

import { labelOf } from "./api.js";

const COLUMNS = ["picture", "digit", "confidence", "needs_review", "warnings", "read_as", "corrected", "model", "error"];
const FORMULA = /^[=+\-@\t\r]/; // a spreadsheet would compute a name that begins so

export function csv(entries) {
  return [COLUMNS, ...entries.map(fields)].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

function fields({ name, result, problem, corrected }) {
  if (!result) return [safe(name), "", "", "", "", "", "", "", problem ?? "not read yet"];
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
