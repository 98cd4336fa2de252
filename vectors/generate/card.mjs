// Writes vectors/card/: how a payload and its context are shown. The trees below are written by
// hand from the rule in the docstring of core/card.py; only the frame that all cards share is put
// around them here. Neither core/card.py nor static/card.js is asked.
//
//   node vectors/generate/card.mjs
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";

const BASE = {
  v: 1,
  purpose: "approve",
  confirmation: "0b0e7f5e-6d1c-4b7a-9a60-1f6f0f5a7c01",
  org: "default",
  action: "Deploy to production",
  approver: "alex",
  approverId: "6a3f1f0e-2f52-4b0b-8a55-0d9a1f1f7b02",
  requester: "deploy-bot",
  requesterKeyId: "7d4c9c0e-9d7e-4f4a-8a3e-0d3f2f6f1b11",
  rpId: "confirm.example",
  origin: "https://confirm.example",
  createdAt: "2026-11-20T20:45:25.123Z",
  expiresAt: "2026-11-20T20:48:25.123Z",
  quorum: 1,
  policy: null,
  risk: "normal",
  reveal: false,
  salt: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
};

// Short hands for the elements of the rule.
const text = (...pieces) => ["span", { class: "text" }, ...pieces];
const chip = (name) => ["span", { class: "chip" }, name];
const number = (spelling) => ["span", { class: "number" }, spelling];
const word = (words) => ["span", { class: "word" }, words];
const row = (key, ...value) =>
  ["div", {}, ["dt", { class: "text" }, ...[key].flat(1)], ["dd", {}, ...value]];
const flag = (words) => ["span", { class: "flag" }, words];
const odd = (words) => ["span", { class: "flag odd" }, words];
const twin = (...key) => [...key, odd("looks like another name")];
const isText = flag("text");
const DIFFERS = ["span", { class: "flag differs" }, "differs"];
const numeric = (spelling) => ["span", { class: "text number" }, spelling];
const MIXED = odd("mixed or look-alike letters");
const BACKWARDS = odd("right-to-left letters");
const turned = (letters) => ["span", { dir: "rtl" }, letters];
const inWords = (words, raw) => [text(words), ["span", { class: "raw" }, raw]];
const beside = (kind, ...pair) => ["div", { class: kind },
  ...pair.flatMap(([key, ...value]) => [["dt", { class: "text" }, key], ["dd", {}, ...value]])];
const cell = (...value) => ["td", {}, ...value];
const table = (names, ...rows) => ["table", {},
  ["thead", {}, ["tr", {}, ["th", { scope: "col" }, "Row"],
    ...names.map((name) => ["th", { class: "text", scope: "col" }, ...[name].flat(1)])]],
  ["tbody", {}, ...rows.map(([at, ...cells]) =>
    ["tr", {}, ["th", { scope: "row" }, String(at)], ...cells])]];
const ORDER = ["caption", {}, "Rows that differ come first. Numbers tell the order."];
const reordered = (names, ...rows) => table(names, ...rows).toSpliced(2, 0, ORDER);
const fields = (...rows) => ["dl", { class: "fields" }, ...rows];
const items = (...values) => ["ol", { class: "items" }, ...values.map((v) => ["li", {}, ...v])];
const fact = (name, ...value) => ["div", {}, ["dt", {}, name], ["dd", { class: "text" }, ...value]];
const raw = (time) => ["span", { class: "raw" }, time];

const CREATED = ["20 November 2026, 20:45:25 UTC", raw("2026-11-20T20:45:25.123Z")];
const EXPIRES = ["20 November 2026, 20:48:25 UTC", raw("2026-11-20T20:48:25.123Z")];
const NORMAL = [["span", { class: "risk normal" }, "Normal"]];

// `parts` replaces what a context that differs from BASE shows differently.
const frame = (card, parts = {}) => ["div", { class: "region" },
  ["p", { class: "who" },
    ["span", { class: "label" }, "Asked by API key"], " ",
    ["strong", { class: "text" }, ...(parts.requester ?? ["deploy-bot"])]],
  ["h1", { class: "text" }, ...(parts.action ?? ["Deploy to production"])],
  ["dl", { class: "facts" },
    fact("Approver", ...(parts.approver ?? ["alex"])),
    fact("Expires", ...(parts.expires ?? EXPIRES)),
    fact("Risk", ...(parts.risk ?? NORMAL)),
    ...(parts.terms ?? [])],
  ["section", { class: "card", "aria-labelledby": "card-title" },
    ["h2", { id: "card-title" }, "Exactly what you sign"],
    card],
  ["dl", { class: "facts" },
    fact("Asked", ...(parts.created ?? CREATED)),
    fact("Organisation", ...(parts.org ?? ["default"])),
    fact("API key id", ...(parts.key ?? ["7d4c9c0e-9d7e-4f4a-8a3e-0d3f2f6f1b11"])),
    ...(parts.origins ?? [])]];

const cases = [];

/** One payload, given as its canonical text, under the base context. */
function shows(name, desc, payloadText, card) {
  cases.push({ name, desc, inputs: { payloadText, contextText: JSON.stringify(BASE) }, want: frame(card) });
}

