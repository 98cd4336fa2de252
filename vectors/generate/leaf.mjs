// Writes vectors/opening/, vectors/entry/ and vectors/assertion/: the bytes of log leaves. Bytes in
// the inputs are hexadecimal, times unix milliseconds.
//
//   node vectors/generate/leaf.mjs [vectors folder]
import { createHmac } from "node:crypto";
import { BY_NODE, sha256, writeCases } from "./cases.mjs";

const base64url = (hex) => Buffer.from(hex, "hex").toString("base64url");
const rfc3339 = (milliseconds) => new Date(milliseconds).toISOString();
const fill = (byte) => byte.repeat(32);
/** 32 bytes that look like a hash, one for each text. */
const hash = (text) => sha256(text).toString("hex");

// --- Openings -----------------------------------------------------------------------------------

const openings = [];

function discloses(name, desc, inputs, text) {
  const want = { text, sha256: sha256(text).toString("hex") };
  openings.push({ name, desc, inputs, want, source: BY_NODE });
}

const SIGNATURE = {
  contextHash: hash("context"),
  credentialKeyHash: hash("key"),
  assertionHash: hash("assertion"),
};
const DECISION = {
  kind: "approval",
  salt: hash("salt"),
  evidence: "7b1f4c20-93ad-4e65-8f0b-25c6d8e1a794",
  payloadHash: hash("payload"),
  decidedAt: 1795207525123,
  signatures: [SIGNATURE],
};

function decides(name, desc, changes = {}) {
  const inputs = { ...DECISION, ...changes };
  discloses(name, desc, inputs, JSON.stringify({
    v: 1,
    kind: inputs.kind,
    salt: base64url(inputs.salt),
    evidence: inputs.evidence,
    payloadHash: inputs.payloadHash,
    decidedAt: rfc3339(inputs.decidedAt),
    signatures: inputs.signatures.map((signature) => ({
      contextHash: signature.contextHash,
      credentialKeyHash: signature.credentialKeyHash,
      assertionHash: signature.assertionHash,
    })),
  }));
}

const SECOND = {
  contextHash: hash("second context"),
  credentialKeyHash: hash("second key"),
  assertionHash: hash("second assertion"),
};
decides("approval", "an approval by one signature");
decides("rejection", "a signed rejection", { kind: "rejection" });
decides("approval-two-signatures", "an approval by two signatures, one leaf", { signatures: [SIGNATURE, SECOND] });
decides("approval-two-signatures-swapped", "the order of the signatures counts", { signatures: [SECOND, SIGNATURE] });
decides("approval-salt-digit", "one digit of the salt", { salt: hash("salt").replace(/.$/, (d) => (d === "0" ? "1" : "0")) });
decides("approval-salt-alphabet", "a salt that needs the whole alphabet of base64url", { salt: fill("fb") });
decides("approval-salt-zeros", "leading zeros are bytes", { salt: fill("00"), payloadHash: fill("00") });
decides("approval-evidence", "another evidence id", { evidence: "7b1f4c20-93ad-4e65-8f0b-25c6d8e1a795" });
decides("approval-payload", "another payload", { payloadHash: hash("payload ") });
decides("approval-millisecond", "a millisecond later", { decidedAt: DECISION.decidedAt + 1 });
decides("approval-whole-second", "a whole second keeps its milliseconds", { decidedAt: 1795207525000 });
decides("approval-one-millisecond", "milliseconds keep their zeros", { decidedAt: 1795207525001 });
decides("approval-epoch", "the first millisecond there is", { decidedAt: 0 });
decides("approval-leap-day", "the last millisecond of a leap day", { decidedAt: Date.UTC(2028, 1, 29, 23, 59, 59, 999) });
decides("approval-context-swapped", "two hashes of a signature swapped",
  { signatures: [{ ...SIGNATURE, contextHash: SIGNATURE.credentialKeyHash, credentialKeyHash: SIGNATURE.contextHash }] });
decides("approval-assertion", "another assertion over the same",
  { signatures: [{ ...SIGNATURE, assertionHash: SECOND.assertionHash }] });
decides("approval-other-key", "another key", { signatures: [{ ...SIGNATURE, credentialKeyHash: SECOND.credentialKeyHash }] });

const CREDENTIAL = {
  kind: "credential",
  salt: hash("credential's salt"),
  org: "default",
  approver: "alex",
  approverId: "c2a7d1e0-5b38-49f6-8e27-1d04b6f9a35c",
  credentialId: "fbff00112233445566778899aabbccdd",
  credentialKeyHash: hash("key"),
  enrolledBy: "operator",
  at: 1795207525123,
  proof: hash("practice assertion"),
};

