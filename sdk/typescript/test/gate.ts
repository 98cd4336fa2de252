// One gated action, for the table of faults: URL TTL PIN API-KEY LOG-KEY… on the command line, a line of JSON out.
import {
  Cancelled, Cosignet, CosignetError, EvidenceRefused, Expired, Rejected, RequestRefused,
  Unavailable, Undecided,
} from "../src/index.ts";

const [url, ttl, pin, apiKey, ...logKeys] = process.argv.slice(2);
const VERDICTS = [[Undecided, "undecided"], [Cancelled, "cancelled"], [Expired, "expired"],
  [Rejected, "rejected"], [Unavailable, "unavailable"], [EvidenceRefused, "evidence"],
  [RequestRefused, "refused"]] as const;
const runs: unknown[] = [];
const cosignet = new Cosignet({
  apiKey,
  baseUrl: url,
  approverKeys: { alex: [pin ?? ""] },
  logKeys,
  timing: { request: 2, wait: 1, firstPause: 0.05, longestPause: 0.2, grace: 1, after: 3 },
  warn: () => {},
});
let verdict = "ran";
let said = "";
try {
  const payload = { customer_id: "cus_8821", amount: 4200, one: 1, note: "é ✓" };
  const asked = cosignet.requestApproval(
    { username: "alex", action: "Refund customer", payload, ttlSeconds: Number(ttl) },
    { onCreated: () => { payload.amount = 1_000_000; } },
  );
  await cosignet.run(await asked, (signed) => runs.push(signed));
} catch (error) {
  if (!(error instanceof CosignetError)) throw error;
  verdict = VERDICTS.find(([kind]) => error instanceof kind)?.[1] ?? error.name;
  said = error.message;
}
console.log(JSON.stringify({ runs, verdict, said }));
