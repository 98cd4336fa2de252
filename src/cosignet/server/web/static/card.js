// How an action is shown: the same rule as core/card.py, pinned by vectors/card/.
// `render` gives the tree ("text" or [tag, attributes, ...children]); `build` makes it DOM.
import { isHidden } from "./characters.js";
import { parseContext } from "./verify.js";

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const NAMES = new Map([[0x09, "tab"], [LINE_FEED, "new line"], [SPACE, "space"]]);
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December"];
const MOMENT = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9:]{8})\.[0-9]{3}Z$/;
const NUMBER = /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const RISKS = new Map([["normal", "Normal"], ["high", "High"], ["critical", "Critical"]]);
const WORDS = new Map([[true, "yes (true)"], [false, "no (false)"], [null, "nothing (null)"]]);
// A text that reads like one of these is labelled, so that "42" never passes for 42.
const LOOKALIKES = new Set(["true", "false", "null", ...WORDS.values(),
  "empty text", "empty object", "empty list"]);
// Letters whose lower-case form is the same in every Unicode version: Latin, Greek, Cyrillic.
const FOLDED_BELOW = 0x530;

/** The signed region of two canonical texts; throws when they are not canonical. */
export function render(payloadText, contextText) {
  const context = parseContext(contextText);
  return element("div", "region",
    element("p", "who", element("span", "label", "Asked by API key"), " ",
      element("strong", "text", ...shown(context.requester))),
    element("h1", "text", ...shown(context.action)),
    element("dl", "facts", ...terms(context)),
    ["section", { class: "card", "aria-labelledby": "card-title" },
      ["h2", { id: "card-title" }, "Exactly what you sign"], ...valueNodes(read(payloadText))],
    element("dl", "facts", ...origins(context)));
}

/** The canonical text itself: the bytes whose hash is signed. */
export function exact(payloadText) {
  return element("p", "text", ...shown(payloadText));
}

/** A text as visible pieces: literal text and chips. */
export function shown(text) {
  const runs = [];
  for (const character of text) {
    const code = character.codePointAt(0);
    if (runs.at(-1)?.code === code) runs.at(-1).count += 1;
    else runs.push({ code, count: 1 });
  }
  const nodes = [];
  let literal = "";
  runs.forEach(({ code, count }, at) => {
    if (isPlain(runs, at)) {
      literal += String.fromCodePoint(code).repeat(count);
      return;
    }
    if (literal) nodes.push(literal);
    nodes.push(chip(code, count));
    literal = code === LINE_FEED ? "\n" : "";
  });
  return literal ? [...nodes, literal] : nodes;
}

/** A time in words; other texts unchanged. */
export function moment(rfc3339) {
  const found = MOMENT.exec(rfc3339);
  const month = found && MONTHS[Number(found[2]) - 1];
  return month ? `${Number(found[3])} ${month} ${found[1]}, ${found[4]} UTC` : rfc3339;
}

/** Make the tree DOM of `document`. */
export function build(document, node) {
  if (typeof node === "string") return document.createTextNode(node);
  const [tag, attributes, ...children] = node;
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  for (const child of children) made.appendChild(build(document, child));
  return made;
}

function isPlain(runs, at) {
  const { code, count } = runs[at];
  if (code !== SPACE) return !isHidden(code);
  const beside = [runs[at - 1], runs[at + 1]];
  return count === 1 && beside.every((run) => run && !isHidden(run.code));
}

function chip(code, count) {
  const hex = code.toString(16).toUpperCase().padStart(4, "0");
  const name = NAMES.get(code) ?? `U+${hex}`;
  return element("span", "chip", count === 1 ? name : `${name} ×${count}`);
}

function terms(context) {
  const rows = [
    fact("Approver", ...shown(context.approver)),
    fact("Expires", ...time(context.expiresAt)),
    fact("Risk", ...risk(context.risk)),
  ];
  if (context.quorum !== 1) rows.push(fact("Signatures needed", String(context.quorum)));
  if (context.reveal) {
    rows.push(fact("Made public", "Yes. Anyone will be able to read this action."));
  }
  return rows;
}

function origins(context) {
  const rows = [
    fact("Asked", ...time(context.createdAt)),
    fact("Organisation", ...shown(context.org)),
    fact("API key id", ...shown(context.requesterKeyId)),
  ];
  if (context.policy !== null) rows.push(fact("Policy", ...shown(context.policy)));
  return rows;
}

function fact(name, ...children) {
  return element("div", "", element("dt", "", name), element("dd", "text", ...children));
}

function time(rfc3339) {
  return [moment(rfc3339), element("span", "raw", ...shown(rfc3339))];
}

function risk(level) {
  if (!RISKS.has(level)) return shown(level);
  return [element("span", `risk ${level}`, RISKS.get(level))];
}

function read(payloadText) {
  const payload = JSON.parse(payloadText);
  // Written again it must be the same text: then String(number) is the signed spelling, the order
  // is the signed order, and no key was lost.
  if (JSON.stringify(payload) !== payloadText) throw new Error("The payload is not canonical.");
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    throw new Error("The payload is not an object.");
  }
  return payload;
}

function valueNodes(value) {
  if (typeof value === "number") return [element("span", "number", String(value))];
  if (typeof value === "string") return stringNodes(value);
  if (WORDS.has(value)) return [word(WORDS.get(value))];
  return [Array.isArray(value) ? list(value) : object(value)];
}

function stringNodes(text) {
  if (text === "") return [word("empty text")];
  const node = element("span", "text", ...shown(text));
  const isLookalike = LOOKALIKES.has(text) || NUMBER.test(text);
  return isLookalike ? [node, element("span", "flag", "text")] : [node];
}

function object(members) {
  const keys = Object.keys(members);
  if (keys.length === 0) return word("empty object");
  const counts = new Map();
  for (const key of keys) counts.set(fold(key), (counts.get(fold(key)) ?? 0) + 1);
  return element("dl", "fields", ...keys.map((key) => element("div", "",
    keyNode(key, counts.get(fold(key)) > 1), element("dd", "", ...valueNodes(members[key])))));
}

function keyNode(key, hasTwin) {
  const node = element("dt", "text", ...(key === "" ? [word("empty name")] : shown(key)));
  if (hasTwin) node.push(element("span", "flag", "differs from another name only in case"));
  return node;
}

function fold(key) {
  return Array.from(key, (c) => (c.codePointAt(0) < FOLDED_BELOW ? c.toLowerCase() : c)).join("");
}

function list(items) {
  if (items.length === 0) return word("empty list");
  return element("ol", "items", ...items.map((item) => element("li", "", ...valueNodes(item))));
}

function word(text) {
  return element("span", "word", text);
}

function element(tag, kind, ...children) {
  return [tag, kind ? { class: kind } : {}, ...children];
}