function enrols(name, desc, changes = {}) {
  const inputs = { ...CREDENTIAL, ...changes };
  discloses(name, desc, inputs, JSON.stringify({
    v: 1,
    kind: inputs.kind,
    salt: base64url(inputs.salt),
    org: inputs.org,
    approver: inputs.approver,
    approverId: inputs.approverId,
    credentialId: base64url(inputs.credentialId),
    credentialKeyHash: inputs.credentialKeyHash,
    enrolledBy: inputs.enrolledBy,
    at: rfc3339(inputs.at),
    proof: inputs.proof,
  }));
}

enrols("credential", "a passkey that was tried once");
enrols("credential-without-proof", "a passkey that was not tried", { proof: null });
enrols("credential-other-proof", "another practice assertion", { proof: hash("practice assertion ") });
enrols("credential-id-short", "an id of one byte", { credentialId: "00" });
enrols("credential-id-long", "an id of 1,023 bytes", { credentialId: "a5".repeat(1023) });
enrols("credential-key", "another key under the same id", { credentialKeyHash: hash("another key") });
enrols("credential-approver", "another approver", { approver: "alexa" });
enrols("credential-approver-id", "another approver of the same name",
  { approverId: "c2a7d1e0-5b38-49f6-8e27-1d04b6f9a35d" });
enrols("credential-org", "another organisation", { org: "demo" });
enrols("credential-enrolled-by", "enrolled by somebody else", { enrolledBy: "key:91be64d7-0f2a-4d83-a5c9-7e36f8120bd4" });
enrols("credential-texts", "texts are escaped as everywhere", { enrolledBy: 'a "b" \\ \u2028\u{1f600}\n/' });
enrols("credential-later", "a day later", { at: CREDENTIAL.at + 86_400_000 });

enrols("credential-revoked", "a passkey that has ended", { kind: "credential_revoked", proof: null });
enrols("credential-revoked-later", "the same a millisecond later",
  { kind: "credential_revoked", proof: null, at: CREDENTIAL.at + 1 });

/** Whatever is said about a decision later, or about the log itself: members in this order. */
function tells(name, desc, inputs, members) {
  discloses(name, desc, inputs, JSON.stringify({ v: 1, kind: inputs.kind, salt: base64url(inputs.salt), ...members, at: rfc3339(inputs.at) }));
}

const CONSUMPTION = {
  kind: "consumption", salt: hash("consumption's salt"), evidence: DECISION.evidence,
  tokenHash: hash("token"), keyId: "91be64d7-0f2a-4d83-a5c9-7e36f8120bd4", at: 1795207526123,
};
function consumes(name, desc, changes = {}) {
  const inputs = { ...CONSUMPTION, ...changes };
  tells(name, desc, inputs, { evidence: inputs.evidence, tokenHash: inputs.tokenHash, keyId: inputs.keyId });
}
consumes("consumption", "an approval that was used");
consumes("consumption-token", "by another run", { tokenHash: hash("token ") });
consumes("consumption-key", "by another key", { keyId: "91be64d7-0f2a-4d83-a5c9-7e36f8120bd5" });
consumes("consumption-evidence", "of another decision", { evidence: "7b1f4c20-93ad-4e65-8f0b-25c6d8e1a795" });
consumes("consumption-epoch", "the first millisecond there is", { at: 0 });

const OUTCOME = { kind: "outcome", salt: hash("outcome's salt"), evidence: DECISION.evidence, result: "executed", at: 1795207527123 };
for (const result of ["executed", "failed", "unknown"]) {
  tells(`outcome-${result}`, `an action that ended so: ${result}`, { ...OUTCOME, result }, { evidence: OUTCOME.evidence, result });
}

const MANIFEST = {
  kind: "asset_manifest", salt: hash("manifest's salt"), release: "0.1.0",
  files: { "static/b.js": hash("b"), "static/a.js": hash("a"), "static/Z.css": hash("Z"), "static/\u00fc.svg": hash("u") }, at: 1795207528123,
};
const inOrder = (files) => Object.fromEntries(Object.keys(files).sort().map((path) => [path, files[path]]));
for (const [name, desc, changes] of [
  ["asset-manifest", "files in the order of their paths", {}],
  ["asset-manifest-none", "a release without files", { files: {} }],
  ["asset-manifest-file", "one file changed", { files: { ...MANIFEST.files, "static/b.js": hash("b ") } }],
  ["asset-manifest-release", "another release", { release: "0.2.0" }],
]) {
  const inputs = { ...MANIFEST, ...changes };
  tells(name, desc, inputs, { release: inputs.release, files: inOrder(inputs.files) });
}

const VKEY = "confirm.example/public/log+1c9b2a44+AbQ6Y0xpZmUgaXMgc2hvcnQsIHRoZSBhcnQgbG9uZy4h";
for (const [name, desc, vkey] of [
  ["log-key", "another key of the log", VKEY], ["log-key-other", "yet another", VKEY.replace("1c9b", "1c9c")],
]) {
  const inputs = { kind: "log_key", salt: hash("key's salt"), vkey, at: 1795207529123 };
  tells(name, desc, inputs, { vkey });
}

writeCases("opening", openings);

// --- Entries ------------------------------------------------------------------------------------