/** One context that differs from the base, over a payload that does not matter. */
function says(name, desc, changes, parts) {
  const contextText = JSON.stringify({ ...BASE, ...changes });
  const card = fields(row("sha", text("abc123")));
  cases.push({ name, desc, inputs: { payloadText: '{"sha":"abc123"}', contextText }, want: frame(card, parts) });
}

function refuses(name, desc, inputs, wantErr) {
  const payloadText = inputs.payloadText ?? '{"sha":"abc123"}';
  const contextText = inputs.contextText ?? JSON.stringify(BASE);
  cases.push({ name, desc, inputs: { payloadText, contextText }, wantErr });
}

// Kinds of values.

shows("text", "a text stands as it is", '{"service":"api","sha":"abc123"}',
  fields(row("service", text("api")), row("sha", text("abc123"))));

shows("numbers", "numbers stand in the spelling that is signed, never rounded or grouped",
  '{"a":0,"b":-1,"c":4200,"d":9007199254740991,"e":0.1,"f":1e-7,"g":123456789.12345678}',
  fields(
    row("a", number("0")),
    row("b", number("-1")),
    row("c", number("4200")),
    row("d", number("9007199254740991")),
    row("e", number("0.1")),
    row("f", number("1e-7")),
    row("g", number("123456789.12345678")),
  ));

shows("words", "true, false and null in words", '{"a":true,"b":false,"c":null}',
  fields(
    row("a", word("yes (true)")),
    row("b", word("no (false)")),
    row("c", word("nothing (null)")),
  ));

shows("empty-values", "emptiness is said", '{"a":"","b":{},"c":[],"d":[""],"e":{"f":{}}}',
  fields(
    row("a", word("empty text")),
    row("b", word("empty object")),
    row("c", word("empty list")),
    row("d", items([word("empty text")])),
    row("e", fields(row("f", word("empty object")))),
  ));

shows("empty-payload", "a payload without members", "{}", word("empty object"));

shows("empty-key", "a key may be empty; that is said too", '{"":1," ":2}',
  fields(row([word("empty name")], number("1")), row([chip("space")], number("2"))));

shows("empty-key-words", "a name that reads like what is said of the empty one is labelled",
  '{"":1,"empty name":2,"empty text":3}',
  fields(row([word("empty name")], number("1")), row(["empty name", isText], number("2")),
    row("empty text", number("3"))));

shows("lookalikes", "a text that reads like another kind of value is labelled",
  '{"a":"42","b":"-1.5e+3","c":"true","d":"null","e":"yes (true)","f":"empty text","g":"42 ","h":"1.","i":"0x1F","j":"True","k":"111111111111111111111111","l":"1111111111111111111111111"}',
  fields(
    row("a", numeric("42"), isText),
    row("b", numeric("-1.5e+3"), isText),
    row("c", text("true"), isText),
    row("d", text("null"), isText),
    row("e", text("yes (true)"), isText),
    row("f", text("empty text"), isText),
    row("g", text("42", chip("space"))),
    row("h", text("1.")),
    row("i", text("0x1F")),
    row("j", text("True")),
    row("k", numeric("1".repeat(24)), isText),
    row("l", text("1".repeat(25)), isText),
  ));

shows("nested", "objects and lists show their structure",
  '{"to":{"name":"Ann","account":{"iban":"DE89"}},"steps":[{"do":"a"},[1,[2]],"x"]}',
  fields(
    row("to", fields(
      row("name", text("Ann")),
      row("account", fields(row("iban", text("DE89")))),
    )),
    row("steps", items(
      [fields(row("do", text("a")))],
      [items([number("1")], [items([number("2")])])],
      [text("x")],
    )),
  ));

// Order and names.

shows("integer-like-keys", "keys that look like array indices come first, as they are signed",
  '{"1":"one","10":"ten","4294967294":"last index","b":1,"4294967295":"no index","01":2,"-1":3}',
  fields(
    row("1", text("one")),
    row("10", text("ten")),
    row("4294967294", text("last index")),
    row("b", number("1")),
    row("4294967295", text("no index")),
    row("01", number("2")),
    row("-1", number("3")),
  ));

shows("proto-keys", "names with a meaning in JavaScript are names like others",
  '{"__proto__":{"admin":true},"constructor":1,"toString":2,"hasOwnProperty":3}',
  fields(
    row("__proto__", fields(row("admin", word("yes (true)")))),
    row("constructor", number("1")),
    row("toString", number("2")),
    row("hasOwnProperty", number("3")),
  ));

shows("case-twins", "names that differ only in case are flagged, within one object",
  '{"amount":1,"Amount":2,"AMOUNT":3,"other":{"Amount":4,"x":5}}',
  fields(
    row(twin("amount"), number("1")),
    row(twin("Amount"), number("2")),
    row(twin("AMOUNT"), number("3")),
    row("other", fields(row("Amount", number("4")), row("x", number("5")))),
  ));

