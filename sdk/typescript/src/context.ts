// What is signed besides the payload, and the 48 bytes made of both (docs/security-model.md).

import { concat, sha256 } from "./bytes.ts";

const KEYS = ["v", "purpose", "confirmation", "org", "action", "approver", "approverId", "requester",
  "requesterKeyId", "rpId", "origin", "createdAt", "expiresAt", "quorum", "policy", "risk", "reveal",
  "salt"] as const;
const CONTEXT_DOMAIN = "cosignet/context/v1\n";
const REJECT_DOMAIN = "cosignet/reject/v1\n";
const NONCE_BYTES = 16;
const SHA256_HEX = /^[0-9a-f]{64}$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

export interface Context {
  readonly v: 1;
  readonly purpose: "approve" | "reject";
  readonly confirmation: string;
  readonly org: string;
  readonly action: string;
  readonly approver: string;
  readonly approverId: string;
  readonly requester: string;
  readonly requesterKeyId: string;
  readonly rpId: string;
  readonly origin: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly quorum: number;
  readonly policy: string | null;
  readonly risk: string;
  readonly reveal: boolean;
  readonly salt: string;
}

/** Read a context in its one canonical form; undefined if it is in none. */
export function parseContext(text: string): Context | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const members = value as Record<string, unknown>;
  const canonical = Object.keys(members).join() === KEYS.join() && JSON.stringify(members) === text;
  return canonical && KEYS.every((key) => isKind(key, members[key])) ? (value as Context) : undefined;
}

export function contextHash(text: string): Promise<Uint8Array<ArrayBuffer>> {
  return sha256(CONTEXT_DOMAIN, text);
}

/** The 48 bytes a passkey signs: nonce(16) ‖ SHA-256(payload)(32), or a tagged hash of that. */
export async function challenge48(
  purpose: "approve" | "reject", contextText: string, payloadHash: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const nonce = (await contextHash(contextText)).slice(0, NONCE_BYTES);
  return concat(nonce, purpose === "approve" ? payloadHash : await sha256(REJECT_DOMAIN, payloadHash));
}

function isKind(key: (typeof KEYS)[number], value: unknown): boolean {
  if (key === "v") return value === 1;
  if (key === "purpose") return value === "approve" || value === "reject";
  if (key === "quorum") return Number.isSafeInteger(value) && (value as number) >= 1;
  if (key === "reveal") return typeof value === "boolean";
  if (key === "policy" && value === null) return true;
  if (typeof value !== "string" || LONE_SURROGATE.test(value)) return false;
  return key !== "policy" || SHA256_HEX.test(value);
}
