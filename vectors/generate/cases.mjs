// What the generators share: how a case is written to its file.
// The files are pure ASCII, so that no editor, terminal or diff hides what a case is about.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const BY_NODE = "computed by Node: JSON.parse, JSON.stringify, node:crypto";
export const BY_HAND = "the refusal is stated by hand, from the rule";

export function sha256(...parts) {
  return parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
}

/** Write the cases of one kind, and nothing else, into its folder; `node x.mjs [vectors folder]`. */
export function writeCases(kind, cases) {
  const vectors = process.argv[2] ?? fileURLToPath(new URL("../", import.meta.url));
  const folder = join(vectors, kind);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  const names = new Set();
  for (const { name, ...vector } of cases) {
    if (names.has(name)) throw new Error(`two cases are called ${name}`);
    names.add(name);
    writeFileSync(join(folder, `${name}.json`), `${ascii(JSON.stringify(vector, null, 1))}\n`);
  }
  console.log(`${kind}: ${cases.length} cases`);
}

function ascii(json) {
  return json.replace(/[^\n\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