shows("case-twins-scripts", "Latin, Greek and Cyrillic are folded; ß is no twin of SS, nor K of the Kelvin sign",
  '{"ÉTÉ":1,"été":2,"Σ":3,"σ":4,"ς":5,"Ж":6,"ж":7,"ß":8,"SS":9,"K":10,"\u212A":11,"Ⴀ":12,"ⴀ":13}',
  fields(
    row(twin("ÉTÉ"), number("1")),
    row(twin("été"), number("2")),
    row(twin("Σ"), number("3")),
    row(twin("σ"), number("4")),
    row("ς", number("5")),
    row(twin("Ж"), number("6")),
    row(twin("ж"), number("7")),
    row("ß", number("8")),
    row("SS", number("9")),
    row("K", number("10")),
    row([chip("\u212A U+212A"), MIXED], number("11")),
    row("Ⴀ", number("12")),
    row("ⴀ", number("13")),
  ));

shows("chips-in-keys", "names follow the same rule as values",
  '{"am\u200Bount":1,"amount":2," to":3,"a\\nb":4}',
  fields(
    row(twin("am", chip("U+200B"), "ount"), number("1")),
    row(twin("amount"), number("2")),
    row([chip("space"), "to"], number("3")),
    row(["a", chip("new line"), "\nb"], number("4")),
  ));

// White space.

shows("spaces", "a space stands plain only between two visible characters",
  '{"a":"one two three","b":" lead","c":"trail ","d":"two  spaces","e":"   ","f":" "}',
  fields(
    row("a", text("one two three")),
    row("b", text(chip("space"), "lead")),
    row("c", text("trail", chip("space"))),
    row("d", text("two", chip("space ×2"), "spaces")),
    row("e", text(chip("space ×3"))),
    row("f", text(chip("space"))),
  ));

shows("space-beside-chip", "beside a chip a space is a chip too",
  '{"a":"pay \u202Enow","b":"x\u200B y","c":"a \\n b"}',
  fields(
    row("a", text("pay", chip("space"), chip("U+202E"), "now")),
    row("b", text("x", chip("U+200B"), chip("space"), "y")),
    row("c", text("a", chip("space"), chip("new line"), "\n", chip("space"), "b")),
  ));

shows("lines", "line feeds are named and break the line, once however many; a tab is named",
  '{"a":"one\\ntwo","b":"one\\r\\ntwo","c":"x\\n\\n\\ny","d":"end\\n","e":"k\\tv","f":"\\t\\t"}',
  fields(
    row("a", text("one", chip("new line"), "\ntwo")),
    row("b", text("one", chip("U+000D"), chip("new line"), "\ntwo")),
    row("c", text("x", chip("new line ×3"), "\ny")),
    row("d", text("end", chip("new line"), "\n")),
    row("e", text("k", chip("tab"), "v")),
    row("f", text(chip("tab ×2"))),
  ));

shows("odd-spaces", "every other space and separator is a chip",
  '{"a":"1\u00A0000","b":"x\u2003y","c":"x\u3000y","d":"x\u2028y","e":"x\u2029y","f":"x\u1680y","g":"x\u202Fy"}',
  fields(
    row("a", text("1", chip("U+00A0"), "000")),
    row("b", text("x", chip("U+2003"), "y")),
    row("c", text("x", chip("U+3000"), "y")),
    row("d", text("x", chip("U+2028"), "y")),
    row("e", text("x", chip("U+2029"), "y")),
    row("f", text("x", chip("U+1680"), "y")),
    row("g", text("x", chip("U+202F"), "y")),
  ));

// What cannot be seen.

shows("bidi", "direction controls are chips and change nothing",
  '{"file":"exe.\u202Efdp","amount":"\u2066100\u2069","mark":"\u200E\u200F\u061C"}',
  fields(
    row("file", text("exe.", chip("U+202E"), "fdp")),
    row("amount", text(chip("U+2066"), "100", chip("U+2069"))),
    row("mark", text(chip("U+200E"), chip("U+200F"), chip("U+061C"))),
  ));

shows("zero-width", "zero-width characters are chips; a run of one is counted",
  '{"a":"ad\u200Bmin","b":"\uFEFFx","c":"soft\u00ADhyphen","d":"\u200B\u200B\u200B\u200C","e":"a\u2060b"}',
  fields(
    row("a", text("ad", chip("U+200B"), "min")),
    row("b", text(chip("U+FEFF"), "x")),
    row("c", text("soft", chip("U+00AD"), "hyphen")),
    row("d", text(chip("U+200B ×3"), chip("U+200C"))),
    row("e", text("a", chip("U+2060"), "b")),
  ));

shows("controls", "control characters are chips", '{"a":"\\u0000","b":"x\\u001b[31m","c":"\\b\\f","d":"\u007F\u0085"}',
  fields(
    row("a", text(chip("U+0000"))),
    row("b", text("x", chip("U+001B"), "[31m")),
    row("c", text(chip("U+0008"), chip("U+000C"))),
    row("d", text(chip("U+007F"), chip("U+0085"))),
  ));

