// How an action is shown: the same rule as core/card.py, pinned by vectors/card/.
// `render` gives the tree ("text" or [tag, attributes, ...children]); `build` makes it DOM.
import { parseContext } from "./verify.js";

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const NAMES = new Map([[0x09, "tab"], [LINE_FEED, "new line"], [SPACE, "space"]]);
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December"];
const HOUR = "(?:[01]\\d|2[0-3])";
const DATE = new RegExp("^([1-9]\\d{3})-(\\d\\d)-(\\d\\d)"
  + `(?:T(${HOUR}:[0-5]\\d(?::[0-5]\\d(?:\\.\\d+)?)?)(Z|[+-]${HOUR}:[0-5]\\d)?)?$`);
const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const RISKS = new Map([["normal", "Normal"], ["high", "High"], ["critical", "Critical"]]);
const WORDS = new Map([[true, "yes (true)"], [false, "no (false)"], [null, "nothing (null)"]]);
// A text that reads like one of these is labelled, so that "42" never passes for 42.
const LOOKALIKES = new Set(["true", "false", "null", ...WORDS.values(),
  "empty text", "empty object", "empty list"]);
// Letters whose lower case is the same in every Unicode version.
const FOLDED_BELOW = 0x530;
// Neighbours in an object that say one thing together.
const PAIRS = ["was now", "old new", "before after", "from to", "amount currency",
  "currency amount"];
const EMPTY_NAME = "empty name";
const UNBROKEN_MAX = 24; // characters of a number in a text
const ODD = "flag odd"; // raises the risk

// What few payloads need is loaded for them. Without it such a card is refused, or not the page's.
const BEYOND = /[^\0-\u024f\u2010-\u2027\u20ac]/; // plain Latin text
let letters = {
  isHidden(code) {
    if (BEYOND.test(String.fromCodePoint(code))) throw new Error("prepare() comes first.");
    return code < SPACE || (code >= 0x7f && code <= 0xa0) || code === 0xad;
  },
  mark() {},
};
let tables;

/** Load what it takes to show these two texts. Comes before `render` and `exact`. */
export async function prepare(payloadText, contextText) {
  if (BEYOND.test(payloadText + contextText)) letters = await import("./letters.js");
  if (payloadText.includes("[{")) tables = await import("./tables.js");
}

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
  return element("p", "text", ...shown(payloadText, true));
}

/** A text as visible pieces. */
export function shown(text, runsForward = false) {
  const runs = [];
  for (const character of text) {
    const code = character.codePointAt(0);
    if (runs.at(-1)?.code === code) runs.at(-1).count += 1;
    else runs.push({ character, code, count: 1, isForeign: false, isTurned: false });
  }
  runs.forEach((run, at) => { run.isPlain = isPlain(run, runs[at - 1], runs[at + 1]); });
  letters.mark(runs, runsForward);
  const nodes = [];
  let literal = "";
  let turned = false;
  const flush = () => {
    if (literal) nodes.push(turned ? ["span", { dir: "rtl" }, literal] : literal);
    literal = "";
  };
  for (const run of runs) {
    const isChip = run.isForeign || !run.isPlain;
    if (isChip || turned !== run.isTurned) flush();
    turned = !isChip && run.isTurned;
    if (isChip) nodes.push(chip(run));
    literal += isChip ? (run.code === LINE_FEED ? "\n" : "") : run.character.repeat(run.count);
  }
  flush();
  if (runs.some((run) => run.isForeign)) nodes.push(flag("mixed or look-alike letters", ODD));
  if (runs.some((run) => run.isTurned)) nodes.push(flag("right-to-left letters", ODD));
  return nodes;
}

