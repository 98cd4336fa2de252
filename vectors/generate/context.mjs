// Writes vectors/context/: texts that are the one canonical form of a context, with their hash and
// nonce, and texts that are not. The accepted ones come from JSON.stringify; of the others the
// refusal is stated by hand.
//
//   node vectors/generate/context.mjs [vectors folder]
import { BY_HAND, BY_NODE, sha256, writeCases } from "./cases.mjs";
import { BASE } from "./base.mjs";

const TEXT = JSON.stringify(BASE);
const cases = [];

function accepts(name, desc, changes) {
  const text = JSON.stringify({ ...BASE, ...changes });
  const hash = sha256("cosignet/context/v1\n", text);
  const want = { contextHash: hash.toString("hex"), nonce: hash.subarray(0, 16).toString("hex") };
  cases.push({ name, desc, inputs: { text }, want, source: BY_NODE });
}

function refuses(name, desc, text) {
  if (text === TEXT) throw new Error(`${name} changes nothing`);
  const wantErr = "context_malformed";
  cases.push({ name: `refused-${name}`, desc, inputs: { text }, wantErr, source: BY_HAND });
}

/** The base with one piece of its text replaced. */
function replaced(piece, by) {
  if (TEXT.split(piece).length !== 2) throw new Error(`${piece} is not there once`);
  return TEXT.replace(piece, () => by);
}

const changed = (changes) => JSON.stringify({ ...BASE, ...changes });

function without(key) {
  const { [key]: _, ...rest } = BASE;
  return JSON.stringify(rest);
}

// --- Accepted -----------------------------------------------------------------------------------

accepts("approve", "a context to approve", {});
accepts("reject", "the same to reject: another purpose, another hash", { purpose: "reject" });
accepts("policy", "under a policy", { policy: "0123456789abcdef".repeat(4) });
accepts("quorum", "two signatures, high risk, made public", { quorum: 2, risk: "high", reveal: true });
accepts("quorum-max", "the largest number there is", { quorum: 9007199254740991 });
accepts("texts", "texts with everything that is escaped and everything that is not", {
  action: 'Deploy "api" \\ <b>&</b> \u{1f680}\u2028\u007f\u200b\u00e9e\u0301 /\b\t\n\f\r\u0001\u001f',
  requester: "__proto__",
});
accepts("texts-like-values", "texts that read like other values", {
  org: "null", approver: "true", approverId: "1", requesterKeyId: "{}",
});
accepts("texts-empty", "empty texts are texts", { action: "", requester: "", org: "" });

// --- Refused: the form --------------------------------------------------------------------------

refuses("empty", "nothing", "");
refuses("object-empty", "an empty object", "{}");
refuses("array", "its values in an array", JSON.stringify(Object.values(BASE)));
refuses("null", "null", "null");
refuses("in-array", "the context in an array", `[${TEXT}]`);
refuses("in-text", "the context as a text", JSON.stringify(TEXT));
refuses("truncated", "the last character missing", TEXT.slice(0, -1));
refuses("twice", "two contexts", TEXT + TEXT);
refuses("new-line", "a line break at the end", `${TEXT}\n`);
refuses("space-first", "a space at the start", ` ${TEXT}`);
refuses("space-inside", "a space after a colon", replaced('"v":1', '"v": 1'));
refuses("indented", "indented", JSON.stringify(BASE, null, 2));
refuses("byte-order-mark", "a byte order mark", `\ufeff${TEXT}`);
refuses("trailing-comma", "a comma after the last field", TEXT.replace(/}$/, ",}"));
refuses("escape-needless", "a needless escape in a value", replaced("Deploy", "\\u0044eploy"));
refuses("escape-key", "a needless escape in a key", replaced('"salt"', '"s\\u0061lt"'));
refuses("escape-solidus", "an escaped solidus", replaced("https://", "https:\\/\\/"));
refuses("escape-upper", "an escape in upper case",
  changed({ action: "a\u001fb" }).replace("\\u001f", "\\u001F"));
refuses("escape-long", "a long escape where there is a short one",
  changed({ action: "a\nb" }).replace("\\n", "\\u000a"));
refuses("escape-pair", "an escaped surrogate pair",
  changed({ action: "\u{1f680}" }).replace("\u{1f680}", "\\ud83d\\ude80"));
refuses("escape-del", "U+007F escaped", changed({ action: "\u007f" }).replace("\u007f", "\\u007f"));
refuses("lone-surrogate", "half a surrogate pair, though rewriting reproduces it",
  changed({ action: "a\ud83d" }));
refuses("lone-surrogate-id", "half a surrogate pair in an id", changed({ approverId: "\udc00" }));

// --- Refused: the keys --------------------------------------------------------------------------

for (const key of Object.keys(BASE)) refuses(`without-${key}`, `${key} is missing`, without(key));
refuses("key-surplus", "a key too many, at the end", changed({ note: "x" }));
refuses("key-surplus-first", "a key too many, at the start", JSON.stringify({ note: "x", ...BASE }));
refuses("key-surplus-null", "a key too many, without a value", changed({ note: null }));
refuses("key-surplus-index", "a key that comes first by itself", changed({ 0: 1 }));
refuses("key-surplus-proto", "__proto__", TEXT.replace(/}$/, ',"__proto__":null}'));
refuses("key-surplus-empty", "the empty key", changed({ "": 1 }));
refuses("key-case", "a key in other letters", replaced('"approverId"', '"approverID"'));
refuses("key-space", "a key with a space", replaced('"salt"', '"salt "'));
refuses("order-first", "two keys swapped at the start",
  JSON.stringify({ purpose: BASE.purpose, v: 1, ...BASE }));
