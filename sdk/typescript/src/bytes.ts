// Bytes and texts.

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

// WebCrypto; Node 18 has it, and not yet as a global.
export async function webcrypto(): Promise<Crypto> {
  return globalThis.crypto ?? ((await import(NODE)) as { webcrypto: Crypto }).webcrypto;
}

export async function sha256(...parts: (Uint8Array | string)[]): Promise<Bytes> {
  const bytes = concat(...parts.map((part) => (typeof part === "string" ? utf8(part) : part)));
  return new Uint8Array(await (await webcrypto()).subtle.digest("SHA-256", bytes));
}

// Unpadded base64url (RFC 4648, section 5).
export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replace(/=+$/, "").replace(/\+/g, "-").replace(/\//g, "_");
}

// Read unpadded base64url in its one spelling; undefined if it is none.
export function fromBase64url(text: string): Bytes | undefined {
  const bytes = fromBase64Loosely(text.replace(/-/g, "+").replace(/_/g, "/"));
  return bytes && base64url(bytes) === text ? bytes : undefined;
}

// Read base64 in its one spelling (RFC 4648, section 4); undefined if it is none.
export function fromBase64(text: string): Bytes | undefined {
  const bytes = fromBase64Loosely(text);
  return bytes && base64(bytes) === text ? bytes : undefined;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function fromBase64Loosely(text: string): Bytes | undefined {
  try {
    return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  } catch {
    return undefined;
  }
}
