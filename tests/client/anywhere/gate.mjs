// One gated action, wherever JavaScript runs; ./sdk is what the npm package holds.
import { Cosignet } from "./sdk/index.js";

export async function gate({ username, payload, ...options }) {
  const runs = [];
  const told = [];
  try {
    const timing = { request: 2, wait: 1, firstPause: 0.05, longestPause: 0.2, grace: 1, after: 3 };
    const cosignet = new Cosignet({ ...options, timing, warn: (words) => told.push(words) });
    const decision = await cosignet.requestApproval({ username, action: "Refund", payload });
    await cosignet.run(decision, (signed) => runs.push(signed));
    return { verdict: "ran", runs, told };
  } catch (error) {
    return { verdict: error.name, runs, told: [...told, error.message] };
  }
}
