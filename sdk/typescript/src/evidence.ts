// Whether an answer that says "approved" proves it: without the server's word for anything.

import { base64url, concat, hex, sha256, type Bytes } from "./bytes.ts";
import { challenge48, parseContext, type Context } from "./context.ts";
import { EvidenceRefused } from "./errors.ts";
import { bytes, must, object, text, type Members } from "./members.ts";
import type { JsonObject } from "./payload.ts";
import { refuteSignature } from "./signature.ts";

/** How far the server's clock may be from ours. What was asked longer ago is somebody else's. */
export const CLOCK_SECONDS_MAX = 300;
const HEADER_BYTES = 37;
const RISKS = ["normal", "high", "critical"];

/** What was asked, as it was when it was asked. */
export interface Expected {
  confirmation: string;
  payloadText: string;
  action: string;
  approver: string;
  origin: string;
  rpId: string;
  risk: string;
  ttlSeconds: number;
  /** Unix milliseconds by our own clock. */
  askedAt: number;
}

export interface Credential {
  id: string;
  algorithm: number;
  publicKeySpki: string;
}

/** An approval whose signature was verified over exactly what was expected. */
export interface Evidence {
  readonly context: Context;
  readonly payloadText: string;
  readonly credential: Credential;
  /** What the log names the signature by (docs/log.md). */
  readonly assertionHash: string;
}

/**
 * Verify an approved confirmation as GET answers it. Throws EvidenceRefused; `code` names the check.
 *
 * 1. It is about the confirmation that was asked. 2. The payload is the one that was asked.
 * 3. The context is canonical, and says what was asked, of whom, where and when. 4. The browser
 * signed in with exactly that challenge on that origin, in no frame. 5. The passkey is that site's,
 * the person was there and was verified. 6. The signature is the named key's.
 */
export async function verifyEvidence(answer: JsonObject, expected: Expected): Promise<Evidence> {
  // 1.
  must(answer.status === "approved", "status", "it is not approved");
  must(answer.id === expected.confirmation, "confirmation", "it is another's");
  // 2.
  const payloadHash = await verifyPayload(answer, expected.payloadText);
  // 3.
  const contextText = text(answer, "context");
  const context = verifyContext(contextText, expected);
  // 4.
  const assertion = object(answer, "rawAssertion");
  const response = object(assertion, "response");
  const clientData = bytes(response, "clientDataJSON");
  const challenge = await challenge48("approve", contextText, payloadHash);
  verifyClientData(clientData, base64url(challenge), expected.origin);
  // 5.
  const data = bytes(response, "authenticatorData");
  verifyAuthenticatorData(data, await sha256(expected.rpId));
  // 6.
  const credential = readCredential(answer, assertion);
  const key = bytes({ ...credential }, "publicKeySpki");
  const signature = bytes(response, "signature");
  const hashes = await Promise.all([clientData, data, signature].map((part) => sha256(part)));
  const signed = concat(data, hashes[0] ?? data);
  const why = await refuteSignature(credential.algorithm, key, signature, signed);
  must(why === undefined, "signature", why ?? "");
  const assertionHash = hex(await sha256(...hashes));
  return { context, payloadText: expected.payloadText, credential, assertionHash };
}

async function verifyPayload(answer: JsonObject, payloadText: string): Promise<Bytes> {
  const hash = await sha256(payloadText);
  must(answer.payloadText === payloadText, "payload", "its payload is not the one asked for");
  must(answer.payloadHash === hex(hash), "payload_hash", "its payload hash is another");
  const beside = JSON.stringify(answer.payload);
  must(beside === payloadText, "payload", "the payload beside the signed text is another");
  return hash;
}

function verifyContext(contextText: string, expected: Expected): Context {
  const context = parseContext(contextText);
  if (context === undefined) throw new EvidenceRefused("context", "its context is not canonical");
  must(context.purpose === "approve", "purpose", "what was signed is no approval");
  for (const name of ["confirmation", "action", "approver", "origin", "rpId"] as const) {
    must(context[name] === expected[name], name,
      `it names ${JSON.stringify(context[name])}, and ${JSON.stringify(expected[name])} was asked`);
  }
  must(context.quorum === 1, "quorum", "it needs several signatures");
  must(!context.reveal, "reveal", "it was shown as to be made public");
  const risk = RISKS.indexOf(context.risk);
  must(risk >= RISKS.indexOf(expected.risk), "risk", "it was shown as of less risk");
  const created = Date.parse(context.createdAt);
  const ttl = (Date.parse(context.expiresAt) - created) / 1000;
  must(ttl === expected.ttlSeconds, "deadline", "it has another deadline");
  must(Math.abs(created - expected.askedAt) <= CLOCK_SECONDS_MAX * 1000, "clock",
    `it was asked at ${context.createdAt}, which is not now. It is an old one, or a clock is wrong:`
    + " set yours and the server's");
  return context;
}

function verifyClientData(data: Bytes, challenge: string, origin: string): void {
  let members: Members;
  try {
    members = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
  } catch {
    throw new EvidenceRefused("client_data", "the client data is not JSON");
  }
  must(typeof members === "object" && members !== null, "client_data", "it is no object");
  must(members.type === "webauthn.get", "client_data_type", "another ceremony was signed");
  must(members.challenge === challenge, "challenge", "something else was signed");
  must(members.origin === origin, "client_origin", "it was signed on another site");
  must((members.crossOrigin ?? false) === false && !("topOrigin" in members), "framed",
    "it was signed within another site's page");
}

function verifyAuthenticatorData(data: Bytes, site: Bytes): void {
  must(data.length >= HEADER_BYTES, "authenticator_data", "the authenticator data is cut off");
  must(hex(data.slice(0, 32)) === hex(site), "rp_id_hash", "it is the passkey of another site");
  const flags = data[32] ?? 0;
  must((flags & 0x01) !== 0, "user_present", "nobody touched the passkey");
  must((flags & 0x04) !== 0, "user_verified", "the person was not verified");
  must((flags & 0x62) === 0, "flags", "flags are set that mean nothing here");
  must((flags & 0x18) !== 0x10, "flags", "it is backed up, and says that it cannot be");
  must(((flags & 0x80) !== 0) === (data.length > HEADER_BYTES), "authenticator_data",
    "the authenticator data is not as long as it says");
}

function readCredential(answer: JsonObject, assertion: Members): Credential {
  const named = object(answer, "credential");
  const id = base64url(bytes(named, "id"));
  const ids = [text(assertion, "id"), text(assertion, "rawId"), text(answer, "credentialId")];
  must(ids.every((one) => one === id), "credential", "it names several passkeys");
  const { algorithm } = named;
  if (typeof algorithm !== "number") throw new EvidenceRefused("malformed", "algorithm is missing");
  return { id, algorithm, publicKeySpki: text(named, "publicKeySpki") };
}
