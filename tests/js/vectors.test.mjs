// Every case of vectors/ in JavaScript: against the browser's own code where it has the rule
// (static/verify.js), against JSON.parse and JSON.stringify themselves where they are the rule.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import {
  base64url, challenge48, contextHash, hex, Mismatch, parseContext, payloadHash, sha256, utf8,
} from "../../src/cosignet/server/web/static/verify.js";
import { verifyEd25519 } from "../../src/cosignet/server/web/static/ed25519.js";

const VECTORS = new URL("../../vectors/", import.meta.url);
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
// Refused although JSON.parse takes it: what it would make of it is not what everybody sees.
const TAKEN = new Set(["payload_duplicate_key", "payload_number_too_large",
  "payload_number_inexact", "payload_number_too_long", "payload_lone_surrogate",
  "payload_not_object", "payload_too_deep", "payload_too_many_values", "payload_too_large"]);

/** Run a check on every case of a kind, each a test of its own. */
function each(kind, least, check) {
  const folder = new URL(`${kind}/`, VECTORS);
  const names = readdirSync(folder).sort();
  test(`there are cases of ${kind}`, () => assert.ok(names.length >= least));
  for (const name of names) {
    const read = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
    test(`${kind}/${name}: ${read.desc}`, () => check(read));
  }
}

function inputBytes({ text, textBase64, textParts }) {
  if (textBase64 !== undefined) return Uint8Array.from(atob(textBase64), (c) => c.charCodeAt(0));
  if (textParts) return utf8(textParts.map(([piece, times]) => piece.repeat(times)).join(""));
  return utf8(text);
}

const decode = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const rewritten = (text) => JSON.stringify(JSON.parse(text));
const sha256Hex = async (...parts) => hex(await sha256(...parts));

// --- Payloads -----------------------------------------------------------------------------------

each("payload", 300, async ({ inputs, want, wantErr }) => {
  const bytes = inputBytes(inputs);
  if (wantErr) return refused(bytes, wantErr);
  const canonical = rewritten(decode(bytes));
  assert.equal(canonical, want.canonical ?? canonical);
  assert.equal(utf8(canonical).length, want.bytes);
  assert.equal(hex(await payloadHash(canonical)), want.sha256);
  assert.equal(rewritten(canonical), canonical);
  assert.equal(deepest(JSON.parse(canonical)) <= 64, true);
  assert.equal(leaves(JSON.parse(canonical)) <= 500, true);
});

