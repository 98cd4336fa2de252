// The account page: every change is confirmed by a passkey, for that change alone.
import { createPasskey, isSupported, post } from "./passkey.js";
import { fill, inWords, letCopy, say, signCeremony } from "./trouble.js";

const byId = (name) => document.getElementById(name);
const changers = document.querySelectorAll("[data-change], [data-add]");

function enable(enabled) {
  for (const button of changers) button.disabled = !enabled;
}

/** Ask a present passkey to confirm one change, and send its answer to where it is made. */
async function confirm(change, target, path) {
  const options = await post("/account/confirm", { change, target });
  return post(path, { credential: await signCeremony(options) });
}

/** Add a passkey; `hint` says where the browser should offer to make it. */
async function add(hint) {
  const options = await confirm("add_passkey", "", "/account/passkeys/options");
  let credential;
  try {
    credential = await createPasskey({ ...options, hints: [hint] });
  } catch (error) {
    throw Object.assign(error, { doing: "create" });
  }
  await post("/account/passkeys", { credential });
  location.reload();
}

function showKey({ apiKey, curl }) {
  fill("key", apiKey.key);
  fill("curl", curl);
  byId("first-key-offer").hidden = true;
  byId("first-key-shown").hidden = false;
  byId("first-key-shown").focus();
}

function showInvite({ username, registerUrl, expiresAt }) {
  fill("invited", username);
  fill("invited-link", registerUrl);
  const day = new Date(expiresAt).toLocaleDateString("en-GB", {
    day: "numeric", month: "long", year: "numeric", timeZone: "UTC",
  });
  fill("invited-until", `${day}, ${expiresAt.slice(11, 16)} UTC`);
  byId("invited").hidden = false;
  byId("invited").focus();
}

const SHOWN = { first_key: showKey, reinvite: showInvite };

async function change({ change: kind, target, path }) {
  const answer = await confirm(kind, target, path);
  (SHOWN[kind] ?? (() => location.reload()))(answer);
}

/** Run one change with all buttons off; failures are put into words. */
async function attempt(button) {
  enable(false);
  say();
  try {
    await (button.dataset.add ? add(button.dataset.add) : change(button.dataset));
  } catch (error) {
    if (error.code === "sign_in_needed") {
      location.assign("/login?next=/account");
      return;
    }
    say(...inWords(error, error.doing ?? "change"));
    byId("note").focus();
  }
  enable(true);
}

letCopy();
if (isSupported()) {
  for (const button of changers) button.addEventListener("click", () => attempt(button));
  enable(true);
} else {
  say("This browser cannot use passkeys, so nothing can be changed here.",
    "Open this page in your phone’s or computer’s own browser, up to date.");
}
