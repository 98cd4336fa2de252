// The rules the SDK repeats, held by the vectors that every language runs; and webhook signatures.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { base64url, fromBase64url, hex, sha256 } from "../src/bytes.ts";
import {
  canonicalPayload, challenge48, contextHash, Cosignet, EvidenceRefused, firstUse, parseContext, PayloadRefused,
  pinnedKeys, pinsOf, SetupIncomplete, verifyEvidence, verifyWebhookSignature, type Evidence,
} from "../src/index.ts";
import { parseLogKey, rootOf, verifyHead } from "../src/log.ts";
import { refuteSignature } from "../src/signature.ts";
import { verifyCredential } from "../src/trust.ts";

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

const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

test("proofs lead to the root that they lead to", async () => {
  for (const { inputs, want, desc } of cases("inclusion", 280)) {
    const { leafHash, index, size, proof, root } = inputs;
    if (leafHash === undefined) continue;
    const found = await rootOf(fromHex(leafHash), index, size, proof.map(fromHex));
    assert.equal(found === root, want !== undefined, desc);
  }
});

test("keys of logs are read or refused", () => {
  for (const { inputs, want, desc } of cases("vkey", 20)) {
    if (want === undefined) {
      assert.throws(() => parseLogKey(inputs.vkey), SetupIncomplete, desc);
      continue;
    }
    const { name, id, key } = parseLogKey(inputs.vkey);
    assert.deepEqual({ name, keyId: id, publicKey: hex(key) }, want, desc);
  }
});

test("heads are signed by a key that is known, or refused", async () => {
  for (const { inputs, want, desc } of cases("note", 45)) {
    const keys = inputs.vkeys.map(parseLogKey);
    const isHead = want?.size !== undefined && keys.some((key: any) => key.name === want.origin);
    const head = await verifyHead(inputs.note, keys).catch((error) => error.code);
    const { size, root } = want ?? {};
    assert.deepEqual(head, isHead ? { size, root } : "log_proof", desc);
  }
});

test("a signature is that key's or is refused", async () => {
  for (const { inputs, want, desc } of cases("signature", 95)) {
    const { algorithm, publicKeySpki, signature, data } = inputs;
    const parts = [publicKeySpki, signature, data].map(fromHex) as [any, any, any];
    const why = await refuteSignature(algorithm, ...parts);
    assert.equal(why === undefined, want !== undefined, `${desc} (${algorithm}): ${why}`);
  }
});

const WYCHEPROOF = `${process.env.TEST_VECTORS_DIR ?? "TEST_VECTORS_DIR"}/wycheproof`;
const FILES = { ecdsa_secp256r1_sha256: -7, ed25519: -8, rsa_signature_2048_sha256: -257,
  rsa_signature_3072_sha256: -257, rsa_signature_4096_sha256: -257 };
const absent = !existsSync(WYCHEPROOF) && `Wycheproof's files are not in ${WYCHEPROOF}`;

test("Wycheproof's cases are judged as it says", { skip: absent }, async () => {
  for (const [name, algorithm] of Object.entries(FILES)) {
    const { testGroups } = JSON.parse(readFileSync(`${WYCHEPROOF}/${name}_test.json`, "utf8"));
    for (const { publicKeyDer, publicKey, tests } of testGroups) {
      const isOdd = (publicKey.publicExponent ?? "010001") !== "010001";
      for (const { msg, sig, result, comment } of tests) {
        const parts = [publicKeyDer, sig, msg].map(fromHex) as [any, any, any];
        const why = await refuteSignature(algorithm, ...parts);
        assert.equal(why === undefined, result === "valid" && !isOdd, `${name}: ${comment}: ${why}`);
      }
    }
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

test("webhooks are signed as every receiver expects", () => {
  for (const { inputs, want, desc } of cases("webhook", 11)) {
    const signature = want.headers["Cosignet-Signature"];
    const [secret] = inputs.secrets.slice(-1);
    assert.equal(verifyWebhookSignature({ body: inputs.body, signature, secret }), true, desc);
  }
});

test("evidence is of the confirmation that was asked, and of an approval", async () => {
  const expected = { confirmation: "a" } as any;
  for (const [answer, code] of [
    [{ id: "a", status: "rejected" }, "status"], [{ id: "b", status: "approved" }, "confirmation"],
  ] as const) {
    await assert.rejects(verifyEvidence(answer, expected), { name: "EvidenceRefused", code });
  }
});

function signedBy(publicKeySpki: string, approver = "alex", origin = "https://a.example"): Evidence {
  return { context: { approver, origin }, credential: { id: "id", publicKeySpki } } as any;
}

test("the first use is told loudly, and any other key is refused", async () => {
  const pins = firstUse();
  const said: string[] = [];
  const verify = (evidence: Evidence) => verifyCredential(pins, evidence, (it) => said.push(it));
  await verify(signedBy("one"));
  assert.match(said.join(), /^FIRST USE: .* alex at https:\/\/a\.example/);
  await verify(signedBy("one"));
  await assert.rejects(verify(signedBy("two")), { code: "credential_not_pinned" });
  await verify(signedBy("two", "bob"));
  await verify(signedBy("three", "alex", "https://b.example"));
  assert.equal(said.length, 3);
});

test("where keys are pinned, nothing is believed for the first time", async () => {
  const pin = { origin: "https://a.example", approver: "alex", credential: "id", key: "one" };
  const file = JSON.stringify({ version: 1, pins: [pin] });
  for (const pins of [pinnedKeys({ alex: ["one"] }), pinsOf(file)]) {
    await verifyCredential(pins, signedBy("one"), assert.fail);
    for (const evidence of [signedBy("two"), signedBy("one", "bob"), signedBy("one", "toString")]) {
      const refused = { code: "credential_not_pinned" };
      await assert.rejects(verifyCredential(pins, evidence, assert.fail), refused);
    }
  }
  const elsewhere = signedBy("one", "alex", "https://b.example");
  await assert.rejects(verifyCredential(pinsOf(file), elsewhere, assert.fail), /not among/);
  for (const broken of ["{}", "[]", '{"pins": {}}']) {
    assert.throws(() => pinsOf(broken), SetupIncomplete);
  }
  assert.throws(() => pinsOf("{"), SyntaxError);
});

test("what a server says moves no cursor", () => {
  for (const words of ["\x1b[2K", "\r", "\x9b\u202e", "\u2028"]) {
    assert.match(new EvidenceRefused("x", words).message, /: \\u\{[0-9a-f]+\}/);
    assert.doesNotMatch(new EvidenceRefused("x", words).message, /[\p{C}\p{Zl}]/u);
  }
});

test("what cannot work is said at once", () => {
  for (const baseUrl of ["http://cosignet.example", "ftp://localhost", "x", "http://localhost.example",
    "https://a:b@cosignet.example", "https://cosignet.example/?a", "https://cosignet.example/#a"]) {
    assert.throws(() => new Cosignet({ apiKey: "k", baseUrl }), SetupIncomplete);
  }
  for (const apiKey of ["", undefined, "a\nb"]) {
    assert.throws(() => new Cosignet({ apiKey }), SetupIncomplete);
  }
});
