// Ed25519 signatures (RFC 8032, section 5.1) for browsers whose WebCrypto has none. Verified only:
// there is no secret here whose use could be timed. Runs in a page and in Node alike.

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);
// Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z.
const NEUTRAL = [0n, 1n, 1n, 0n];
const BASE = pointOf(mod(4n * power(5n, P - 2n)), 0n);

/** Whether a signature over a message is that of a public key; all three are bytes. */
export async function verifyEd25519(publicKey, signature, message) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const encoded = signature.slice(0, 32);
  const key = decompress(publicKey), point = decompress(encoded);
  const scalar = number(signature.slice(32));
  if (key === null || point === null || scalar >= ORDER) return false;
  // Of small order: then everybody could sign. (WebCrypto's Ed25519 refuses these, too.)
  if (isSame(times(8n, key), NEUTRAL) || isSame(times(8n, point), NEUTRAL)) return false;
  const hashed = Uint8Array.from([...encoded, ...publicKey, ...message]);
  const digest = number(new Uint8Array(await crypto.subtle.digest("SHA-512", hashed)));
  return isSame(times(scalar, BASE), add(point, times(digest % ORDER, key)));
}

/** Whether WebCrypto has it here; older browsers do not. */
export async function isNative() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32), "Ed25519", false, ["verify"]);
    return true;
  } catch (error) {
    return error.name !== "NotSupportedError";
  }
}

function mod(value) {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(base, exponent) {
  let result = 1n;
  for (let square = base % P, left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function number(bytes) {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** A point from its one encoding (section 5.1.3), or null. */
function decompress(bytes) {
  const value = number(bytes), y = value & (2n ** 255n - 1n);
  return y < P ? pointOf(y, value >> 255n) : null;
}

function pointOf(y, sign) {
  const square = mod((y * y - 1n) * power(mod(D * y * y + 1n), P - 2n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x - square) !== 0n) x = mod(x * ROOT_OF_MINUS_ONE);
  if (mod(x * x - square) !== 0n || (x === 0n && sign === 1n)) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

/** Section 5.1.4; complete, so it doubles, too. */
function add(one, other) {
  const a = mod((one[1] - one[0]) * (other[1] - other[0]));
  const b = mod((one[1] + one[0]) * (other[1] + other[0]));
  const c = mod(2n * D * one[3] * other[3]);
  const d = mod(2n * one[2] * other[2]);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function times(scalar, point) {
  let result = NEUTRAL;
  for (let doubled = point, left = scalar; left > 0n; left >>= 1n) {
    if (left & 1n) result = add(result, doubled);
    doubled = add(doubled, doubled);
  }
  return result;
}

function isSame(one, other) {
  return mod(one[0] * other[2] - other[0] * one[2]) === 0n
    && mod(one[1] * other[2] - other[1] * one[2]) === 0n;
}
