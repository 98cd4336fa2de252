// Follows a confirmation at the server, for as long as the page is open.
import { get } from "./passkey.js";

const WAIT_SECONDS = 25;
const RETRY_MS = [1000, 2000, 5000, 10_000, 30_000];
const BETWEEN_MS = 1000;

/**
 * Hold a request open until something changes, again and again. `accept` takes each answer and
 * says whether there is more to come; `onAway` is told whether the server answers.
 * Returns {letGo, askNow, stop}: end the request that is held; and any pause, too; or the whole.
 */
export function follow(path, { accept, onAway }) {
  let held = null; // AbortController of the request that the server holds open
  let wake = () => {};
  let goesOn = true;
  const pause = (ms) => new Promise((done) => {
    wake = done;
    setTimeout(done, ms);
  });
  const letGo = () => held?.abort();
  const ask = async (query) => {
    held = query ? new AbortController() : null;
    const asked = performance.now();
    const more = await accept(await get(path + query, held?.signal));
    onAway(false);
    goesOn &&= more;
    if (more && query && performance.now() - asked < BETWEEN_MS) await pause(BETWEEN_MS);
  };
  const run = async () => {
    let failures = 0;
    let query = "";
    while (goesOn) {
      try {
        await ask(query);
        failures = 0;
        query = `?wait=${WAIT_SECONDS}`;
      } catch (error) {
        query = "";
        if (error.name === "AbortError") continue;
        if (error.code === "locked") location.reload(); // private, and opened too long ago
        onAway(true);
        await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
        failures += 1;
      }
    }
  };
  run();
  const askNow = () => {
    letGo();
    wake();
  };
  const stop = () => {
    goesOn = false;
    letGo();
  };
  return { letGo, askNow, stop };
}
