// What the browser checks before a passkey may sign. Pure: runs in a page and in Node alike.
// Byte formats: contract of the project, "The challenge"; the same arithmetic as core/challenge.py.

const CONTEXT_KEYS = ["v", "purpose", "confirmation", "org", "action", "approver", "approverId",
  "requester", "requesterKeyId", "rpId", "origin", "createdAt", "expiresAt", "quorum", "policy",
  "risk", "reveal", "salt"];
const CONTEXT_DOMAIN = "cosignet/context/v1\n";
const REJECT_DOMAIN = "cosignet/reject/v1\n";
const NONCE_BYTES = 16;
const SHA256_HEX = /^[0-9a-f]{64}$/;

/** What the page would have you sign is not what it shows. The message says what differs. */
export class Mismatch extends Error {}

/** SHA-256 over texts (as UTF-8) and bytes, one after the other. */
export async function sha256(...parts) {
  const bytes = parts.map((part) => (typeof part === "string" ? utf8(part) : part));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...bytes)));
}

export function payloadHash(payloadText) {
  return sha256(payloadText);
}

export function contextHash(contextText) {
  return sha256(CONTEXT_DOMAIN, contextText);
}

/** The 48 bytes to be signed; the context's own purpose decides which form they have. */
export async function challenge48(payloadText, contextText) {
  const { purpose } = parseContext(contextText);
  const payload = await payloadHash(payloadText);
  const nonce = (await contextHash(contextText)).slice(0, NONCE_BYTES);
  return concat(nonce, purpose === "approve" ? payload : await sha256(REJECT_DOMAIN, payload));
}

/** Read a context; throws Mismatch unless it is in its one canonical form. */
export function parseContext(contextText) {
  const context = parse(contextText);
  const keys = typeof context === "object" && context !== null ? Object.keys(context) : [];
  const isCanonical = JSON.stringify(keys) === JSON.stringify(CONTEXT_KEYS)
    && JSON.stringify(context) === contextText && CONTEXT_KEYS.every((key) => isKind(context, key));
  if (!isCanonical) throw new Mismatch("The context is not in its one canonical form.");
  return context;
}

/**
 * Check what `/confirm/:id/data` answered against where the person is.
 * Returns {context, payloadHash, approve, reject}: the two challenges as bytes. Throws Mismatch.
 */
export async function checkData(data, { id, origin, host }) {
  const context = parseContext(data.context);
  expect(context.purpose === "approve", "The context is not one for approving.");
  expect(context.confirmation === id, "This belongs to another confirmation.");
  expect(context.origin === origin, `This belongs to another site: ${context.origin}`);
  expect(context.rpId === host, `This belongs to another site: ${context.rpId}`);
  expect(isSameButPurpose(context, parseContext(data.rejectContext)),
    "Approving and rejecting would name different things.");
  const hash = await payloadHash(data.payloadText);
  expect(data.payloadHash === hex(hash), "The fingerprint is not the payload's.");
  const approve = await challenge48(data.payloadText, data.context);
  const reject = await challenge48(data.payloadText, data.rejectContext);
  return { context, payloadHash: hash, approve, reject };
}

/**
 * Check request options before the browser sees them, and return only what we expect in them.
 * `challenge` are the bytes computed here. Throws Mismatch.
 */
export function checkOptions(options, { challenge, rpId }) {
  expect(options.challenge === base64url(challenge), "The server asked to sign something else.");
  expect(options.rpId === rpId, "The passkey of another site was asked for.");
  expect(options.userVerification === "required", "The passkey was not asked to check you.");
  expect(Array.isArray(options.allowCredentials) && options.allowCredentials.length === 0,
    "A particular passkey was asked for.");
  const { timeout } = options;
  return {
    challenge: options.challenge,
    rpId,
    timeout: Number.isInteger(timeout) && timeout > 0 ? timeout : 120_000,
    userVerification: "required",
    allowCredentials: [],
  };
}

export function utf8(text) {
  return new TextEncoder().encode(text);
}

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Unpadded base64url. */
export function base64url(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isKind(context, key) {
  const value = context[key];
  if (key === "v") return value === 1;
  if (key === "purpose") return value === "approve" || value === "reject";
  if (key === "quorum") return Number.isSafeInteger(value) && value >= 1;
  if (key === "reveal") return typeof value === "boolean";
  if (key === "policy") return value === null || (isText(value) && SHA256_HEX.test(value));
  return isText(value);
}

/** Half a surrogate pair has no UTF-8; JSON.stringify would carry it through as an escape. */
function isText(value) {
  return typeof value === "string" && value.isWellFormed();
}

function isSameButPurpose(approve, reject) {
  return reject.purpose === "reject" && CONTEXT_KEYS.every((key) =>
    key === "purpose" || key === "salt" || approve[key] === reject[key]);
}

function expect(holds, message) {
  if (!holds) throw new Mismatch(message);
}