shows("tags-and-selectors", "tag characters and variation selectors are chips",
  '{"a":"x\u{E0041}\u{E007F}","b":"x\uFE0F","c":"x\u{E0100}","d":"x\u180B"}',
  fields(
    row("a", text("x", chip("U+E0041"), chip("U+E007F"))),
    row("b", text("x", chip("U+FE0F"))),
    row("c", text("x", chip("U+E0100"))),
    row("d", text("x", chip("U+180B"))),
  ));

shows("nobody-knows", "private-use, unassigned and non-characters are chips",
  '{"a":"\uE000","b":"\u{F0000}\u{10FFFD}","c":"\u0378","d":"\uFFFE\u{1FFFF}","e":"\uFDD0"}',
  fields(
    row("a", text(chip("U+E000"))),
    row("b", text(chip("U+F0000"), chip("U+10FFFD"))),
    row("c", text(chip("U+0378"))),
    row("d", text(chip("U+FFFE"), chip("U+1FFFF"))),
    row("e", text(chip("U+FDD0"))),
  ));

shows("blanks", "letters and symbols that draw nothing are chips",
  '{"a":"\u2800","b":"\u3164","c":"\uFFA0","d":"\u115F\u1160","e":"\uFFFC","f":"\u17B4"}',
  fields(
    row("a", text(chip("U+2800"))),
    row("b", text(chip("U+3164"))),
    row("c", text(chip("U+FFA0"))),
    row("d", text(chip("U+115F"), chip("U+1160"))),
    row("e", text(chip("U+FFFC"))),
    row("f", text(chip("U+17B4"))),
  ));

shows("combining", "general combining marks are chips, so two spellings of é differ and nothing is struck out",
  '{"a":"é","b":"e\u0301","c":"1\u03360\u03360","d":"1\u20E3","e":"x\u0301\u0301"}',
  fields(
    row("a", text("é")),
    row("b", text("e", chip("U+0301"))),
    row("c", text("1", chip("U+0336"), "0", chip("U+0336"), "0")),
    row("d", text("1", chip("U+20E3"))),
    row("e", text("x", chip("U+0301 ×2"))),
  ));

shows("boxes", "plane 1 beyond everyday scripts and pictographs is chips; mathematical letters too",
  '{"a":"\u{1D41A}\u{1D41D}min","b":"\u{13000}","c":"\u{1D11E}","d":"\u{1E900}","e":"\u{104B0}","f":"\u{20000}"}',
  fields(
    row("a", text(chip("U+1D41A"), chip("U+1D41D"), "min")),
    row("b", text(chip("U+13000"))),
    row("c", text(chip("U+1D11E"))),
    row("d", text("\u{1E900}")),
    row("e", text("\u{104B0}")),
    row("f", text("\u{20000}")),
  ));

// Letters that pass for others.

shows("mixed-scripts", "a letter that is not of the script of its word is a chip with itself in it",
  '{"a":"p\u0430ypal","b":"\u0440\u0430\u0443pal","c":"Gr\u03BF\u03BFgle","d":"Привет-world","e":"Приvет","f":"ab\u05D0c","g":"Ωмега"}',
  fields(
    row("a", text("p", chip("\u0430 U+0430"), "ypal", MIXED)),
    row("b", text(chip("\u0440 U+0440"), chip("\u0430 U+0430"), chip("\u0443 U+0443"), "pal", MIXED)),
    row("c", text("Gr", chip("\u03BF U+03BF ×2"), "gle", MIXED)),
    row("d", text("Привет-world")),
    row("e", text(chip("П U+041F"), chip("р U+0440"), chip("и U+0438"), "v", chip("е U+0435"), chip("т U+0442"), MIXED)),
    row("f", text("ab", chip("\u05D0 U+05D0"), "c", MIXED)),
    row("g", text("Ω", chip("м U+043C"), chip("е U+0435"), chip("г U+0433"), chip("а U+0430"), MIXED)),
  ));

shows("look-alikes", "letters that look Latin are chips, unless others show that their script is meant",
  '{"a":"\u0430\u0441\u0435","b":"\u0430\u0441\u0435 Ж","c":"to \u0410 and B","d":"\u039F\u039A","e":"\uA4D1\uA4EE\uA4EC","f":"хор"}',
  fields(
    row("a", text(chip("\u0430 U+0430"), chip("\u0441 U+0441"), chip("\u0435 U+0435"), MIXED)),
    row("b", text("\u0430\u0441\u0435 Ж")),
    row("c", text("to ", chip("\u0410 U+0410"), " and B", MIXED)),
    row("d", text(chip("\u039F U+039F"), chip("\u039A U+039A"), MIXED)),
    row("e", text(chip("\uA4D1 U+A4D1"), chip("\uA4EE U+A4EE"), chip("\uA4EC U+A4EC"), MIXED)),
    row("f", text(chip("х U+0445"), chip("о U+043E"), chip("р U+0440"), MIXED)),
  ));

