// What the published documentation tells a customer to do, in our own words: recompute the payload's
// hash from what the server shows, and hold it against what the passkey signed.
import { createHash, createPublicKey, verify } from "node:crypto";

const [base, id, key] = process.argv.slice(2);
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const bytes = (text) => Buffer.from(text, "base64url");

const shown = await (await fetch(`${base}/confirm/${id}/data`)).json();
const answer = await fetch(`${base}/api/confirmations/${id}`, { headers: { "X-Api-Key": key } });
const decision = await answer.json();

const hash = sha256(JSON.stringify(shown.payload));
const { clientDataJSON, authenticatorData, signature } = decision.rawAssertion.response;
const challenge = bytes(JSON.parse(bytes(clientDataJSON)).challenge);
const nonce = sha256("cosignet/context/v1\n", decision.context).subarray(0, 16);
const publicKey = createPublicKey({ key: bytes(decision.credential.publicKeySpki), format: "der", type: "spki" });
const signed = Buffer.concat([bytes(authenticatorData), sha256(bytes(clientDataJSON))]);

console.log(JSON.stringify({
  binding: hash.toString("hex") === decision.payloadHash && challenge.subarray(16).equals(hash),
  context: challenge.length === 48 && challenge.subarray(0, 16).equals(nonce),
  signature: verify("sha256", signed, publicKey, bytes(signature)),
}));