const entries = [];
const OPENING = openings[0].want.text;
const KEY = hash("monitor key");

function publishes(name, desc, { opening = OPENING, at, monitorKey = KEY }) {
  const commitment = sha256(opening);
  const tag = createHmac("sha256", Buffer.from(monitorKey, "hex")).update(commitment).digest().subarray(0, 16);
  const text = JSON.stringify({
    v: 1,
    t: new Date(at).setUTCSeconds(0, 0) / 1000,
    c: commitment.toString("base64url"),
    o: tag.toString("base64url"),
  });
  const want = { text, sha256: sha256(text).toString("hex") };
  entries.push({ name, desc, inputs: { opening, at, monitorKey }, want, source: BY_NODE });
}

const MINUTE = Date.UTC(2026, 10, 20, 20, 45);
publishes("first-millisecond", "the first millisecond of a minute", { at: MINUTE });
publishes("second-millisecond", "a millisecond later: the same entry", { at: MINUTE + 1 });
publishes("last-second", "the last whole second of the minute: the same entry", { at: MINUTE + 59_000 });
publishes("last-millisecond", "its last millisecond: the same entry", { at: MINUTE + 59_999 });
publishes("next-minute", "the first millisecond of the next", { at: MINUTE + 60_000 });
publishes("epoch", "the first minute there is", { at: 0 });
publishes("epoch-last", "the last millisecond of it", { at: 59_999 });
publishes("epoch-next", "the first millisecond of the second", { at: 60_000 });
publishes("far", "the end of the year 9999", { at: Date.UTC(9999, 11, 31, 23, 59, 59, 999) });
publishes("other-opening", "another opening of the same minute", { opening: openings[1].want.text, at: MINUTE });
publishes("opening-space", "an opening with one character more", { opening: `${OPENING} `, at: MINUTE });
publishes("opening-unicode", "an opening beyond ASCII: its UTF-8 counts",
  { opening: openings.find(({ name }) => name === "credential-texts").want.text, at: MINUTE });
publishes("other-organisation", "the same opening in another organisation: only the tag differs",
  { monitorKey: hash("another monitor key"), at: MINUTE });
publishes("key-digit", "one digit of the monitor key",
  { monitorKey: KEY.replace(/.$/, (d) => (d === "0" ? "1" : "0")), at: MINUTE });
publishes("key-block", "a key as long as a block of SHA-256", { monitorKey: "5a".repeat(64), at: MINUTE });
publishes("key-beyond-block", "a key longer than a block", { monitorKey: "5a".repeat(65), at: MINUTE });

writeCases("entry", entries);

// --- Assertion hashes ---------------------------------------------------------------------------

const assertions = [];
const CLIENT_DATA = Buffer.from(JSON.stringify({
  type: "webauthn.get", challenge: "AAECAwQFBgcICQoLDA0ODw", origin: "https://confirm.example", crossOrigin: false,
}));
const PARTS = {
  clientDataJSON: CLIENT_DATA.toString("hex"),
  authenticatorData: `${hash("confirm.example")}0500000007`,
  signature: "3006020101020102",
};

function hashes(name, desc, changes = {}) {
  const inputs = { ...PARTS, ...changes };
  const parts = [inputs.clientDataJSON, inputs.authenticatorData, inputs.signature];
  const want = { sha256: sha256(...parts.map((part) => sha256(Buffer.from(part, "hex")))).toString("hex") };
  assertions.push({ name, desc, inputs, want, source: BY_NODE });
}

hashes("plain", "an assertion");
hashes("swapped-first", "client data and authenticator data swapped",
  { clientDataJSON: PARTS.authenticatorData, authenticatorData: PARTS.clientDataJSON });
hashes("swapped-last", "authenticator data and signature swapped",
  { authenticatorData: PARTS.signature, signature: PARTS.authenticatorData });
hashes("moved-byte", "a byte moved over the boundary: each part is hashed by itself",
  { authenticatorData: PARTS.authenticatorData + PARTS.signature.slice(0, 2), signature: PARTS.signature.slice(2) });
hashes("client-data-space", "client data with a space", { clientDataJSON: `${PARTS.clientDataJSON}20` });
hashes("flags-bit", "user verified no longer set",
  { authenticatorData: PARTS.authenticatorData.replace(/05(00000007)$/, "01$1") });
hashes("counter", "the counter one further", { authenticatorData: PARTS.authenticatorData.replace(/7$/, "8") });
hashes("signature-bit", "one bit of the signature", { signature: PARTS.signature.replace(/2$/, "3") });
hashes("signature-trailing", "a byte after the signature", { signature: `${PARTS.signature}00` });
hashes("signature-empty", "no signature", { signature: "" });
hashes("empty", "three empty parts", { clientDataJSON: "", authenticatorData: "", signature: "" });
hashes("not-utf-8", "client data that is no text", { clientDataJSON: "ff00c0" });

writeCases("assertion", assertions);