shows("disguises", "Latin letters in disguise are chips, but in Chinese, Japanese and Korean",
  '{"a":"\uFF50ay","b":"\u2170d","c":"\uFB01le","d":"\u1D18\u1D00\u028F","e":"\uFF30\uFF23\u7248","f":"\u24D0","g":"x\u0251","h":"25 \u2103 ™ №","i":"ﬀ"}',
  fields(
    row("a", text(chip("\uFF50 U+FF50"), "ay", MIXED)),
    row("b", text(chip("\u2170 U+2170"), "d", MIXED)),
    row("c", text(chip("\uFB01 U+FB01"), "le", MIXED)),
    row("d", text(chip("\u1D18 U+1D18"), chip("\u1D00 U+1D00"), "\u028F", MIXED)),
    row("e", text("\uFF30\uFF23\u7248")),
    row("f", text(chip("\u24D0 U+24D0"), MIXED)),
    row("g", text("x", chip("\u0251 U+0251"), MIXED)),
    row("h", text("25 \u2103 ™ №")),
    row("i", text(chip("ﬀ U+FB00"), MIXED)),
  ));

shows("written-together", "Chinese, Japanese and Korean are written together, and with Latin",
  '{"a":"漢字かなカナ","b":"PC版","c":"한글漢字","d":"PCパソコン版 2.0","e":"版Ж"}',
  fields(
    row("a", text("漢字かなカナ")),
    row("b", text("PC版")),
    row("c", text("한글漢字")),
    row("d", text("PCパソコン版 2.0")),
    row("e", text("版", chip("Ж U+0416"), MIXED)),
  ));

shows("right-to-left", "letters that run right to left are kept apart from what runs left to right",
  '{"a":"pay אבג 100","b":"אבג דה, 12 ab","c":"אבג 100 דה","d":"12 ١٢ USD","e":"abc\\nאב","f":"א\u200Bב c"}',
  fields(
    row("a", text("pay ", turned("אבג"), " 100", BACKWARDS)),
    row("b", text(turned("אבג דה"), ", 12 ab", BACKWARDS)),
    row("c", text("אבג 100 דה")),
    row("d", text("12 ", turned("١٢"), " USD", BACKWARDS)),
    row("e", text("abc", chip("new line"), "\n", turned("אב"), BACKWARDS)),
    row("f", text(turned("א"), chip("U+200B"), turned("ב"), " c", BACKWARDS)),
  ));

shows("name-twins", "names that could be taken for one another are flagged, within one object",
  '{"1":1,"l":2,"I":3,"x":{"amount0":1,"amountO":2},"y":{"modern":1,"modem":2},"z":{"fail":1,"fall":2},"w":{"":1,"\u200B":2}}',
  fields(
    row(twin("1"), number("1")),
    row(twin("l"), number("2")),
    row(twin("I"), number("3")),
    row("x", fields(row(twin("amount0"), number("1")), row(twin("amountO"), number("2")))),
    row("y", fields(row(twin("modern"), number("1")), row(twin("modem"), number("2")))),
    row("z", fields(row("fail", number("1")), row("fall", number("2")))),
    row("w", fields(row(twin(word("empty name")), number("1")), row(twin(chip("U+200B")), number("2")))),
  ));

// What helps to read.

shows("dates", "a date or time also in words, the text beneath",
  '{"a":"2026-11-20","b":"2024-02-29","c":"2026-11-20T20:45:25Z","d":"2026-11-20T20:45:25.120Z","e":"2026-01-02T03:04+05:30","f":"2026-01-02T23:59:59-00:00","g":"9999-12-31T00:00"}',
  fields(
    row("a", ...inWords("20 November 2026", "2026-11-20")),
    row("b", ...inWords("29 February 2024", "2024-02-29")),
    row("c", ...inWords("20 November 2026, 20:45:25 UTC", "2026-11-20T20:45:25Z")),
    row("d", ...inWords("20 November 2026, 20:45:25.120 UTC", "2026-11-20T20:45:25.120Z")),
    row("e", ...inWords("2 January 2026, 03:04 UTC+05:30", "2026-01-02T03:04+05:30")),
    row("f", ...inWords("2 January 2026, 23:59:59 UTC-00:00", "2026-01-02T23:59:59-00:00")),
    row("g", ...inWords("31 December 9999, 00:00 without time zone", "9999-12-31T00:00")),
  ));

shows("no-dates", "what is no date stays a text",
  '{"a":"2026-02-29","b":"2026-00-10","c":"2026-13-01","d":"2026-11-00","e":"2026-11-31","f":"0999-01-01","g":"2026-11-20T24:00:00Z","h":"2026-11-20T23:60Z","i":"2026-11-20T23:59:60Z","j":"2026-11-20 20:45","k":"2026-11-20T20:45:25,1Z","l":"20261120","m":"2026-11-20T","n":"٢026-11-20","o":"2026-11-20 ","p":"2026-11-20\\n","q":"1900-02-29","r":"20 November 2026"}',
  fields(
    ...["2026-02-29", "2026-00-10", "2026-13-01", "2026-11-00", "2026-11-31", "0999-01-01",
      "2026-11-20T24:00:00Z", "2026-11-20T23:60Z", "2026-11-20T23:59:60Z", "2026-11-20 20:45",
      "2026-11-20T20:45:25,1Z"].map((value, i) => row("abcdefghijk"[i], text(value))),
    row("l", numeric("20261120"), isText),
    row("m", text("2026-11-20T")),
    row("n", text("٢026-11-20")),
    row("o", text("2026-11-20", chip("space"))),
    row("p", text("2026-11-20", chip("new line"), "\n")),
    row("q", text("1900-02-29")),
    row("r", text("20 November 2026")),
  ));

