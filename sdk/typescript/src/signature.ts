// Whether a passkey's signature is a key's: ES256, EdDSA (Ed25519), RS256; by WebCrypto.

import { concat, hex, webcrypto, type Bytes } from "./bytes.ts";

const SHAPES = {
  [-7]: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  [-8]: { name: "Ed25519" },
  [-257]: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
} as const;

// Return why a signature is not that key's; undefined once it was verified.
export async function refuteSignature(
  algorithm: number, spki: Bytes, signature: Bytes, data: Bytes,
): Promise<string | undefined> {
  const shape = SHAPES[algorithm as keyof typeof SHAPES];
  if (shape === undefined) return "its key is of another kind";
  const raw = algorithm === -7 ? fromDer(signature) : signature;
  if (raw === undefined) return "the signature is malformed";
  try {
    const { subtle } = await webcrypto();
    const key = await subtle.importKey("spki", spki, shape, true, ["verify"]);
    const again = new Uint8Array(await subtle.exportKey("spki", key));
    if (hex(again) !== hex(spki) || !isSound(key.algorithm)) return "its key is not sound";
    return (await subtle.verify(shape, key, raw, data)) ? undefined : "it is another key's";
  } catch (error) {
    return `its key cannot be used: ${(error as Error).message}`;
  }
}

// RSA's sizes and exponent are those that the server registers.
function isSound(of: Partial<RsaKeyAlgorithm>): boolean {
  const { modulusLength: bits = 2048, publicExponent: exponent } = of;
  return bits >= 2048 && bits <= 4096 && (exponent === undefined || hex(exponent) === "010001");
}

// ECDSA's two integers in strict DER (X.690, section 8.3) as the 64 bytes that WebCrypto takes.
function fromDer(der: Bytes): Bytes | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 72) return undefined;
  const r = integer(der, 2);
  const s = r && integer(der, r.end);
  if (!r || !s || s.end !== der.length) return undefined;
  return concat(r.bytes, s.bytes);
}

function integer(der: Bytes, at: number): { bytes: Bytes; end: number } | undefined {
  const length = der[at + 1] ?? 0;
  const content = der.slice(at + 2, at + 2 + length);
  const first = content[0] ?? 0x80;
  if (der[at] !== 2 || content.length !== length || length > 33 || first >= 0x80) return undefined;
  if (first === 0 && (content[1] ?? 0) < 0x80) return undefined;
  if (length === 33 && first !== 0) return undefined;
  const magnitude = first === 0 ? content.slice(1) : content;
  return { bytes: concat(new Uint8Array(32 - magnitude.length), magnitude), end: at + 2 + length };
}
