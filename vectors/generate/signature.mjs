// Writes vectors/signature/: whose signature it is. Keys and nonces come from labels, so that the
// same files are written each time; OpenSSL, within Node, says what holds.
//
//   node vectors/generate/signature.mjs [vectors folder]
import {
  checkPrimeSync, createECDH, createPrivateKey, createPublicKey, sign, verify,
} from "node:crypto";
import { BY_HAND, BY_NODE, sha256, writeCases } from "./cases.mjs";

const ES256 = -7, EDDSA = -8, RS256 = -257;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const DATA = Buffer.from("authenticator data and a hash of client data");
const bytes = (hex) => Buffer.from(hex, "hex");
const even = (hex) => (hex.length % 2 ? `0${hex}` : hex);
const number = (data) => BigInt(`0x${data.toString("hex") || "0"}`);
const flipped = (data, at, bit = 1) => Buffer.from(data.map((one, i) => (i === at ? one ^ bit : one)));
const der = (key) => createPublicKey(key).export({ format: "der", type: "spki" });

function power(base, exponent, modulus) {
  let result = 1n;
  for (let b = base % modulus, e = exponent; e > 0n; e >>= 1n, b = (b * b) % modulus) {
    if (e & 1n) result = (result * b) % modulus;
  }
  return result;
}

// --- ES256: the nonce is given, so that the signature is always the same ---------------------------

function point(scalar, form) {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(bytes(scalar.toString(16).padStart(64, "0")));
  return ecdh.getPublicKey(null, form);
}
const secret = number(sha256("cosignet vectors, ES256")) % N;
const spkiOf = (encoded) => Buffer.concat([
  bytes(encoded.length === 65 ? "3059301306072a8648ce3d020106082a8648ce3d030107034200"
    : "3039301306072a8648ce3d020106082a8648ce3d030107032200"), encoded]);
const ES_KEY = spkiOf(point(secret));

function ecdsa(data, nonce) {
  const k = number(sha256(nonce)) % N;
  const r = number(point(k).subarray(1, 33)) % N;
  return [r, (power(k, N - 2n, N) * (number(sha256(data)) + r * secret)) % N];
}
const whole = (value) => bytes(even(value.toString(16)));
const signed = (data) => (data[0] & 0x80 ? Buffer.concat([Buffer.of(0), data]) : data);
const tlv = (tag, content) => Buffer.concat([Buffer.of(tag, content.length), content]);
const sequence = (...integers) => tlv(0x30, Buffer.concat(integers.map((it) => tlv(2, it))));
const inDer = (r, s) => sequence(signed(whole(r)), signed(whole(s)));
/** A signature whose r (and s) have these first bits, by trying nonces. */
function ecdsaWhere(holds) {
  for (let at = 0; ; at += 1) {
    const [r, s] = ecdsa(DATA, `nonce ${at}`);
    if (holds(r, s)) return [r, s];
  }
}
const HIGH = 1n << 255n;
const [r, s] = ecdsaWhere((one, other) => one < HIGH && other < HIGH && one >> 248n && other >> 248n);
const [highR, highS] = ecdsaWhere((one, other) => one >= HIGH && other >= HIGH);
const [shortR, shortS] = ecdsaWhere((one) => !(one >> 247n));
const ES = inDer(r, s);

// --- EdDSA -----------------------------------------------------------------------------------------

const ED_SECRET = createPrivateKey({ format: "der", type: "pkcs8", key: Buffer.concat(
  [bytes("302e020100300506032b657004220420"), sha256("cosignet vectors, EdDSA")]) });
const ED_KEY = der(ED_SECRET);
const ED = sign(null, DATA, ED_SECRET);
const little = (value) => bytes(value.toString(16).padStart(64, "0")).reverse();
const plusOrder = Buffer.concat([ED.subarray(0, 32),
  little(number(Buffer.from(ED.subarray(32)).reverse()) + ORDER)]);

// --- RS256 -----------------------------------------------------------------------------------------