shows("pairs", "was and now, and others like them, stand side by side",
  '{"was":1,"now":2,"a":{"old":"x","new":"x"},"b":{"before":null,"after":[1]},"c":{"from":"A1","to":"B2","n":1}}',
  fields(
    beside("pair", ["was", number("1")], ["now", number("2")]),
    row("a", fields(beside("pair", ["old", text("x")], ["new", text("x"), flag("no change")]))),
    row("b", fields(beside("pair", ["before", word("nothing (null)")], ["after", items([number("1")])]))),
    row("c", fields(beside("pair", ["from", text("A1")], ["to", text("B2")]), row("n", number("1")))),
  ));

shows("no-pairs", "names apart, swapped or spelled otherwise are no pair; a text is never a number",
  '{"was":1,"x":0,"now":2,"a":{"now":1,"was":2},"b":{"Was":1,"now":2},"c":{"was":1},"d":{"was now":1},"e":{"was":1,"now":"1"},"f":{"was":{"k":1},"now":{"k":1}}}',
  fields(
    row("was", number("1")), row("x", number("0")), row("now", number("2")),
    row("a", fields(row("now", number("1")), row("was", number("2")))),
    row("b", fields(row("Was", number("1")), row("now", number("2")))),
    row("c", fields(row("was", number("1")))),
    row("d", fields(row("was now", number("1")))),
    row("e", fields(beside("pair", ["was", number("1")], ["now", numeric("1"), isText]))),
    row("f", fields(beside("pair", ["was", fields(row("k", number("1")))],
      ["now", fields(row("k", number("1"))), flag("no change")]))),
  ));

shows("money", "an amount and its currency are one line, digits as they are signed",
  '{"amount":1234567.05,"currency":"EUR","a":{"currency":"JPY","amount":-4200},"b":{"amount":"0018.900","currency":"USD"},"c":{"amount":"1e3","currency":"XYZ"}}',
  fields(
    beside("money", ["amount", number("1234567.05")], ["currency", text("EUR")]),
    row("a", fields(beside("money", ["currency", text("JPY")], ["amount", number("-4200")]))),
    row("b", fields(beside("money", ["amount", numeric("0018.900"), isText], ["currency", text("USD")]))),
    row("c", fields(beside("money", ["amount", numeric("1e3"), isText], ["currency", text("XYZ")]))),
  ));

shows("no-money", "what is no number, or no currency, is not money",
  '{"a":{"amount":"1,000","currency":"EUR"},"b":{"amount":1,"currency":"eur"},"c":{"amount":1,"currency":"EURO"},"d":{"amount":null,"currency":"EUR"},"e":{"amount":1,"currency":1},"f":{"amount":1,"currency":"\u0415UR"},"g":{"amount":1,"currency":["EUR"]},"h":{"amount":1,"x":2,"currency":"EUR"}}',
  fields(
    row("a", fields(row("amount", text("1,000")), row("currency", text("EUR")))),
    row("b", fields(row("amount", number("1")), row("currency", text("eur")))),
    row("c", fields(row("amount", number("1")), row("currency", text("EURO")))),
    row("d", fields(row("amount", word("nothing (null)")), row("currency", text("EUR")))),
    row("e", fields(row("amount", number("1")), row("currency", number("1")))),
    row("f", fields(row("amount", number("1")), row("currency", text(chip("\u0415 U+0415"), "UR", MIXED)))),
    row("g", fields(row("amount", number("1")), row("currency", items([text("EUR")])))),
    row("h", fields(row("amount", number("1")), row("x", number("2")), row("currency", text("EUR")))),
  ));

shows("table", "objects of one shape are a table; where none differs, in their order",
  '{"rows":[{"to":"Ann","eur":10},{"to":"Bob","eur":12}],"one":[{"a":null},{"a":null}]}',
  fields(
    row("rows", table(["to", "eur"],
      [1, cell(text("Ann")), cell(number("10"))],
      [2, cell(text("Bob")), cell(number("12"))])),
    row("one", table(["a"], [1, cell(word("nothing (null)"))], [2, cell(word("nothing (null)"))])),
  ));

shows("table-odd-row", "rows that differ from most come first, with their numbers",
  '{"rows":[{"env":"dev","n":1},{"env":"dev","n":2},{"env":"prod","n":3},{"env":"dev","n":4}]}',
  fields(row("rows", reordered(["env", "n"],
    [3, cell(text("prod"), DIFFERS), cell(number("3"))],
    [1, cell(text("dev")), cell(number("1"))],
    [2, cell(text("dev")), cell(number("2"))],
    [4, cell(text("dev")), cell(number("4"))]))));

shows("table-odd-first", "a row that differs and is the first already stays there",
  '{"rows":[{"ok":false},{"ok":true},{"ok":true}]}',
  fields(row("rows", table(["ok"],
    [1, cell(word("no (false)"), DIFFERS)],
    [2, cell(word("yes (true)"))],
    [3, cell(word("yes (true)"))]))));

