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
const twin = (key) =>
  [key, ["span", { class: "flag" }, "differs from another name only in case"]];
const isText = ["span", { class: "flag" }, "text"];
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

shows("lookalikes", "a text that reads like another kind of value is labelled",
  '{"a":"42","b":"-1.5e+3","c":"true","d":"null","e":"yes (true)","f":"empty text","g":"42 ","h":"1.","i":"0x1F","j":"True"}',
  fields(
    row("a", text("42"), isText),
    row("b", text("-1.5e+3"), isText),
    row("c", text("true"), isText),
    row("d", text("null"), isText),
    row("e", text("yes (true)"), isText),
    row("f", text("empty text"), isText),
    row("g", text("42", chip("space"))),
    row("h", text("1.")),
    row("i", text("0x1F")),
    row("j", text("True")),
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
    row("\u212A", number("11")),
    row("Ⴀ", number("12")),
    row("ⴀ", number("13")),
  ));

shows("chips-in-keys", "names follow the same rule as values",
  '{"am\u200Bount":1,"amount":2," to":3,"a\\nb":4}',
  fields(
    row(["am", chip("U+200B"), "ount"], number("1")),
    row("amount", number("2")),
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
    expires: ["2026-13-02T00:00:00.000Z", raw("2026-13-02T00:00:00.000Z")],
  });

says("times-other-digits", "digits of other scripts are no digits here",
  { createdAt: "2026-11-20T20:45:25.12٣Z", expiresAt: "2026-11-20T20:48:25.123+00:00" },
  {
    created: ["2026-11-20T20:45:25.12٣Z", raw("2026-11-20T20:45:25.12٣Z")],
    expires: ["2026-11-20T20:48:25.123+00:00", raw("2026-11-20T20:48:25.123+00:00")],
  });

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
