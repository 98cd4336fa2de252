// The page of a private confirmation while it is locked: one passkey prompt, then the page itself.
import { byId, say, show } from "./page.js";
import { isSupported, post, usePasskey } from "./passkey.js";

// 32 bytes: an approval signs 48, so nothing that is signed here could ever pass for one.
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

const button = byId("unlock");
const outcome = byId("outcome");
const path = `/confirm/${byId("main").dataset.confirmation}/unlock`;

async function unlock() {
  const { challenge, rpId, timeout } = await post(`${path}/options`, {});
  if (!CHALLENGE.test(challenge) || rpId !== location.hostname) {
    throw new Error("The server asked to sign something else. Nothing was signed.");
  }
  const options = { challenge, rpId, timeout, userVerification: "required", allowCredentials: [] };
  await post(path, { credential: await usePasskey(options) });
  location.reload();
}

/** Where passkeys do not work or are not at hand, show other ways. */
async function help() {
  const { find } = await import("./elsewhere.js").catch(() => ({}));
  show(outcome, await find?.(isSupported()) ?? "");
}

async function explain(error) {
  if (error.code === "not_the_approver") {
    show(outcome, "wrong-person");
    outcome.focus();
    return;
  }
  say(error.message, error.cure);
  if (error.code?.endsWith("Error")) await help(); // the prompt's, not the server's
}

async function attempt(event) {
  if (!event.isTrusted) return;
  button.disabled = true;
  say();
  show(outcome, "");
  try {
    await unlock();
  } catch (error) {
    await explain(error);
    button.disabled = false;
  }
}

async function start() {
  button.addEventListener("click", attempt);
  button.disabled = !isSupported();
  if (!isSupported()
    || !await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable()) {
    await help();
  }
}

start();
