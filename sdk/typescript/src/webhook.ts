// Webhook signatures. Synchronous on purpose: a promise in an `if` is always true.

import { concat, hex, utf8 } from "./bytes.ts";

const BLOCK_BYTES = 64;

/** Whether `signature` (the header Cosignet-Signature) is the secret's, over the raw body. */
export function verifyWebhookSignature(
  { body, signature, secret }: { body: string | Uint8Array; signature: string; secret: string },
): boolean {
  if (!secret) return false;
  const expected = hex(hmacSha256(utf8(secret), typeof body === "string" ? utf8(body) : body));
  if (typeof signature !== "string" || signature.length !== expected.length) return false;
  let difference = 0;
  for (let at = 0; at < expected.length; at += 1) {
    difference |= expected.charCodeAt(at) ^ signature.charCodeAt(at);
  }
  return difference === 0;
}

/** RFC 2104. */
function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? sha256Now(key) : key);
  const padded = (byte: number) => block.map((one) => one ^ byte);
  return sha256Now(concat(padded(0x5c), sha256Now(concat(padded(0x36), data))));
}

const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0));
/** The first 32 bits of the fractional part of a root. */
const fraction = (root: number) => ((root - Math.floor(root)) * 2 ** 32) >>> 0;
const START = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const ROUNDS = PRIMES.slice(0, 64).map((prime) => fraction(Math.cbrt(prime)));

/** FIPS 180-4, section 6.2. WebCrypto's is asynchronous. */
export function sha256Now(data: Uint8Array): Uint8Array {
  const length = Math.ceil((data.length + 9) / BLOCK_BYTES) * BLOCK_BYTES;
  const message = concat(data, Uint8Array.of(0x80), new Uint8Array(length - data.length - 1));
  const view = new DataView(message.buffer);
  view.setUint32(length - 8, Math.floor(data.length / 2 ** 29));
  view.setUint32(length - 4, data.length << 3);
  const state = Uint32Array.from(START);
  for (let at = 0; at < length; at += BLOCK_BYTES) compress(state, view, at);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setUint32(4 * index, word));
  return new Uint8Array(digest.buffer);
}

function compress(state: Uint32Array, view: DataView, at: number): void {
  const words = new Uint32Array(64);
  const turn = (word: number, by: number) => (word >>> by) | (word << (32 - by));
  for (let t = 0; t < 64; t += 1) {
    const w15 = words[t - 15] ?? 0;
    const w2 = words[t - 2] ?? 0;
    words[t] = t < 16 ? view.getUint32(at + 4 * t)
      : (turn(w2, 17) ^ turn(w2, 19) ^ (w2 >>> 10)) + (words[t - 7] ?? 0)
        + (turn(w15, 7) ^ turn(w15, 18) ^ (w15 >>> 3)) + (words[t - 16] ?? 0);
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < 64; t += 1) {
    const t1 = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g))
      + (ROUNDS[t] ?? 0) + (words[t] ?? 0);
    const t2 = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] = (state[index] ?? 0) + word;
  });
}
