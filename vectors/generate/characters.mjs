// Writes the two tables behind the card's text rule: which code points never reach a page as
// themselves, because nobody could see them, or see them for what they are; and of which script a
// letter is, so that a word that mixes scripts is noticed.
//
//   node vectors/generate/characters.mjs
//
// The tables are drawn once from Unicode 17.0 as this Node carries it, and then pinned: neither the
// server nor a browser asks its own Unicode version, or the two would disagree about new
// characters and every card that holds one would look forged. Output:
//   vectors/characters/hidden.json          ranges, for people, tests and other implementations
//   vectors/characters/scripts.json         the same for scripts
//   src/cosignet/core/characters.py         both as code-point distances, packed
//   src/cosignet/server/web/static/characters.js
import { mkdirSync, writeFileSync } from "node:fs";

const UNICODE = "17.0";
if (process.versions.unicode !== UNICODE) {
  throw new Error(`This Node carries Unicode ${process.versions.unicode}; ${UNICODE} is pinned.`);
}

// Control, format (bidi, zero width, tags), surrogate, private use, unassigned, spaces and
// separators, and whatever Unicode says may be ignored when displayed (fillers, selectors).
const CLASSES = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

// What those classes miss.
const ALSO = [
  [0x0300, 0x036f], // general combining marks strike out, overlay and enclose other characters,
  [0x1ab0, 0x1aff], // and make é look the same in two spellings; marks that belong to one script
  [0x1dc0, 0x1dff], // (Hebrew, Arabic, Indic, Thai …) stay as they are
  [0x20d0, 0x20ff],
  [0x2800, 0x2800], // Braille pattern blank
  [0xfe20, 0xfe2f], // combining half marks
  [0xfffc, 0xfffc], // object replacement character
];

// Beyond the basic plane and before the ideographs, only scripts in everyday use (UAX #31, tables 5
// and 7) and pictographs are shown: most devices draw one and the same box for all the others, and
// mathematical letters pass for ordinary ones. In the basic plane, historic scripts (table 4).
const SECOND_PLANE = [0x10000, 0x1ffff];
const PICTOGRAPHS = [0x1f000, 0x1faff];
const anyOf = (names) => new RegExp(`[${names.map((name) => `\\p{Script=${name}}`).join("")}]`, "u");
const LIVING = anyOf(["Adlam", "Chakma", "Han", "Hanifi_Rohingya", "Hiragana", "Katakana", "Miao",
  "Newa", "Nyiakeng_Puachue_Hmong", "Osage", "Wancho"]);
const HISTORIC = anyOf(["Buginese", "Buhid", "Coptic", "Glagolitic", "Hanunoo", "Ogham",
  "Phags_Pa", "Rejang", "Runic", "Samaritan", "Tagalog", "Tagbanwa"]);

const SPACE = 0x20; // has a rule of its own: one between two visible characters is plain

function isHidden(code) {
  if (code === SPACE) return false;
  const isIn = ([first, last]) => first <= code && code <= last;
  const character = String.fromCodePoint(code);
  if (isIn(SECOND_PLANE) && !isIn(PICTOGRAPHS) && !LIVING.test(character)) return true;
  return ALSO.some(isIn) || CLASSES.test(character) || HISTORIC.test(character);
}

// One mark for each script. Chinese, Japanese and Korean are written together and are one. What is
// of no script, or of several, has none (".": digits, punctuation, shared marks), and so have
// pictographs.
const SCRIPTS = new Map(Object.entries({
  L: "Latin", G: "Greek", C: "Cyrillic", R: "Armenian", H: "Hebrew", A: "Arabic", S: "Syriac",
  T: "Thaana", N: "Nko", D: "Devanagari", B: "Bengali", P: "Gurmukhi", U: "Gujarati", O: "Oriya",
  M: "Tamil", E: "Telugu", K: "Kannada", Y: "Malayalam", I: "Sinhala", X: "Thai", F: "Lao",
  Z: "Tibetan", V: "Myanmar", Q: "Georgian", J: "Han Hiragana Katakana Bopomofo Hangul",
  "!": "Ethiopic", "#": "Cherokee", "%": "Canadian_Aboriginal", "&": "Khmer", "(": "Mongolian",
  ")": "Limbu", "*": "Tai_Le", "+": "New_Tai_Lue", ",": "Tai_Tham", "-": "Balinese",
  "/": "Sundanese", ":": "Batak", ";": "Lepcha", "<": "Ol_Chiki", "=": "Tifinagh", ">": "Yi",
  "?": "Lisu", "@": "Vai", "[": "Bamum", "]": "Syloti_Nagri", "^": "Saurashtra", _: "Kayah_Li",
  "{": "Javanese", "|": "Cham", "}": "Tai_Viet", "~": "Meetei_Mayek",
  // Mandaic and those beyond the basic plane share one mark.
  "'": "Mandaic Adlam Chakma Hanifi_Rohingya Miao Newa Nyiakeng_Puachue_Hmong Osage Wancho",
}).map(([mark, names]) => [mark, names.split(" ")]));
const OF = [...SCRIPTS].map(([mark, names]) => [mark,
  new RegExp(`[${names.map((name) => `\\p{Script_Extensions=${name}}`).join("")}]`, "u")]);
