// What the browser checks before a passkey may sign. Expected bytes come from node:crypto.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  base64url, challenge48, checkData, checkOptions, contextHash, hex, Mismatch, parseContext,
  payloadHash,
} from "../../src/cosignet/server/web/static/verify.js";

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const ID = "0b0e7f5e-6d1c-4b7a-9a60-1f6f0f5a7c01";
const HERE = { id: ID, origin: "https://confirm.example", host: "confirm.example" };
const BASE = {
  v: 1,
  purpose: "approve",
  confirmation: ID,
  org: "default",
  action: "Überweisung → Müller",
  approver: "alex",
  approverId: "6a3f1f0e-2f52-4b0b-8a55-0d9a1f1f7b02",
  requester: "bot",
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
const PAYLOAD = '{"to":"Müller","amount":4200,"note":"\u2028😀"}';
const contextText = (changes = {}) => JSON.stringify({ ...BASE, ...changes });
const rejectText = (changes = {}) => contextText({ purpose: "reject", salt: "other", ...changes });
const data = (changes = {}) => ({
  payloadText: PAYLOAD,
  payloadHash: sha256(PAYLOAD).toString("hex"),
  context: contextText(),
  rejectContext: rejectText(),
  ...changes,
});
const options = (changes = {}) => ({
  challenge: "AAAA",
  rpId: "confirm.example",
  timeout: 60000,
  userVerification: "required",
  allowCredentials: [],
  ...changes,
});
const EXPECTED = { challenge: new Uint8Array(3), rpId: "confirm.example" };

test("hashes are SHA-256 over the UTF-8 bytes, the context's under its own name", async () => {
  assert.equal(hex(await payloadHash(PAYLOAD)), sha256(PAYLOAD).toString("hex"));
  const context = contextText();
  assert.equal(hex(await contextHash(context)),
    sha256("cosignet/context/v1\n", context).toString("hex"));
});

test("an approval's challenge is half of the context's hash and all of the payload's", async () => {
  const nonce = sha256("cosignet/context/v1\n", contextText()).subarray(0, 16);
  const want = Buffer.concat([nonce, sha256(PAYLOAD)]);
  assert.equal(want.length, 48);
  assert.deepEqual(Buffer.from(await challenge48(PAYLOAD, contextText())), want);
});

test("a rejection's challenge never ends in the payload's hash", async () => {
  const nonce = sha256("cosignet/context/v1\n", rejectText()).subarray(0, 16);
  const want = Buffer.concat([nonce, sha256("cosignet/reject/v1\n", sha256(PAYLOAD))]);
  assert.deepEqual(Buffer.from(await challenge48(PAYLOAD, rejectText())), want);
});

test("base64url is unpadded and in its own alphabet", () => {
  for (let length = 0; length < 70; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + 251) % 256);
    assert.equal(base64url(bytes), Buffer.from(bytes).toString("base64url"));
  }
  assert.equal(base64url(Uint8Array.of(251, 255)), "-_8");
});

test("honest data gives both challenges", async () => {
  const checked = await checkData(data(), HERE);
  assert.equal(checked.context.action, BASE.action);
  assert.deepEqual(checked.approve, await challenge48(PAYLOAD, contextText()));
  assert.deepEqual(checked.reject, await challenge48(PAYLOAD, rejectText()));
  assert.equal(hex(checked.payloadHash), data().payloadHash);
});

const tampered = {
  "one byte of the payload": { payloadText: PAYLOAD.replace("4200", "4201") },
  "one digit of the fingerprint": { payloadHash: data().payloadHash.replace(/^./, "z") },
  "a fingerprint in capitals": { payloadHash: data().payloadHash.toUpperCase() },
  "no fingerprint": { payloadHash: undefined },
  "another confirmation": both({ confirmation: "other" }),
  "another site's origin": both({ origin: "https://confirm.example.evil" }),
  "another site's passkey": both({ rpId: "example" }),
  "a title in the rejection only": { rejectContext: rejectText({ action: "Nothing" }) },
  "an approver in the approval only": { context: contextText({ approver: "bob" }) },
  "a deadline in one of them": { rejectContext: rejectText({ expiresAt: BASE.createdAt }) },
  "two approvals": { rejectContext: contextText() },
  "two rejections": { context: rejectText() },
  "the two swapped": { context: rejectText(), rejectContext: contextText() },
  "no rejection": { rejectContext: null },
  "a context that is no text": { context: BASE },
};

function both(changes) {
  return { context: contextText(changes), rejectContext: rejectText(changes) };
}

for (const [what, changes] of Object.entries(tampered)) {
  test(`data is refused: ${what}`, async () => {
    await assert.rejects(checkData(data(changes), HERE), Mismatch);
  });
}

const { salt, ...withoutSalt } = BASE;
const malformed = {
  "no JSON": "{",
  null: "null",
  "a list": "[]",
  "white space": JSON.stringify(BASE, null, 1),
  "a needless escape": contextText().replace("alex", "\\u0061lex"),
  "a key too few": JSON.stringify(withoutSalt),
  "a key too many": contextText({ note: "" }),
  "another order": JSON.stringify({ salt, ...withoutSalt }),
  "a key twice": contextText().replace('"v":1,', '"v":1,"v":1,'),
  "version 2": contextText({ v: 2 }),
  "version true": contextText({ v: true }),
  "purpose login": contextText({ purpose: "login" }),
  "quorum 0": contextText({ quorum: 0 }),
  "quorum 1.5": contextText({ quorum: 1.5 }),
  "reveal as a text": contextText({ reveal: "no" }),
  "a policy that is a number": contextText({ policy: 1 }),
  "an approver that is null": contextText({ approver: null }),
};

for (const [what, text] of Object.entries(malformed)) {
  test(`a context is refused: ${what}`, () => {
    assert.throws(() => parseContext(text), Mismatch);
  });
}

test("options are handed on with what is expected in them, and nothing else", () => {
  const given = options({ extensions: { appid: "x" }, hints: ["hybrid"], mediation: "silent" });
  assert.deepEqual(checkOptions(given, EXPECTED), options());
  for (const timeout of ["soon", 0, -1, 1.5, undefined]) {
    assert.equal(checkOptions(options({ timeout }), EXPECTED).timeout, 120_000);
  }
});

const otherOptions = {
  "another challenge": { challenge: "AAAB" },
  "a padded challenge": { challenge: "AAAA=" },
  "another site": { rpId: "example" },
  "no site": { rpId: undefined },
  "verification left to the device": { userVerification: "preferred" },
  "one particular passkey": { allowCredentials: [{ type: "public-key", id: "AAAA" }] },
  "no list of passkeys": { allowCredentials: undefined },
};

for (const [what, changes] of Object.entries(otherOptions)) {
  test(`options are refused: ${what}`, () => {
    assert.throws(() => checkOptions(options(changes), EXPECTED), Mismatch);
  });
}