/** What JavaScript itself can say about a refusal. */
function refused(bytes, code) {
  if (code === "payload_not_utf8") return assert.throws(() => decode(bytes), TypeError);
  if (code === "payload_byte_order_mark") {
    return assert.deepEqual([...bytes.slice(0, 3)], BYTE_ORDER_MARK);
  }
  const text = decode(bytes);
  if (!TAKEN.has(code)) return assert.throws(() => JSON.parse(text), SyntaxError);
  const value = JSON.parse(text);
  const says = {
    payload_duplicate_key: () => keys(value) < text.match(/":/g).length,
    payload_number_too_large: () => numbers(value).some((n) => !(Math.abs(n) < 2 ** 53)),
    payload_lone_surrogate: () => /\\ud[89a-f]/.test(JSON.stringify(value)),
    payload_not_object: () => value === null || typeof value !== "object" || Array.isArray(value),
    payload_too_deep: () => deepest(value) > 64,
    payload_too_many_values: () => leaves(value) > 500,
    payload_too_large: () => utf8(JSON.stringify(value)).length > 65536,
  };
  return assert.ok(says[code]?.() ?? numbers(value).length > 0);
}

const inner = (value) => (typeof value === "object" && value !== null ? Object.values(value) : []);

/** Every value below and including this one, with its depth; not recursive. */
function* walk(value) {
  const stack = [[value, 1]];
  while (stack.length > 0) {
    const [here, depth] = stack.pop();
    yield [here, depth];
    for (const item of inner(here)) stack.push([item, depth + 1]);
  }
}

const containers = (value) =>
  [...walk(value)].filter(([here]) => typeof here === "object" && here !== null);
const deepest = (value) => Math.max(...containers(value).map(([, depth]) => depth));
const leaves = (value) => [...walk(value)].filter(([here]) => inner(here).length === 0).length;
const numbers = (value) =>
  [...walk(value)].map(([here]) => here).filter((here) => typeof here === "number");
const keys = (value) => containers(value).filter(([here]) => !Array.isArray(here))
  .reduce((count, [here]) => count + Object.keys(here).length, 0);

// --- Context and challenge ----------------------------------------------------------------------

each("context", 110, async ({ inputs, want, wantErr }) => {
  if (wantErr) {
    assert.equal(wantErr, "context_malformed");
    assert.throws(() => parseContext(inputs.text), Mismatch);
    return;
  }
  assert.equal(JSON.stringify(parseContext(inputs.text)), inputs.text);
  const hash = hex(await contextHash(inputs.text));
  assert.equal(hash, want.contextHash);
  assert.equal(hash.slice(0, 32), want.nonce);
});

each("challenge", 50, async ({ inputs, want }) => {
  if (inputs.ceremony) {
    const random = Uint8Array.from(Buffer.from(inputs.random, "base64url"));
    const challenge = await sha256(`cosignet/${inputs.ceremony}/v1\n`, random);
    assert.equal(base64url(challenge), want.challenge);
    return;
  }
  const challenge = await challenge48(inputs.payloadText, inputs.contextText);
  assert.equal(challenge.length, 48);
  assert.equal(base64url(challenge), want.challenge);
  assert.equal(hex(await payloadHash(inputs.payloadText)), want.payloadHash);
});

// --- Leaves -------------------------------------------------------------------------------------

const DECISION = ["v", "kind", "salt", "evidence", "payloadHash", "decidedAt", "signatures"];
const CREDENTIAL = ["v", "kind", "salt", "org", "approver", "approverId", "credentialId",
  "credentialKeyHash", "enrolledBy", "at", "proof"];
const MEMBERS = {
  approval: DECISION,
  rejection: DECISION,
  credential: CREDENTIAL,
  credential_revoked: CREDENTIAL,
  consumption: ["v", "kind", "salt", "evidence", "tokenHash", "keyId", "at"],
  outcome: ["v", "kind", "salt", "evidence", "result", "at"],
  asset_manifest: ["v", "kind", "salt", "release", "files", "at"],
  log_key: ["v", "kind", "salt", "vkey", "at"],
};
const SIGNATURE = ["contextHash", "credentialKeyHash", "assertionHash"];

each("opening", 25, async ({ inputs, want }) => {
  assert.equal(rewritten(want.text), want.text);
  assert.equal(await sha256Hex(want.text), want.sha256);
  const opening = JSON.parse(want.text);
  assert.deepEqual(Object.keys(opening), MEMBERS[inputs.kind]);
  const paths = Object.keys(opening.files ?? {});
  assert.deepEqual(paths, [...paths].sort());
  for (const signature of opening.signatures ?? []) {
    assert.deepEqual(Object.keys(signature), SIGNATURE);
  }
  assert.deepEqual({ ...opening, ...asWritten(inputs) }, opening);
});

/** The inputs of an opening in the spellings of its text. */
function asWritten(inputs) {
  const written = { ...inputs, v: 1 };
  for (const key of ["salt", "credentialId"]) {
    if (key in inputs) written[key] = base64url(fromHex(inputs[key]));
  }
  for (const key of ["decidedAt", "at"]) {
    if (key in inputs) written[key] = new Date(inputs[key]).toISOString();
  }
  return written;
}

each("entry", 15, async ({ inputs, want }) => {
  assert.equal(rewritten(want.text), want.text);
  assert.equal(await sha256Hex(want.text), want.sha256);
  const entry = JSON.parse(want.text);
  assert.deepEqual(Object.keys(entry), ["v", "t", "c", "o"]);
  assert.equal(entry.t % 60, 0);
  assert.ok(inputs.at - entry.t * 1000 >= 0 && inputs.at - entry.t * 1000 < 60_000);
  const commitment = await sha256(inputs.opening);
  assert.equal(entry.c, base64url(commitment));
  assert.equal(entry.o, base64url((await hmac(fromHex(inputs.monitorKey), commitment)).slice(0, 16)));
});

async function hmac(key, bytes) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytes));
}

each("assertion", 10, async ({ inputs, want }) => {
  const parts = [inputs.clientDataJSON, inputs.authenticatorData, inputs.signature];
  const hashes = await Promise.all(parts.map((part) => sha256(fromHex(part))));
  assert.equal(await sha256Hex(...hashes), want.sha256);
});

// Where a browser has no Ed25519 of its own; the other kinds of key it leaves to WebCrypto.
const ED25519_SPKI = /^302a300506032b6570032100([0-9a-f]{64})$/;
each("signature", 95, async ({ inputs, want }) => {
  const [, key] = ED25519_SPKI.exec(inputs.publicKeySpki) ?? [];
  if (inputs.algorithm !== -8 || key === undefined) return;
  const parts = [key, inputs.signature, inputs.data].map((text) => Buffer.from(text, "hex"));
  const found = await verifyEd25519(...parts.map((part) => Uint8Array.from(part)));
  assert.equal(found, want !== undefined);
});
