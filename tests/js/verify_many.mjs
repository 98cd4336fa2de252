// Verifies each {bundle, trust} of a JSON list on standard input; prints the verdicts as JSON.
// With `own` as argument, Ed25519 is checked by the browser's own code instead of WebCrypto.
import { readFileSync } from "node:fs";
import { verify } from "../../verifiers/verify.mjs";

const options = process.argv[2] === "own"
  ? { ed25519: (await import("../../src/cosignet/server/web/static/ed25519.js")).verifyEd25519 } : {};
const verdicts = [];
for (const { bundle, trust } of JSON.parse(readFileSync(0, "utf8"))) {
  const results = await verify(bundle, trust, options);
  verdicts.push(results.map(([, verdict]) => verdict));
}
console.log(JSON.stringify(verdicts));