const SHARED = /[\p{Script=Common}\p{Script=Inherited}]/u;
const NONE = ".";

// Latin letters in disguise: full-width, Roman numerals, letters in circles and parentheses,
// letter-like symbols, small capitals and other phonetic letters, ligatures.
const DISGUISED = "W";
const DISGUISES = [[0x251, 0x251], [0x261, 0x261], [0x249c, 0x24e9], [0xff21, 0xff5a]];
const LETTER = /[\p{L}\p{Nl}]|[\u249C-\u24E9]/u;
const LATIN = /[\p{Script=Latin}\p{Script=Common}]/u;
// Ranges taken as one, so that the table stays small: what else is in them never stands beside a
// letter that it would make look mixed, or looks as much like another.
const LOOSE = [[0x2b9, 0x36f, NONE], [0x370, 0x3ff, "G"], [0x400, 0x52f, "C"], [0xe01, 0xe5b, "X"],
  [0x10a0, 0x10ff, "Q"], [0x1cd0, 0x1cff, NONE], [0x1d00, 0x1dbf, DISGUISED],
  [0x2070, 0x20ff, NONE], [0x2107, 0x2115, DISGUISED], [0x2118, 0x211d, DISGUISED],
  [0x2124, 0x214f, DISGUISED], [0x2160, 0x2188, DISGUISED], [0x3000, 0x4dff, "J"],
  [0xa722, 0xa7ff, DISGUISED], [0xa8e0, 0xa8ff, "D"], [0xab30, 0xab6b, DISGUISED],
  [0xfb00, 0xfb06, DISGUISED], [0xfb50, 0xfdff, "A"]];

/** The mark of a visible code point; `near` is that of the one before. */
function scriptOf(code, near) {
  const character = String.fromCodePoint(code);
  const isIn = ([first, last]) => first <= code && code <= last;
  if (PICTOGRAPHS[0] <= code && code <= PICTOGRAPHS[1]) return NONE;
  const loose = LOOSE.find(isIn);
  if (loose) return loose[2];
  if (DISGUISES.some(isIn) && LETTER.test(character) && LATIN.test(character)) return DISGUISED;
  const marks = OF.filter(([, pattern]) => pattern.test(character)).map(([mark]) => mark);
  if (marks.length !== 1) return NONE;
  return SHARED.test(character) && near !== marks[0] ? NONE : marks[0];
}

const ranges = [];
let open = -1;
for (let code = 0; code <= 0x110000; code += 1) {
  const hidden = code <= 0x10ffff && isHidden(code);
  if (hidden && open < 0) open = code;
  if (!hidden && open >= 0) {
    ranges.push([open, code - 1]);
    open = -1;
  }
}

const boundaries = ranges.flatMap(([first, last]) => [first, last + 1]);
const pack = (number, base36 = (number % 36).toString(36)) =>
  (number < 36 ? "" : upper(Math.floor(number / 36))) + base36;
const upper = (number) => (number < 26 ? "" : upper(Math.floor(number / 26)))
  + String.fromCharCode(0x41 + (number % 26));
const distances = boundaries.map((at, i) => pack(at - (boundaries[i - 1] ?? 0))).join("");

const segments = [[0, NONE]];
for (let code = 0, near = NONE; code <= 0x10ffff; code += 1) {
  if (code === SPACE || isHidden(code)) continue;
  near = scriptOf(code, near);
  if (near !== segments.at(-1)[1]) segments.push([code, near]);
}
const scripts = segments.slice(1).map(([at, mark], i) =>
  (at - segments[i][0]).toString(36) + mark).join("");

const lines = (text, width) => text.match(new RegExp(`.{1,${width}}`, "gu"));
const hex = (code) => code.toString(16).toUpperCase().padStart(4, "0");
const root = new URL("../../", import.meta.url);
mkdirSync(new URL("vectors/characters/", root), { recursive: true });

/** Write a table that people, tests and other implementations can read. */
function publish(name, desc, rows) {
  const document = { desc, unicode: UNICODE, ranges: ["@"],
    source: `Node ${process.versions.node}, vectors/generate/characters.mjs` };
  const list = rows.map((row) => `  ${JSON.stringify(row).replaceAll(",", ", ")}`).join(",\n");
  writeFileSync(new URL(`vectors/characters/${name}.json`, root),
    `${JSON.stringify(document, null, 1).replace(/\[\s*"@"\s*\]/, () => `[\n${list}\n ]`)}\n`);
}