shows("table-far-number", "a number far above the median differs, also one in a text; 42 is not \"42\"",
  '{"a":[{"n":10},{"n":-12},{"n":-121},{"n":9}],"b":[{"n":"1.5"},{"n":2},{"n":"99"}],"c":[{"n":1},{"n":1},{"n":"1"}],"d":[{"n":1},{"n":500},{"n":"x"}],"e":[{"n":1},{"n":500}]}',
  fields(
    row("a", reordered(["n"], [3, cell(number("-121"), DIFFERS)],
      [1, cell(number("10"))], [2, cell(number("-12"))], [4, cell(number("9"))])),
    row("b", reordered(["n"], [3, cell(numeric("99"), isText, DIFFERS)],
      [1, cell(numeric("1.5"), isText)], [2, cell(number("2"))])),
    row("c", reordered(["n"], [3, cell(numeric("1"), isText, DIFFERS)],
      [1, cell(number("1"))], [2, cell(number("1"))])),
    row("d", table(["n"], [1, cell(number("1"))], [2, cell(number("500"))], [3, cell(text("x"))])),
    row("e", table(["n"], [1, cell(number("1"))], [2, cell(number("500"))])),
  ));

shows("no-table", "one object, another order, other names, too many names or inner lists are no table",
  '{"a":[{"x":1}],"b":[{"x":1,"y":2},{"y":2,"x":1}],"c":[{"x":1},{"X":1}],"d":[{"x":[1]},{"x":[1]}],"e":[{"a":1,"b":2,"c":3,"d":4,"e":5},{"a":1,"b":2,"c":3,"d":4,"e":5}],"f":[{},{}],"g":[{"x":1},null],"h":[{"x":1},[1]]}',
  fields(
    row("a", items([fields(row("x", number("1")))])),
    row("b", items([fields(row("x", number("1")), row("y", number("2")))],
      [fields(row("y", number("2")), row("x", number("1")))])),
    row("c", items([fields(row("x", number("1")))], [fields(row("X", number("1")))])),
    row("d", items([fields(row("x", items([number("1")])))], [fields(row("x", items([number("1")])))])),
    row("e", items(...[1, 2].map(() => [fields(...["a", "b", "c", "d", "e"].map((key, i) =>
      row(key, number(String(i + 1)))))]))),
    row("f", items([word("empty object")], [word("empty object")])),
    row("g", items([fields(row("x", number("1")))], [word("nothing (null)")])),
    row("h", items([fields(row("x", number("1")))], [items([number("1")])])),
  ));

shows("table-names", "a table's names follow the rules of names",
  '{"rows":[{"":1,"a\u200B":2,"B":3},{"":4,"a\u200B":5,"B":6}]}',
  fields(row("rows", table([[word("empty name")], ["a", chip("U+200B")], "B"],
    [1, cell(number("1")), cell(number("2")), cell(number("3"))],
    [2, cell(number("4")), cell(number("5")), cell(number("6"))]))));

// What is shown as it is.

shows("scripts", "the scripts people write are shown as they are",
  '{"ar":"مرحبا 123","he":"שָׁלוֹם","hi":"नमस्ते","th":"สวัสดี","zh":"你好，世界","ja":"こんにちは","ko":"안녕하세요","el":"Γειά","ru":"Привет","vi":"Việt"}',
  fields(
    row("ar", text("مرحبا 123")),
    row("he", text("שָׁלוֹם")),
    row("hi", text("नमस्ते")),
    row("th", text("สวัสดี")),
    row("zh", text("你好，世界")),
    row("ja", text("こんにちは")),
    row("ko", text("안녕하세요")),
    row("el", text("Γειά")),
    row("ru", text("Привет")),
    row("vi", text("Việt")),
  ));

shows("emoji", "pictographs are shown; what joins or selects them is a chip",
  '{"a":"😀🚀","b":"👍🏽","c":"🇩🇪","d":"👩\u200D💻","e":"❤\uFE0F ok","f":"\uFFFD"}',
  fields(
    row("a", text("😀🚀")),
    row("b", text("👍🏽")),
    row("c", text("🇩🇪")),
    row("d", text("👩", chip("U+200D"), "💻")),
    row("e", text("❤", chip("U+FE0F"), chip("space"), "ok")),
    row("f", text("\uFFFD")),
  ));

shows("html", "markup is text", '{"<b>k</b>":"<script>alert(1)</script>","q":"\\"quoted\\" & \'single\' &amp; <!-- -->"}',
  fields(
    row("<b>k</b>", text("<script>alert(1)</script>")),
    row("q", text("\"quoted\" & 'single' &amp; <!-- -->")),
  ));

shows("escapes", "a backslash is a character; what looks like an escape is text",
  '{"a":"\\\\u202e","b":"C:\\\\new","c":"U+202E","d":"/\\\\/"}',
  fields(
    row("a", text("\\u202e")),
    row("b", text("C:\\new")),
    row("c", text("U+202E")),
    row("d", text("/\\/")),
  ));

