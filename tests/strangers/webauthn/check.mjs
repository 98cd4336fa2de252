// Whether another implementation of WebAuthn takes the assertions of bundles: JSON lines in, one a
// bundle with the origin that is expected; "verified", "refused" or why not, a line each, out.
import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { verifyAuthenticationResponse } from "@simplewebauthn/server";
import { isoCBOR } from "@simplewebauthn/server/helpers";

const raw = (text) => new Uint8Array(Buffer.from(text, "base64url"));

/** The same key as WebAuthn itself writes it (RFC 9052, RFC 8230). */
function coseKey({ publicKeySpki, algorithm }) {
  const der = { key: Buffer.from(raw(publicKeySpki)), format: "der", type: "spki" };
  const jwk = createPublicKey(der).export({ format: "jwk" });
  const members = {
    EC: () => [[1, 2], [3, algorithm], [-1, 1], [-2, raw(jwk.x)], [-3, raw(jwk.y)]],
    OKP: () => [[1, 1], [3, algorithm], [-1, 6], [-2, raw(jwk.x)]],
    RSA: () => [[1, 3], [3, algorithm], [-1, raw(jwk.n)], [-2, raw(jwk.e)]],
  }[jwk.kty]();
  return isoCBOR.encode(new Map(members));
}

/** The 48 bytes that a decision has to sign (docs/security-model.md). */
function challengeOf({ kind, opening, payloadHash }) {
  const [{ contextHash }] = JSON.parse(opening).signatures;
  const hash = Buffer.from(payloadHash, "hex");
  const rejected = createHash("sha256").update("cosignet/reject/v1\n").update(hash).digest();
  const end = kind === "approval" ? hash : rejected;
  return Buffer.concat([Buffer.from(contextHash, "hex").subarray(0, 16), end]).toString("base64url");
}

async function verdictOn({ bundle, origin }) {
  const [{ rawAssertion, credential }] = bundle.signatures;
  const { verified } = await verifyAuthenticationResponse({
    response: rawAssertion,
    expectedChallenge: challengeOf(bundle),
    expectedOrigin: origin,
    expectedRPID: new URL(origin).hostname,
    credential: { id: credential.id, publicKey: coseKey(credential), counter: 0 },
    requireUserVerification: true,
  });
  return verified ? "verified" : "refused";
}

for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  console.log(await verdictOn(JSON.parse(line)).catch((error) => error.message.replaceAll("\n", " ")));
}
