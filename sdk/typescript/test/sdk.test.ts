// The rules the SDK repeats, held by the vectors that every language runs; and webhook signatures.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { base64url, fromBase64url, hex, sha256 } from "../src/bytes.ts";
import {
  canonicalPayload, challenge48, contextHash, Cosignet, parseContext, PayloadRefused,
  SetupIncomplete, verifyWebhookSignature,
} from "../src/index.ts";

const VECTORS = new URL("../../../vectors/", import.meta.url);

function cases(kind: string, least: number) {
  const folder = new URL(`${kind}/`, VECTORS);
  const names = readdirSync(folder);
  assert.ok(names.length >= least);
  return names.map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")));
}

function inputText({ text, textBase64, textParts }: any): string {
  if (textBase64 !== undefined) return Buffer.from(textBase64, "base64").toString("utf8");
  return textParts ? textParts.map(([piece, times]: any) => piece.repeat(times)).join("") : text;
}

test("payloads have the bytes that every language gives them", async () => {
  for (const { inputs, want, desc } of cases("payload", 300)) {
    if (want === undefined) continue;
    const canonical = canonicalPayload(JSON.parse(inputText(inputs)));
    assert.equal(canonical, want.canonical ?? canonical, desc);
    assert.equal(hex(await sha256(canonical)), want.sha256, desc);
  }
});

test("contexts are in their one form or refused", async () => {
  for (const { inputs, want, desc } of cases("context", 110)) {
    assert.equal(parseContext(inputs.text) !== undefined, want !== undefined, desc);
    if (want) assert.equal(hex(await contextHash(inputs.text)), want.contextHash, desc);
  }
});

test("challenges have these bytes", async () => {
  for (const { inputs, want, desc } of cases("challenge", 50)) {
    if (inputs.ceremony !== undefined) continue;
    const hash = await sha256(inputs.payloadText);
    const made = await challenge48(inputs.purpose, inputs.contextText, hash);
    assert.equal(base64url(made), want.challenge, desc);
  }
});

test("what JSON would drop or change is refused", () => {
  const cyclic: any = {};
  cyclic.self = cyclic;
  const holes = [1, , 2];
  const odd = [undefined, () => 1, Symbol("x"), 1n, NaN, Infinity, 2 ** 53, new Date(), new Map(),
    new Uint8Array(1), "\ud800", holes, cyclic, Object.assign([1], { more: 1 }),
    { [Symbol("x")]: 1 }, { get now() { return 1; } }, { toJSON: () => 1 }, Object.create({ a: 1 })];
  for (const value of odd) assert.throws(() => canonicalPayload({ value }), PayloadRefused);
  for (const top of [null, [], "x", 1, new Map()]) {
    assert.throws(() => canonicalPayload(top), PayloadRefused);
  }
  assert.throws(() => canonicalPayload({ "\udc00": 1 }), /payload\./);
  assert.equal(canonicalPayload({ b: -0, 10: 1e21 / 1e19, toJSON: 1 }), '{"10":100,"b":0,"toJSON":1}');
});

test("base64url has one spelling", () => {
  for (let length = 0; length < 70; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length) & 255);
    assert.equal(base64url(bytes), Buffer.from(bytes).toString("base64url"));
    assert.deepEqual(fromBase64url(base64url(bytes)), bytes);
  }
  for (const text of ["A", "AB", "AA==", "A+", "A/", "AA A", "AAB"]) {
    assert.equal(fromBase64url(text), undefined, text);
  }
});

test("webhook signatures are answered at once, by a boolean", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    for (const secret of ["s", "whsec_" + "A".repeat(44), "k".repeat(64), "k".repeat(65)]) {
      const body = "é".repeat(length);
      const signature = createHmac("sha256", secret).update(body).digest("hex");
      assert.equal(verifyWebhookSignature({ body, signature, secret }), true);
      assert.equal(verifyWebhookSignature({ body: Buffer.from(body), signature, secret }), true);
      assert.equal(verifyWebhookSignature({ body: `${body} `, signature, secret }), false);
      assert.equal(verifyWebhookSignature({ body, signature, secret: `${secret}x` }), false);
      assert.equal(verifyWebhookSignature({ body, signature: signature.slice(1), secret }), false);
      assert.equal(verifyWebhookSignature({ body, signature: "", secret }), false);
      const flipped = (signature[0] === "0" ? "1" : "0") + signature.slice(1);
      assert.equal(verifyWebhookSignature({ body, signature: flipped, secret }), false);
    }
  }
  const signature = createHmac("sha256", "").update("x").digest("hex");
  assert.equal(verifyWebhookSignature({ body: "x", signature, secret: "" }), false);
});

test("what cannot work is said at once", () => {
  for (const baseUrl of ["http://cosignet.example", "ftp://localhost", "x", "http://localhost.example"]) {
    assert.throws(() => new Cosignet({ apiKey: "k", baseUrl }), SetupIncomplete);
  }
  for (const apiKey of ["", undefined, "a\nb"]) {
    assert.throws(() => new Cosignet({ apiKey }), SetupIncomplete);
  }
});