shows("long-word", "nothing is cut", `{"a":"${"x".repeat(300)}","${"k".repeat(120)}":1}`,
  fields(row("a", text("x".repeat(300))), row("k".repeat(120), number("1"))));

// Who, what, until when.

says("action-and-requester", "title and names follow the text rule, markup included",
  { action: " Pay <b>\u202E100</b>", requester: "bot  two\u200B", approver: "al\u00A0ex", org: "d\u00ADefault", requesterKeyId: "k\t" },
  {
    action: [chip("space"), "Pay <b>", chip("U+202E"), "100</b>"],
    requester: ["bot", chip("space ×2"), "two", chip("U+200B")],
    approver: ["al", chip("U+00A0"), "ex"],
    org: ["d", chip("U+00AD"), "efault"],
    key: ["k", chip("tab")],
  });

says("risk-high", "a raised risk is named", { risk: "high" },
  { risk: [["span", { class: "risk high" }, "High"]] });

says("risk-critical", "the highest risk is named", { risk: "critical" },
  { risk: [["span", { class: "risk critical" }, "Critical"]] });

says("risk-unknown", "a risk that this rule does not know is shown as it is", { risk: "toString" },
  { risk: ["toString"] });

says("terms", "several signatures, a policy and a public reveal are part of what is signed",
  { quorum: 2, policy: "ab".repeat(32), reveal: true },
  {
    terms: [
      fact("Signatures needed", "2"),
      fact("Made public", "Yes. Anyone will be able to read this action."),
    ],
    origins: [fact("Policy", "ab".repeat(32))],
  });

says("times", "a time is put into words only in the one spelling; otherwise it stands as it is",
  { createdAt: "2026-01-02T00:00:00.000Z", expiresAt: "2026-13-02T00:00:00.000Z" },
  {
    created: ["2 January 2026, 00:00:00 UTC", raw("2026-01-02T00:00:00.000Z")],
    expires: ["2026-13-02T00:00:00.000Z"],
  });

says("times-other-digits", "digits of other scripts are no digits here",
  { createdAt: "2026-11-20T20:45:25.12٣Z", expiresAt: "2026-11-20T20:48:25.123+00:00" },
  {
    created: ["2026-11-20T20:45:25.12", turned("٣"), "Z", BACKWARDS],
    expires: ["20 November 2026, 20:48:25.123 UTC+00:00", raw("2026-11-20T20:48:25.123+00:00")],
  });

says("times-no-times", "what is no time follows the text rule, and stands there once",
  { createdAt: "soon\u202E", expiresAt: "" },
  { created: ["soon", chip("U+202E")], expires: [] });

says("reject-context", "the region of a signed rejection is the same", { purpose: "reject" }, {});

// What is not shown at all, because it is not the one canonical form.

refuses("refused-white-space", "white space between tokens", { payloadText: '{"a": 1}' }, "payload_refused");
refuses("refused-order", "array indices not first", { payloadText: '{"b":1,"1":2}' }, "payload_refused");
refuses("refused-number-spelling", "a number in another spelling", { payloadText: '{"a":1.0}' }, "payload_refused");
refuses("refused-escape", "a needless escape", { payloadText: '{"a":"\\u0041"}' }, "payload_refused");
refuses("refused-duplicate-key", "a key named twice", { payloadText: '{"a":1,"a":2}' }, "payload_duplicate_key");
refuses("refused-array", "no object", { payloadText: "[1]" }, "payload_not_object");
refuses("refused-not-json", "no JSON", { payloadText: '{"a":}' }, "body_not_json");
refuses("refused-context-order", "two keys of the context swapped",
  { contextText: JSON.stringify({ purpose: "approve", ...BASE }) }, "context_malformed");
refuses("refused-context-surplus", "a key too many",
  { contextText: JSON.stringify({ ...BASE, note: "x" }) }, "context_malformed");
refuses("refused-context-missing", "a key too few",
  { contextText: JSON.stringify({ ...BASE, salt: undefined }) }, "context_malformed");
refuses("refused-context-white-space", "white space in the context",
  { contextText: JSON.stringify(BASE, null, 1) }, "context_malformed");
refuses("refused-context-version", "another version",
  { contextText: JSON.stringify({ ...BASE, v: 2 }) }, "context_malformed");
refuses("refused-context-purpose", "another purpose",
  { contextText: JSON.stringify({ ...BASE, purpose: "login" }) }, "context_malformed");
refuses("refused-context-kind", "a number where a text belongs",
  { contextText: JSON.stringify({ ...BASE, action: 1 }) }, "context_malformed");
refuses("refused-context-quorum", "a quorum of nobody",
  { contextText: JSON.stringify({ ...BASE, quorum: 0 }) }, "context_malformed");
refuses("refused-context-reveal", "a text where true or false belongs",
  { contextText: JSON.stringify({ ...BASE, reveal: "false" }) }, "context_malformed");

const folder = new URL("../card/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) rmSync(new URL(name, folder));
for (const { name, ...vector } of cases) {
  const document = { ...vector, source: "written by hand in vectors/generate/card.mjs" };
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(document, null, 1)}\n`);
}
console.log(`${cases.length} cases`);