refuses("order-middle", "two keys swapped in the middle", replaced(
  `"approver":"${BASE.approver}","approverId":"${BASE.approverId}"`,
  `"approverId":"${BASE.approverId}","approver":"${BASE.approver}"`));
refuses("order-last", "two keys swapped at the end", replaced(
  `"reveal":false,"salt":"${BASE.salt}"`, `"salt":"${BASE.salt}","reveal":false`));
refuses("order-sorted", "the keys sorted",
  JSON.stringify(Object.fromEntries(Object.entries(BASE).sort(([a], [b]) => (a < b ? -1 : 1)))));
refuses("duplicate", "a key twice, with one value", replaced('"quorum":1', '"quorum":1,"quorum":1'));
refuses("duplicate-hiding", "a key twice: the first value is for the eye",
  replaced('"action":"', '"action":"Read a file","action":"'));
refuses("duplicate-last", "a key twice: the last value is for the eye",
  TEXT.replace(/}$/, ',"action":"Read a file"}'));

// --- Refused: the values ------------------------------------------------------------------------

refuses("version-2", "another version", changed({ v: 2 }));
refuses("version-0", "version 0", changed({ v: 0 }));
refuses("version-text", "the version as a text", changed({ v: "1" }));
refuses("version-true", "true, which Python takes for 1", changed({ v: true }));
refuses("version-null", "no version", changed({ v: null }));
refuses("version-point-zero", "the version as 1.0", replaced('"v":1', '"v":1.0'));
refuses("version-exponent", "the version as 1e0", replaced('"v":1', '"v":1e0'));
refuses("purpose-other", "the purpose of another ceremony", changed({ purpose: "login" }));
refuses("purpose-case", "the purpose in other letters", changed({ purpose: "Approve" }));
refuses("purpose-empty", "an empty purpose", changed({ purpose: "" }));
refuses("purpose-null", "no purpose", changed({ purpose: null }));
refuses("purpose-list", "both purposes", changed({ purpose: ["approve", "reject"] }));
refuses("purpose-space", "a purpose and a space", changed({ purpose: "approve " }));
for (const key of ["confirmation", "org", "action", "approver", "approverId", "requester",
  "requesterKeyId", "rpId", "origin", "createdAt", "expiresAt", "risk", "salt"]) {
  refuses(`${key}-null`, `${key} is null`, changed({ [key]: null }));
}
refuses("action-number", "a number where a text belongs", changed({ action: 1 }));
refuses("action-list", "a list where a text belongs", changed({ action: ["Deploy to production"] }));
refuses("action-object", "an object where a text belongs", changed({ action: { text: "Deploy" } }));
refuses("created-at-number", "a time as a number", changed({ createdAt: 1795207525123 }));
refuses("salt-bytes", "a salt as a list of bytes", changed({ salt: [0, 1, 2] }));
refuses("risk-false", "false where a text belongs", changed({ risk: false }));
refuses("policy-empty", "an empty policy is none", changed({ policy: "" }));
refuses("policy-false", "false is no policy", changed({ policy: false }));
refuses("policy-number", "a number is no policy", changed({ policy: 0 }));
refuses("policy-text", "the policy itself instead of its hash", changed({ policy: "two of three" }));
refuses("policy-short", "a hash that is too short", changed({ policy: "ab".repeat(31) }));
refuses("policy-long", "a hash that is too long", changed({ policy: "ab".repeat(33) }));
refuses("policy-upper", "a hash in upper case", changed({ policy: "AB".repeat(32) }));
refuses("policy-line", "a hash and a line break", changed({ policy: `${"ab".repeat(32)}\n` }));
refuses("quorum-0", "a quorum of nobody", changed({ quorum: 0 }));
refuses("quorum-negative", "a quorum below nobody", changed({ quorum: -1 }));
refuses("quorum-minus-zero", "a quorum of -0", replaced('"quorum":1', '"quorum":-0'));
refuses("quorum-true", "true, which Python takes for 1", changed({ quorum: true }));
refuses("quorum-text", "a quorum as a text", changed({ quorum: "1" }));
refuses("quorum-null", "no quorum", changed({ quorum: null }));
refuses("quorum-fraction", "a quorum and a half", changed({ quorum: 1.5 }));
refuses("quorum-point-zero", "a quorum as 1.0", replaced('"quorum":1', '"quorum":1.0'));
refuses("quorum-exponent", "a quorum as 1e0", replaced('"quorum":1', '"quorum":1e0'));
refuses("quorum-too-large", "2^53, which stands for two numbers", changed({ quorum: 9007199254740992 }));
refuses("reveal-text", "a text where true or false belongs", changed({ reveal: "false" }));
refuses("reveal-number", "a number where true or false belongs", changed({ reveal: 0 }));
refuses("reveal-null", "neither true nor false", changed({ reveal: null }));
refuses("reveal-upper", "Python's False", replaced('"reveal":false', '"reveal":False'));

writeCases("context", cases);
