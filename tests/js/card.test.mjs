// The card in the browser's code: against the vectors, and as nodes of a document.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { build, exact, moment, prepare, render, shown } from "../../src/cosignet/server/web/static/card.js";
import { isHidden, scriptOf } from "../../src/cosignet/server/web/static/characters.js";

const ROOT = new URL("../../", import.meta.url);
const STATIC = new URL("src/cosignet/server/web/static/", ROOT);
const json = (path) => JSON.parse(readFileSync(new URL(path, ROOT), "utf8"));
const cases = readdirSync(new URL("vectors/card/", ROOT))
  .map((name) => ({ name, ...json(`vectors/card/${name}`) }));

// Before anything else is loaded.
const beforehand = Array.from({ length: 0x110000 }, (_, code) => code).map((code) => {
  try {
    return shown(`a${String.fromCodePoint(code)}a`);
  } catch {
    return null;
  }
});
for (const { name, desc, inputs, want, wantErr } of cases) {
  test(`${name}: ${desc}`, async () => {
    await prepare(inputs.payloadText, inputs.contextText);
    const run = () => render(inputs.payloadText, inputs.contextText);
    if (wantErr) assert.throws(run);
    else assert.deepEqual(run(), want);
  });
}

test("every code point is hidden or not as the published table says", () => {
  const hidden = new Set();
  for (const [first, last] of json("vectors/characters/hidden.json").ranges) {
    for (let code = parseInt(first, 16); code <= parseInt(last, 16); code += 1) hidden.add(code);
  }
  for (let code = 0; code <= 0x10ffff; code += 1) {
    if (isHidden(code) !== hidden.has(code)) assert.fail(`U+${code.toString(16)}`);
  }
});

test("before the tables of characters are loaded, a text is shown the same way or not at all", async () => {
  await prepare("\uffff", "");
  beforehand.forEach((pieces, code) => {
    if (pieces) assert.deepEqual(pieces, shown(`a${String.fromCodePoint(code)}a`), `U+${code.toString(16)}`);
  });
  assert.ok(beforehand[0x41] && beforehand[0xfc] && beforehand[0x2019] && beforehand[0xad]);
  assert.equal(beforehand.filter(Boolean).length, 0x250 + 24 + 1);
});

test("every visible code point is of the script that the published table says", () => {
  const names = new Map();
  const { ranges } = json("vectors/characters/scripts.json");
  ranges.forEach(([first, script], at) => {
    const end = at + 1 < ranges.length ? parseInt(ranges[at + 1][0], 16) : 0x110000;
    for (let code = parseInt(first, 16); code < end; code += 1) {
      const mark = scriptOf(code);
      if ((names.get(mark) ?? script) !== script) assert.fail(`U+${code.toString(16)}`);
      names.set(mark, script);
    }
  });
  assert.equal(new Set(names.values()).size, names.size);
});

test("half of a surrogate pair is a chip", () => {
  assert.deepEqual(shown("a\ud800b"), ["a", ["span", { class: "chip" }, "U+D800"], "b"]);
});

test("the exact text is under the same rule", () => {
  const chip = ["span", { class: "chip" }, "U+202E"];
  assert.deepEqual(exact('{"a":"\u202e"}'), ["p", { class: "text" }, '{"a":"', chip, '"}']);
});

test("a time in words", () => {
  assert.equal(moment("2026-11-20T20:45:25.123Z"), "20 November 2026, 20:45:25 UTC");
  assert.equal(moment("yesterday"), "yesterday");
});

/** As little of a document as building needs, writing down what is built. */
const paper = {
  createTextNode: (text) => text,
  createElement(tag) {
    const node = [tag, {}];
    node.setAttribute = (name, value) => { node[1][name] = value; };
    node.appendChild = (child) => { node.push(child); };
    return node;
  },
};

const plain = (node) => (Array.isArray(node) ? Array.from(node, plain) : node);

test("what is built is the tree: each text one node, none empty, none beside another", () => {
  for (const { want } of cases.filter((one) => one.want)) {
    const built = plain(build(paper, want));
    assert.deepEqual(built, want);
    checkTexts(built);
  }
});

function checkTexts([, , ...children]) {
  children.forEach((child, i) => {
    if (typeof child !== "string") checkTexts(child);
    else assert.ok(child !== "" && typeof children[i + 1] !== "string", child);
  });
}

test("no script writes HTML, runs text or asks another site", () => {
  const sinks = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|https?:/;
  for (const name of readdirSync(STATIC).filter((file) => file.endsWith(".js"))) {
    assert.doesNotMatch(readFileSync(new URL(name, STATIC), "utf8"), sinks, name);
  }
});
