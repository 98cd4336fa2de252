// Writes vectors/challenge/: the 48 bytes that a context and a payload are signed as, and the 32 of
// any other ceremony. Each tampered case differs from the first in one thing, and so in its bytes.
//
//   node vectors/generate/challenge.mjs [vectors folder]
import { BY_NODE, sha256, writeCases } from "./cases.mjs";
import { BASE } from "./base.mjs";

const PAYLOAD = '{"10":1,"service":"api","sha":"4f2d","replicas":3}';
const cases = [];

/** What is signed for a context that differs from the base, over a canonical payload. */
function signs(name, desc, changes = {}, payloadText = PAYLOAD) {
  const context = { ...BASE, ...changes };
  const contextText = JSON.stringify(context);
  const payloadHash = sha256(payloadText);
  const nonce = sha256("cosignet/context/v1\n", contextText).subarray(0, 16);
  const last = context.purpose === "approve" ? payloadHash : sha256("cosignet/reject/v1\n", payloadHash);
  const want = { payloadHash: payloadHash.toString("hex"), challenge: Buffer.concat([nonce, last]).toString("base64url") };
  const inputs = { purpose: context.purpose, contextText, payloadText };
  cases.push({ name, desc, inputs, want, source: BY_NODE });
}

/** What is signed in a ceremony that decides nothing. */
function opens(name, desc, ceremony, random) {
  const challenge = sha256(`cosignet/${ceremony}/v1\n`, random).toString("base64url");
  const inputs = { ceremony, random: random.toString("base64url") };
  cases.push({ name, desc, inputs, want: { challenge }, source: BY_NODE });
}

signs("approve", "an approval: the last 32 bytes are the payload's hash");
signs("reject", "a rejection of the same: nothing of it is an approval's", { purpose: "reject" });

const other = "3f0c9a52-8d4e-4c57-b1a6-90e2d7f46a19";
for (const [key, value, desc] of [
  ["confirmation", other, "another confirmation, one digit away"],
  ["org", "demo", "another organisation"],
  ["action", "Deploy to production.", "a title with a character more"],
  ["approver", "a1ex", "an approver with one character replaced"],
  ["approverId", other, "another approver of the same name"],
  ["requester", "deploy-bot\u200b", "a requester with an invisible character"],
  ["requesterKeyId", other, "another key of the same name"],
  ["rpId", "example", "the passkeys of a larger domain"],
  ["origin", "http://confirm.example", "another origin"],
  ["createdAt", "2026-11-20T20:45:25.124Z", "a millisecond later"],
  ["expiresAt", "2026-11-20T20:48:25.124Z", "a deadline a millisecond later"],
  ["quorum", 2, "one more signature"],
  ["policy", "00".repeat(32), "under a policy"],
  ["risk", "high", "another risk"],
  ["reveal", true, "made public"],
  ["salt", "8N3Mu6qZiHdmVUQzIhEA_-7dzLuqmYh3ZlVEMyIRAP4", "another salt"],
]) {
  signs(`tampered-${key}`, desc, { [key]: value });
  signs(`tampered-${key}-reject`, `${desc}; a rejection`, { purpose: "reject", [key]: value });
}

signs("tampered-payload-digit", "one digit of the payload", {}, PAYLOAD.replace("3}", "4}"));
signs("tampered-payload-type", "a text instead of a number", {}, PAYLOAD.replace(":3}", ':"3"}'));
signs("tampered-payload-order", "the payload's fields in another order", {},
  '{"10":1,"sha":"4f2d","service":"api","replicas":3}');
signs("tampered-payload-case", "a letter in the other case", {}, PAYLOAD.replace("api", "Api"));
signs("tampered-payload-empty", "an empty payload", {}, "{}");
signs("tampered-payload-reject", "one digit of the payload; a rejection", { purpose: "reject" },
  PAYLOAD.replace("3}", "4}"));
signs("unicode", "hashes are taken over UTF-8", { action: "D\u00e9ployer \u{1f680}\u2028" },
  '{"\u{1f680}":"\u2028\u00e9"}');

const RANDOM = Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 37 + 11) % 256));
const flipped = Buffer.from(RANDOM);
flipped[31] ^= 1;
for (const ceremony of ["register", "practice", "login", "unlock", "confirm-change"]) {
  opens(`ceremony-${ceremony}`, "the same random bytes in each ceremony, another challenge", ceremony, RANDOM);
  opens(`ceremony-${ceremony}-bit`, "one bit of the random bytes", ceremony, flipped);
}
opens("ceremony-zeros", "zeros are random bytes too", "login", Buffer.alloc(32));

writeCases("challenge", cases);
