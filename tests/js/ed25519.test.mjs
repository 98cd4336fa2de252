// The browser's own Ed25519 beside OpenSSL's, on RFC 8032's examples and on what differs by a bit.
import assert from "node:assert/strict";
import {
  createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify,
} from "node:crypto";
import { test } from "node:test";
import { isNative, verifyEd25519 } from "../../src/cosignet/server/web/static/ed25519.js";

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const P = 2n ** 255n - 19n;
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const littleEndian = (value) => bytes(value.toString(16).padStart(64, "0")).reverse();
const keyOf = (raw) => createPublicKey({
  key: Buffer.concat([bytes("302a300506032b6570032100"), raw]), format: "der", type: "spki",
});
const number = (data) => data.reduceRight((value, one) => (value << 8n) | BigInt(one), 0n);
const sha512 = (...parts) => Uint8Array.from(createHash("sha512").update(Buffer.concat(parts)).digest());
const flipped = (data, bit) => data.map((one, at) => (at === bit >> 3 ? one ^ (1 << (bit & 7)) : one));

/** What OpenSSL says; it throws on no key at all. */
function openssl(key, signature, message) {
  try {
    return verify(null, message, keyOf(key), signature);
  } catch {
    return false;
  }
}

// RFC 8032, section 7.1: secret key, message, signature.
const SECRETS = {
  "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60": ["", "e5564300c360ac729086e2"
    + "cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"],
  "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb": ["72", "92a009a9f0d4cab8720e82"
    + "0b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"],
  "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7": ["af82", "6291d657deec24024827"
    + "e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"],
};

test("RFC 8032's examples are verified", async () => {
  for (const [secret, [message, signature]] of Object.entries(SECRETS)) {
    const der = Buffer.concat([bytes("302e020100300506032b657004220420"), bytes(secret)]);
    const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    const raw = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(12);
    assert.equal(await verifyEd25519(raw, bytes(signature), bytes(message)), true);
    assert.equal(sign(null, bytes(message), key).toString("hex"), signature);
  }
});

test("it says what OpenSSL says of signatures and of each that differs by a bit", async () => {
  for (let round = 0; round < 6; round += 1) {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const raw = Uint8Array.from(publicKey.export({ format: "der", type: "spki" }).subarray(12));
    const message = Uint8Array.from({ length: round * 100 }, (_, at) => (at * 37 + round) % 256);
    const signature = Uint8Array.from(sign(null, message, privateKey));
    assert.equal(openssl(raw, signature, message), true);
    assert.equal(await verifyEd25519(raw, signature, message), true);
    for (let bit = round; bit < 512; bit += 23) {
      const other = flipped(signature, bit);
      assert.equal(await verifyEd25519(raw, other, message), openssl(raw, other, message));
      assert.equal(await verifyEd25519(raw, other, message), false);
    }
    for (let bit = round; bit < 256; bit += 23) {
      const other = flipped(raw, bit);
      assert.equal(await verifyEd25519(other, signature, message), openssl(other, signature, message));
    }
    if (round) assert.equal(await verifyEd25519(raw, signature, flipped(message, 5)), false);
  }
});

test("a signature and a key have one encoding", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Uint8Array.from(publicKey.export({ format: "der", type: "spki" }).subarray(12));
  const signature = Uint8Array.from(sign(null, new Uint8Array(3), privateKey));
  const scalar = number(signature.slice(32));
  const more = Uint8Array.from([...signature.slice(0, 32), ...littleEndian(scalar + ORDER)]);
  assert.equal(await verifyEd25519(raw, more, new Uint8Array(3)), false);
  for (const bad of [[], signature.slice(1), Uint8Array.from([...signature, 0])]) {
    assert.equal(await verifyEd25519(raw, Uint8Array.from(bad), new Uint8Array(3)), false);
  }
  assert.equal(await verifyEd25519(raw.slice(1), signature, new Uint8Array(3)), false);
});

test("a point of small order, or beyond the field, signs nothing", async () => {
  // y of all points whose order divides eight, and the same written with y + p where that fits.
  const eighth = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
  for (const y of [0n, 1n, P - 1n, eighth, P - eighth, P, P + 1n]) {
    for (const sign of [0n, 1n]) {
      const point = littleEndian(y | (sign << 255n));
      // Were it accepted, R = point and S = 0 would sign every message, or one in eight.
      const signature = Uint8Array.from([...littleEndian(1n), ...new Uint8Array(32)]);
      const other = Uint8Array.from([...point, ...new Uint8Array(32)]);
      for (let at = 0; at < 8; at += 1) {
        assert.equal(await verifyEd25519(point, signature, Uint8Array.of(at)), false);
        assert.equal(await verifyEd25519(point, other, Uint8Array.of(at)), false);
      }
    }
  }
});

test("the neutral point is refused as a key, and as the point of a signature", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Uint8Array.from(publicKey.export({ format: "der", type: "spki" }).subarray(12));
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(16);
  const secret = sha512(seed).slice(0, 32);
  [secret[0], secret[31]] = [secret[0] & 248, (secret[31] & 127) | 64];
  const neutral = littleEndian(1n), message = Uint8Array.of(1, 2, 3);
  // R = aB, S = a fits the key 0 and any message; R = 0, S = ka fits the key aB: without a check of
  // their orders both are valid.
  const anybody = Uint8Array.from([...raw, ...littleEndian(number(secret) % ORDER)]);
  const k = number(sha512(neutral, raw, message));
  const own = Uint8Array.from([...neutral, ...littleEndian((k * number(secret)) % ORDER)]);

  assert.equal(await verifyEd25519(neutral, anybody, message), false);
  assert.equal(await verifyEd25519(raw, own, message), false);
});

test("whether the browser has its own is found out", async () => {
  assert.equal(await isNative(), true);
  const { importKey } = crypto.subtle;
  for (const [name, found] of [["NotSupportedError", false], ["DataError", true]]) {
    crypto.subtle.importKey = async () => { throw new DOMException("no", name); };
    assert.equal(await isNative(), found);
  }
  crypto.subtle.importKey = importKey;
});