function prime(label, bits, e) {
  const blocks = Array.from({ length: bits / 256 }, (_, at) => sha256(`${label} ${at}`));
  const top = 3n << BigInt(bits - 2);
  let found = number(Buffer.concat(blocks)) | top | 1n;
  while ((found - 1n) % e === 0n || !checkPrimeSync(found)) found += 2n;
  return found;
}
function inverse(value, modulus) {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return ((x % modulus) + modulus) % modulus;
}
function rsa(label, bits, e = 65537n) {
  const [p, q] = [prime(`${label} p`, bits / 2, e), prime(`${label} q`, bits / 2, e)];
  const d = inverse(e, (p - 1n) * (q - 1n));
  const members = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const key = { kty: "RSA" };
  for (const [name, value] of Object.entries(members)) key[name] = whole(value).toString("base64url");
  return createPrivateKey({ key, format: "jwk" });
}
const rsaKey = rsa("cosignet vectors, RS256", 2048);
const RS_KEY = der(rsaKey);
const RS = sign("sha256", DATA, rsaKey);
/** What is signed (RFC 8017, section 9.2), put together by hand: RSA itself, without any padding. */
function rawRsa(info, fill = 0xff) {
  const start = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(256 - info.length - 3, fill), Buffer.of(0)]);
  const { n, d } = rsaKey.export({ format: "jwk" });
  const [modulus, exponent] = [n, d].map((text) => number(Buffer.from(text, "base64url")));
  const made = power(number(Buffer.concat([start, info])), exponent, modulus);
  return bytes(made.toString(16).padStart(512, "0"));
}
const INFO = Buffer.concat([bytes("3031300d060960864801650304020105000420"), sha256(DATA)]);
const WITHOUT_NULL = Buffer.concat([bytes("302f300b06096086480165030402010420"), sha256(DATA)]);
if (!rawRsa(INFO).equals(RS)) throw new Error("signing by hand is signing otherwise");
const [weak, odd, large] = [rsa("weak", 1024), rsa("odd", 2048, 3n), rsa("large", 4096)];

// --- The cases -------------------------------------------------------------------------------------

const OF = { [ES256]: [ES_KEY, ES], [EDDSA]: [ED_KEY, ED], [RS256]: [RS_KEY, RS] };
const cases = [];
function add(name, desc, algorithm, changes = {}, statedByHand = false) {
  const [key, signature] = OF[algorithm];
  const it = { algorithm, key, data: DATA, signature, ...changes };
  const holds = !statedByHand && openssl(it);
  cases.push({
    name, desc,
    inputs: { algorithm: it.algorithm, publicKeySpki: it.key.toString("hex"),
      data: it.data.toString("hex"), signature: it.signature.toString("hex") },
    ...(holds ? { want: { verified: true } } : { wantErr: "signature_refused" }),
    source: statedByHand ? BY_HAND : BY_NODE,
  });
}
function openssl({ algorithm, key, data, signature }) {
  try {
    const loaded = createPublicKey({ key, format: "der", type: "spki" });
    return verify(algorithm === EDDSA ? null : "sha256", data, loaded, signature);
  } catch {
    return false;
  }
}

