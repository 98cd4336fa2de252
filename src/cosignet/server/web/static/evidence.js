// The verify page: fetches or reads a bundle, runs the verifier on it, tells of each step.
import { byId, fill, say, show } from "./page.js";
import { get, Trouble } from "./passkey.js";
import { status, verify } from "./verify.mjs";

const ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const LOOKS = { OK: "good", FAIL: "stop", "NOT PROVEN": "calm" };
const VERDICTS = { 0: "proven", 1: "wrong", 3: "unproven" };
const ONLY_LOGGED = { consumption: "consumption", outcome: "outcome" };
const MEANINGS = {
  approval: "Passkeys that you trust signed this approval on the site that you named, and the log that you trust has it.",
  rejection: "Passkeys that you trust signed this rejection on the site that you named, and the log that you trust has it.",
  consumption: "The log that you trust has it. Nobody signs this kind.",
  outcome: "The log that you trust has it. Nobody signs this kind.",
};
/** By the verdict of the step "hash". */
const PAYLOADS = {
  OK: "What they signed is the payload that you see or know.",
  "NOT PROVEN": "What it was about is not disclosed: give the payload above if you know it.",
};
let dropped = null; // a file, instead of the chosen one

/** Text from elsewhere, with nothing in it that cannot be seen. */
function visible(text) {
  return String(text).replace(/[^ -~]/g, (one) => `U+${one.codePointAt(0).toString(16).toUpperCase()}`);
}

/** The id in what was pasted: an id, or a link to this server. Throws Trouble. */
function idIn(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && url.origin !== location.origin) {
    throw new Trouble("That link leads to another server.",
      "Open its own page for checking, or save its evidence as a file and choose it here.");
  }
  const [id] = ID.exec(url === null ? text.toLowerCase() : url.pathname + url.search) ?? [];
  if (id === undefined) throw new Trouble("That is no evidence id and no link to one.");
  return id;
}

async function read(file) {
  if (file.size > FILE_BYTES_MAX) throw new Trouble("That file is too large for evidence.");
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new Trouble("That file is no JSON.", "Save the answer of the evidence’s link as it is.");
  }
}

async function fetchBundle(text, kind) {
  const query = ONLY_LOGGED[kind] ? `?kind=${ONLY_LOGGED[kind]}` : "";
  const bundle = await get(`/public/log/entries/${idIn(text)}/verification${query}`);
  if (bundle.state === "pending") {
    throw new Trouble("It is recorded, and the log has not signed it yet.",
      "Try again in a few seconds.");
  }
  return bundle;
}

function words(id) {
  return byId(id).value.split(/\s+/).filter(Boolean);
}

/** What the person trusts; the payload as it is hashed. Throws Trouble. */
function trustOf(kind) {
  const payload = byId("payload").value.trim();
  try {
    return {
      kind,
      vkeys: words("vkey"),
      keys: words("keys").map((key) => key.toLowerCase()),
      origin: byId("origin").value.trim().replace(/\/$/, "") || null,
      payload: payload ? JSON.stringify(JSON.parse(payload)) : null,
    };
  } catch {
    throw new Trouble("The payload is no JSON.", "Paste it whole.");
  }
}

/** WebCrypto's Ed25519, or our own where it has none. */
async function options() {
  const { isNative, verifyEd25519 } = await import("./ed25519.js");
  return await isNative() ? { onStep } : { onStep, ed25519: verifyEd25519 };
}

function onStep(name, verdict, why) {
  const step = document.createElement("li");
  const [mark, body, title, word, reason] = ["span", "div", "p", "strong", "p"]
    .map((tag) => document.createElement(tag));
  step.className = LOOKS[verdict];
  mark.className = "mark";
  mark.ariaHidden = "true";
  word.textContent = verdict;
  title.append(`${name[0].toUpperCase()}${name.slice(1)}: `, word);
  reason.textContent = visible(why);
  body.append(title, reason);
  step.append(mark, body);
  byId("steps").append(step);
}

/** What sound evidence says of itself. */
function tellFacts({ opening: text, entry, inclusion, log }) {
  const opening = JSON.parse(text);
  const keys = (opening.signatures ?? []).map((one) => one.credentialKeyHash);
  fill("kind", visible(opening.kind));
  fill("at", visible(opening.decidedAt ?? opening.at));
  fill("place", visible(`${entry.index} of ${inclusion.treeSize}, counted from 0`));
  fill("log", visible(log.origin));
  fill("passkeys", visible(keys.join(" ") || "none"));
}

async function check() {
  const kind = byId("kind").value, file = dropped ?? byId("file").files[0];
  const trust = trustOf(kind);
  const bundle = file ? await read(file) : await fetchBundle(byId("evidence").value.trim(), kind);
  byId("steps").replaceChildren();
  byId("ended").hidden = true;
  byId("result").hidden = false;
  const results = await verify(bundle, trust, await options()), ended = status(results, kind);
  fill("meaning", MEANINGS[kind]);
  fill("payload-known", PAYLOADS[results[1][1]]);
  show(byId("verdict"), VERDICTS[ended]);
  byId("facts").hidden = ended === 1;
  if (ended !== 1) tellFacts(bundle);
  byId("ended").hidden = false;
}

async function attempt(event) {
  event?.preventDefault();
  byId("start").disabled = true;
  byId("result").hidden = true;
  say();
  try {
    await check();
    if (event) byId("result-title").focus();
  } catch (error) {
    say(error.message, error instanceof Trouble ? error.cure : "Load the page again.");
  }
  byId("start").disabled = false;
}

function take(event) {
  event.preventDefault();
  [dropped] = event.dataTransfer.files;
  if (dropped) attempt(event);
}

function begin() {
  const asked = new URLSearchParams(location.search);
  const kind = asked.get("kind");
  if (Object.hasOwn(MEANINGS, kind)) byId("kind").value = kind;
  byId("evidence").value = asked.get("id") ?? "";
  byId("check").addEventListener("submit", attempt);
  byId("file").addEventListener("change", () => { dropped = null; });
  byId("evidence").addEventListener("input", () => {
    dropped = null;
    byId("file").value = "";
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", take);
  byId("start").disabled = false;
  if (asked.get("id")) attempt();
}

begin();
