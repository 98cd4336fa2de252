// Writes vectors/webhook/: the headers that an attempt at a delivery carries; and vectors/received/:
// what its receiver takes for genuine, and when.
//
//   node vectors/generate/webhook.mjs [vectors folder]
import { createHmac } from "node:crypto";
import { BY_HAND, BY_NODE, writeCases } from "./cases.mjs";

const AT = Date.parse("2026-11-20T20:45:25.123Z");
const ID = "0b8f1f0e-6a0c-4c0e-9d61-5f0a3d1c7b21";
const secretOf = (byte) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
const NEW = secretOf(7);
const OLD = secretOf(251);

function bodyOf(changes = {}) {
  return JSON.stringify({
    id: ID, event: "approved", timestamp: new Date(AT).toISOString(), occurredAt: "2026-11-20T20:45:25.101Z",
    confirmation: { id: "6f7d2b0e-4f1c-4c1e-9a55-0d7f6f7c9b1a", status: "approved" }, ...changes,
  });
}

function headersOf({ deliveryId, event, at, body, secrets }) {
  const seconds = String(Math.floor(at / 1000));
  const standard = secrets.map((secret) => {
    const key = Buffer.from(secret.slice("whsec_".length), "base64");
    return `v1,${createHmac("sha256", key).update(`${deliveryId}.${seconds}.${body}`).digest("base64")}`;
  });
  return {
    "Cosignet-Event": event,
    "Cosignet-Delivery-Id": deliveryId,
    "Cosignet-Timestamp": new Date(at).toISOString(),
    "Cosignet-Signature": createHmac("sha256", secrets.at(-1)).update(body).digest("hex"),
    "webhook-id": deliveryId,
    "webhook-timestamp": seconds,
    "webhook-signature": standard.join(" "),
  };
}

const BASE = { deliveryId: ID, event: "approved", at: AT, body: bodyOf(), secrets: [NEW] };
const signed = [];
for (const [name, desc, changes] of [
  ["approved", "an approval", {}],
  ["rejected", "another event is only in the body's signature if the body says so", { event: "rejected" }],
  ["test", "a test, of no confirmation", { event: "test", body: bodyOf({ event: "test", confirmation: null }) }],
  ["later", "the sixth attempt, seven hours later", { at: AT + 25_950_000 }],
  ["whole-second", "a time without fraction", { at: AT - 123 }],
  ["last-millisecond", "seconds are rounded down", { at: AT + 876 }],
  ["other-id", "another delivery, one digit away", { deliveryId: ID.replace("21", "22") }],
  ["other-secret", "another secret", { secrets: [OLD] }],
  ["rotating", "during a rotation: both sign, and the plain one is the old secret's", { secrets: [NEW, OLD] }],
  ["unicode", "a body beyond ASCII", { body: bodyOf({ confirmation: { action: "Überweisung 💶 \u202e" } }) }],
  ["white-space", "the same JSON with other bytes", { body: JSON.stringify(JSON.parse(bodyOf()), null, 1) }],
]) {
  const inputs = { ...BASE, ...changes };
  signed.push({ name, desc, inputs, want: { headers: headersOf(inputs) }, source: BY_NODE });
}
writeCases("webhook", signed);

const received = [];
const genuine = headersOf(BASE);
const lower = Object.fromEntries(Object.entries(genuine).map(([name, value]) => [name.toLowerCase(), value]));
const resigned = (body) => headersOf({ ...BASE, body });
for (const [name, desc, changes, refused] of [
  ["genuine", "as it was sent", {}],
  ["lower-case", "names of headers in lower case", { headers: lower }],
  ["five-minutes-late", "at the limit", { now: AT + 300_000 }],
  ["five-minutes-early", "at the limit, by a clock that is behind", { now: AT - 300_000 }],
  ["too-late", "a millisecond beyond", { now: AT + 300_001 }, 1],
  ["too-early", "a millisecond beyond", { now: AT - 300_001 }, 1],
  ["fresh-timestamp", "replayed an hour later under a fresh timestamp", {
    now: AT + 3_600_000, headers: { ...genuine, "Cosignet-Timestamp": new Date(AT + 3_600_000).toISOString() } }, 1],
  ["other-event", "the header says another event", { headers: { ...genuine, "Cosignet-Event": "rejected" } }, 1],
  ["other-delivery", "the header says another delivery", {
    headers: { ...genuine, "Cosignet-Delivery-Id": ID.replace("21", "22") } }, 1],
  ["no-event", "without the event's header", { headers: { ...genuine, "Cosignet-Event": undefined } }, 1],
  ["no-delivery", "without the delivery's header", { headers: { ...genuine, "Cosignet-Delivery-Id": undefined } }, 1],
  ["no-timestamp", "without the time's header", { headers: { ...genuine, "Cosignet-Timestamp": undefined } }, 1],
  ["no-signature", "without the signature", { headers: { ...genuine, "Cosignet-Signature": undefined } }, 1],
  ["empty-signature", "an empty signature", { headers: { ...genuine, "Cosignet-Signature": "" } }, 1],
  ["upper-case-signature", "hexadecimal in capitals", {
    headers: { ...genuine, "Cosignet-Signature": genuine["Cosignet-Signature"].toUpperCase() } }, 1],
  ["short-signature", "half a signature", {
    headers: { ...genuine, "Cosignet-Signature": genuine["Cosignet-Signature"].slice(0, 32) } }, 1],
  ["changed-status", "one word of the body changed", { body: bodyOf().replace('"status":"approved"', '"status":"rejected"') }, 1],
  ["other-secret", "the secret of another webhook", { secret: OLD }, 1],
  ["stripped-secret", "the secret without its beginning", { secret: NEW.slice(6) }, 1],
  ["not-json", "signed, but no JSON", { body: "approved", headers: resigned("approved") }, 1],
  ["no-object", "signed, but no object", { body: "[]", headers: resigned("[]") }, 1],
  ["no-time", "signed, but without a time", {
    body: bodyOf({ timestamp: undefined }), headers: resigned(bodyOf({ timestamp: undefined })) }, 1],
  ["time-is-no-time", "signed, with something else as its time", {
    body: bodyOf({ timestamp: "now" }), headers: { ...resigned(bodyOf({ timestamp: "now" })), "Cosignet-Timestamp": "now" } }, 1],
]) {
  const inputs = { headers: genuine, body: bodyOf(), secret: NEW, now: AT, ...changes };
  const answer = refused ? { wantErr: "not_genuine", source: BY_HAND } : { want: { id: ID, event: "approved" }, source: BY_NODE };
  received.push({ name, desc, inputs, ...answer });
}
writeCases("received", received);