for (const [name, algorithm] of Object.entries({ es256: ES256, eddsa: EDDSA, rs256: RS256 })) {
  const [key, signature] = OF[algorithm];
  const last = signature.length - 1;
  add(`${name}-plain`, "as a passkey signs", algorithm);
  add(`${name}-other-data`, "another text by one bit", algorithm, { data: flipped(DATA, 3) });
  add(`${name}-longer-data`, "another text by one byte", algorithm, { data: Buffer.concat([DATA, Buffer.of(0)]) });
  add(`${name}-no-data`, "no text", algorithm, { data: Buffer.alloc(0) });
  add(`${name}-first-bit`, "the first byte of the signature, one bit", algorithm, { signature: flipped(signature, 0) });
  add(`${name}-middle-bit`, "the middle of the signature, one bit", algorithm, { signature: flipped(signature, last >> 1) });
  add(`${name}-last-bit`, "the last byte of the signature, one bit", algorithm, { signature: flipped(signature, last) });
  add(`${name}-cut`, "a signature without its last byte", algorithm, { signature: signature.subarray(0, last) });
  add(`${name}-surplus`, "a signature with a byte behind", algorithm, { signature: Buffer.concat([signature, Buffer.of(0)]) });
  add(`${name}-empty`, "no signature", algorithm, { signature: Buffer.alloc(0) });
  add(`${name}-zeros`, "a signature of zeros", algorithm, { signature: Buffer.alloc(signature.length) });
  add(`${name}-key-bit`, "another key by one bit", algorithm, { key: flipped(key, algorithm === RS256 ? 100 : key.length - 1) });
  add(`${name}-key-cut`, "a key without its last byte", algorithm, { key: key.subarray(0, key.length - 1) }, true);
  add(`${name}-key-surplus`, "a key with a byte behind", algorithm, { key: Buffer.concat([key, Buffer.of(0)]) }, true);
  add(`${name}-no-key`, "no key", algorithm, { key: Buffer.alloc(0) });
  for (const other of [ES256, EDDSA, RS256, -37, -35, 0].filter((it) => it !== algorithm)) {
    add(`${name}-as${other}`, `named as algorithm ${other}`, algorithm, { algorithm: other }, true);
  }
}
const integers = [signed(whole(r)), signed(whole(s))];
const padded = (data) => Buffer.concat([Buffer.of(0), data]);
const es = (name, desc, signature, byHand) => add(`es256-${name}`, desc, ES256, { signature }, byHand);
es("high", "both integers begin with a one bit, and so with a zero byte", inDer(highR, highS));
es("short", "the first integer is shorter", inDer(shortR, shortS));
es("other-half", "n − s signs as well: there is no rule of low s", inDer(r, N - s));
es("raw", "the 64 bytes of IEEE P1363", Buffer.concat([r, s].map((it) => bytes(it.toString(16).padStart(64, "0")))));
es("long-length", "a length in two bytes where one is enough", Buffer.concat([bytes("3081"), ES.subarray(1)]));
es("padded-r", "a superfluous zero before r", sequence(padded(integers[0]), integers[1]));
es("padded-s", "a superfluous zero before s", sequence(integers[0], padded(integers[1])));
es("negative", "integers without the zero that makes them positive", sequence(whole(highR), whole(highS)));
es("r-zero", "r is 0", sequence(Buffer.of(0), integers[1]));
es("s-zero", "s is 0", sequence(integers[0], Buffer.of(0)));
es("r-n", "r is n", inDer(N, s));
es("s-n", "s is n", inDer(r, N));
es("r-plus-n", "r + n", inDer(r + N, s));
es("s-plus-n", "s + n", inDer(r, s + N));
es("swapped", "r and s the other way round", inDer(s, r));
es("inner-surplus", "a third integer", sequence(...integers, Buffer.of(1)));
es("one-integer", "one integer alone", sequence(integers[0]));
es("octets", "octet strings for integers", tlv(0x30, Buffer.concat(integers.map((it) => tlv(4, it)))));
es("set", "a set for the sequence", flipped(ES, 0, 1));
es("empty-integer", "an integer of no bytes", sequence(Buffer.alloc(0), integers[1]));
add("es256-compressed", "the key's point compressed", ES256, { key: spkiOf(point(secret, "compressed")) }, true);
add("es256-off-curve", "the key is no point of the curve", ES256, { key: flipped(ES_KEY, 60) });
add("es256-other-curve", "the key's curve is named secp256k1", ES256, {
  key: Buffer.concat([bytes("3056301006072a8648ce3d020106052b8104000a034200"), point(secret)]) }, true);
add("es256-zero-key", "the key is the point (0, 0)", ES256, { key: spkiOf(Buffer.concat([Buffer.of(4), Buffer.alloc(64)])) });
add("eddsa-plus-order", "s plus the order of the group", EDDSA, { signature: plusOrder });
add("eddsa-null", "the key's algorithm with a NULL", EDDSA, {
  key: Buffer.concat([bytes("302c300706032b65700500032100"), ED_KEY.subarray(12)]) }, true);
add("eddsa-x25519", "the key is one of X25519", EDDSA, {
  key: Buffer.concat([bytes("302a300506032b656e032100"), ED_KEY.subarray(12)]) }, true);
const rs = (name, desc, signature) => add(`rs256-${name}`, desc, RS256, { signature });
rs("no-null", "the hash's algorithm without NULL", rawRsa(WITHOUT_NULL));
rs("other-fill", "the padding is not of ff", rawRsa(INFO, 0xfe));
rs("info-surplus", "a byte behind the hash", rawRsa(Buffer.concat([INFO, Buffer.of(0)])));
rs("sha512", "over SHA-512", sign("sha512", DATA, rsaKey));
rs("sha1", "over SHA-1", sign("sha1", DATA, rsaKey));
rs("leading-zero", "with a zero byte before", Buffer.concat([Buffer.of(0), RS]));
rs("one", "the number 1", Buffer.concat([Buffer.alloc(255), Buffer.of(1)]));
add("rs256-large", "a key of 4096 bits", RS256, { key: der(large), signature: sign("sha256", DATA, large) });
add("rs256-weak", "a key of 1024 bits", RS256, { key: der(weak), signature: sign("sha256", DATA, weak) }, true);
add("rs256-exponent", "a key with exponent 3", RS256, { key: der(odd), signature: sign("sha256", DATA, odd) }, true);
writeCases("signature", cases);
