// Bytes and texts.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export type Bytes = Uint8Array<ArrayBuffer>;

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const NODE = "node:crypto"; // by name, so that nobody bundles it for a browser

/** WebCrypto; Node 18 has it, and not yet as a global. */
export async function webcrypto(): Promise<Crypto> {
  return globalThis.crypto ?? ((await import(NODE)) as { webcrypto: Crypto }).webcrypto;
}

export async function sha256(...parts: (Uint8Array | string)[]): Promise<Bytes> {
  const bytes = concat(...parts.map((part) => (typeof part === "string" ? utf8(part) : part)));
  return new Uint8Array(await (await webcrypto()).subtle.digest("SHA-256", bytes));
}

/** Unpadded base64url (RFC 4648, section 5). */
export function base64url(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const three = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const digits = [18, 12, 6, 0].map((shift) => ALPHABET[(three >> shift) & 63]).join("");
    text += digits.slice(0, Math.min(3, bytes.length - at) + 1);
  }
  return text;
}

/** Read unpadded base64url in its one spelling; undefined if it is none. */
export function fromBase64url(text: string): Bytes | undefined {
  const values = Array.from(text, (digit) => ALPHABET.indexOf(digit));
  if (values.includes(-1) || text.length % 4 === 1) return undefined;
  const bytes: number[] = [];
  for (let at = 0; at < values.length; at += 4) {
    const four = values.slice(at, at + 4);
    const bits = [0, 1, 2, 3].reduce((sum, index) => (sum << 6) | (four[index] ?? 0), 0);
    bytes.push(...[bits >> 16, bits >> 8, bits].map((it) => it & 255).slice(0, four.length - 1));
  }
  const read = Uint8Array.from(bytes);
  return base64url(read) === text ? read : undefined;
}