/** A time in words; other texts unchanged. */
export function moment(rfc3339) {
  return inWords(rfc3339.replace(/\.\d{3}Z$/, "Z")) ?? rfc3339;
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

function isPlain({ code, count }, ...beside) {
  if (code !== SPACE) return !letters.isHidden(code);
  return count === 1 && beside.every((run) => run && !letters.isHidden(run.code));
}

function chip({ character, code, count, isForeign }) {
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const name = isForeign ? `${character} ${hex}` : NAMES.get(code) ?? hex;
  return element("span", "chip", count === 1 ? name : `${name} ×${count}`);
}

export function flag(words, kind = "flag") {
  return element("span", kind, words);
}

/** A date, or date and time, in words. */
function inWords(text) {
  const [, year, month, day, time, zone] = DATE.exec(text) ?? [];
  const name = MONTHS[month - 1];
  const isDay = name && new Date(Date.UTC(year, month - 1, day)).getUTCDate() === Number(day);
  if (!isDay) return undefined;
  const words = `${Number(day)} ${name} ${year}`;
  if (!time) return words;
  return `${words}, ${time} ${zone ? `UTC${zone.replace("Z", "")}` : "without time zone"}`;
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
  const words = moment(rfc3339);
  return words === rfc3339 ? shown(rfc3339) : [words, element("span", "raw", rfc3339)];
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

export function valueNodes(value) {
  if (typeof value === "number") return [element("span", "number", String(value))];
  if (typeof value === "string") return stringNodes(value);
  if (WORDS.has(value)) return [word(WORDS.get(value))];
  return [Array.isArray(value) ? list(value) : object(value)];
}

function stringNodes(text) {
  if (text === "") return [word("empty text")];
  const words = inWords(text);
  if (words) return [element("span", "text", words), element("span", "raw", text)];
  const isNumber = NUMBER.test(text);
  const kind = isNumber && text.length <= UNBROKEN_MAX ? "text number" : "text";
  const node = element("span", kind, ...shown(text));
  return isNumber || LOOKALIKES.has(text) ? [node, flag("text")] : [node];
}

function object(members) {
  const keys = Object.keys(members);
  if (keys.length === 0) return word("empty object");
  const names = nameNodes(keys, "dt");
  const values = keys.map((key) => element("dd", "", ...valueNodes(members[key])));
  const rows = [];
  for (let at = 0; at < keys.length; at += 1) {
    const kind = pairKind(keys.slice(at, at + 2), members);
    const row = element("div", kind, names[at], values[at]);
    rows.push(row);
    if (kind) {
      at += 1;
      row.push(names[at], values[at]);
      if (kind === "pair" && JSON.stringify(values[at - 1]) === JSON.stringify(values[at])) {
        values[at].push(flag("no change"));
      }
    }
  }
  return element("dl", "fields", ...rows);
}

/** How two neighbours stand side by side, if they do. */
function pairKind(keys, members) {
  if (!PAIRS.includes(keys.join(" ")) || keys.length < 2) return "";
  if (!keys.includes("currency")) return "pair";
  const { amount, currency } = members;
  const isCurrency = typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
  return isCurrency && magnitude(amount) !== undefined ? "money" : "";
}

/** Each name, flagged if it looks like another. */
export function nameNodes(keys, tag, attributes) {
  const forms = keys.map((key) => new Set([fold(key), outline(key)]));
  const counts = new Map();
  for (const form of forms.flatMap((both) => [...both])) {
    counts.set(form, (counts.get(form) ?? 0) + 1);
  }
  return keys.map((key, at) => {
    const node = [tag, { class: "text", ...attributes },
      ...(key === "" ? [word(EMPTY_NAME)] : shown(key))];
    if (key === EMPTY_NAME) node.push(flag("text"));
    if ([...forms[at]].some((form) => counts.get(form) > 1)) {
      node.push(flag("looks like another name", ODD));
    }
    return node;
  });
}

function fold(key) {
  return Array.from(key, (c) => (c.codePointAt(0) < FOLDED_BELOW ? c.toLowerCase() : c)).join("");
}

function outline(key) {
  return [...key].filter((c) => !letters.isHidden(c.codePointAt(0))).join("")
    .replace(/[I1|]/g, "l").replaceAll("0", "O").replaceAll("rn", "m");
}

function list(items) {
  if (items.length === 0) return word("empty list");
  return tables?.table(items) ?? element("ol", "items", ...items.map((item) => element("li", "", ...valueNodes(item))));
}

/** How large a number is, or a text that reads like one. */
export function magnitude(value) {
  const isNumber = typeof value === "number" || (typeof value === "string" && NUMBER.test(value));
  return isNumber ? Math.abs(Number(value)) : undefined;
}

function word(text) {
  return element("span", "word", text);
}

export function element(tag, kind, ...children) {
  return [tag, kind ? { class: kind } : {}, ...children];
}