publish("hidden", "code points the card shows as chips, first and last of each range, hexadecimal",
  ranges.map(([first, last]) => [hex(first), hex(last)]));
publish("scripts", "scripts of visible letters: hexadecimal code point from which on it is this one, until the next row; hidden ones between do not count",
  segments.map(([at, mark]) => [hex(at),
    mark === NONE ? "none or several" : mark === DISGUISED ? "Latin in disguise" : SCRIPTS.get(mark).join(" ")]));

const PYTHON = `"""Which code points a person could not see for what they are, and of which script letters are.

Generated by \`vectors/generate/characters.mjs\` from Unicode ${UNICODE}; do not edit. The browser carries
the same tables, so a card never depends on whose Unicode version is newer. Hidden are: control,
format (bidi, zero width, tags), surrogate, private-use and unassigned code points, every space and
separator but U+0020, default-ignorable characters, general combining marks, blanks, historic
scripts, and of plane 1 all but pictographs and scripts in everyday use (most devices draw one box
for all the others).
"""

import bisect
import re

# Each distance to the next boundary: capital letters count in 26s, then one digit in 36s.
_HIDDEN = (
${lines(distances, 88).map((line) => `    "${line}"`).join("\n")}
)
# Each distance to the next script in base 36, and the mark of that script.
_SCRIPTS = (
${lines(scripts, 88).map((line) => `    "${line}"`).join("\n")}
)

LATIN, DISGUISED, IDEOGRAPHIC = "L", "${DISGUISED}", "J"
"""Marks of \`script_of\`: Latin; Latin letters in disguise (full-width, circled, Roman numerals,
small capitals, ligatures); Chinese, Japanese and Korean, which are one."""
NO_SCRIPT = "."
"""The mark of what belongs to no script, or to several."""


def _boundaries() -> list[int]:
    found: list[int] = []
    at = above = 0
    for digit in _HIDDEN:
        if digit.isupper():
            above = above * 26 + int(digit, 36) - 10
        else:
            at, above = at + above * 36 + int(digit, 36), 0
            found.append(at)
    return found


def _segments() -> tuple[list[int], str]:
    starts, marks = [0], NO_SCRIPT
    for distance, mark in re.findall("([0-9a-z]+)(.)", _SCRIPTS):
        starts.append(starts[-1] + int(distance, 36))
        marks += mark
    return starts, marks


# Where hidden ranges begin (even positions) and end (odd positions), ascending.
_BOUNDARIES = _boundaries()
_STARTS, _MARKS = _segments()


def is_hidden(code: int) -> bool:
    """Return whether the code point \`code\` (0 … 0x10FFFF) must be shown as a chip."""
    return bisect.bisect_right(_BOUNDARIES, code) % 2 == 1


def script_of(code: int) -> str:
    """Return the mark of the script of \`code\`, a code point that is not hidden."""
    return _MARKS[bisect.bisect_right(_STARTS, code) - 1]
`;
writeFileSync(new URL("src/cosignet/core/characters.py", root), PYTHON);

const JAVASCRIPT = `// Which code points a person could not see for what they are, and of which script letters are.
// Generated by vectors/generate/characters.mjs from Unicode ${UNICODE}; do not edit.
// Each distance to the next boundary: capital letters count in 26s, then one digit in 36s.
const hidden = \`
${lines(distances, 98).join("\n")}\`;
// Each distance to the next script in base 36, and the mark of that script.
const scripts = \`
${lines(scripts, 98).join("\n")}\`;

const whole = (text) => text.replaceAll("\\n", "");
// Where hidden ranges begin (even positions) and end (odd positions), ascending.
const boundaries = [];
let at = 0;
for (const [, above, digit] of whole(hidden).matchAll(/([A-Z]*)([0-9a-z])/g)) {
  let count = 0;
  for (const capital of above) count = count * 26 + parseInt(capital, 36) - 10;
  boundaries.push(at += count * 36 + parseInt(digit, 36));
}
const starts = [at = 0];
const marks = ["${NONE}"];
for (const [, distance, mark] of whole(scripts).matchAll(/([0-9a-z]+)(.)/g)) {
  starts.push(at += parseInt(distance, 36));
  marks.push(mark);
}

/** How many of the ascending numbers are at most \`code\`. */
function rank(numbers, code) {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= code) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether the code point \`code\` (0 … 0x10FFFF) must be shown as a chip. */
export function isHidden(code) {
  return rank(boundaries, code) % 2 === 1;
}

/** The mark of the script of \`code\`, a code point that is not hidden. */
export function scriptOf(code) {
  return marks[rank(starts, code) - 1];
}
`;
writeFileSync(new URL("src/cosignet/server/web/static/characters.js", root), JAVASCRIPT);
console.log(`${ranges.length} ranges, ${segments.length} segments`);
