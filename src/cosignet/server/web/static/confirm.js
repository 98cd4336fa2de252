// The confirm page: verify what is on the screen, keep it verified, and sign exactly that.
import { moment } from "./card.js";
import { get, isSupported, post, Trouble, usePasskey } from "./passkey.js";
import { byId, checkScreen, expected, fill, inWords, say, show } from "./screen.js";
import { checkOptions, hex, Mismatch, utf8 } from "./verify.js";

const LOOK_MS = 700; // a click sooner after the page came into view was not meant for it
const WAIT_SECONDS = 25;
const RETRY_MS = [1000, 2000, 5000, 10_000, 30_000];
const TEXTS = ["payloadText", "context", "rejectContext", "payloadHash"];

const main = byId("main");
const signed = byId("signed");
const outcome = byId("outcome");
const approveButton = byId("approve");
const signRejectButton = byId("reject-signed");
const path = `/confirm/${main.dataset.confirmation}`;
const here = {
  id: main.dataset.confirmation,
  origin: location.origin,
  host: location.hostname,
};

let trusted = null; // the texts that were verified first, and never change
let blocked = null; // why nothing may be signed on this page any more
let settled = false; // decided, expired or cancelled
let isFinal = false; // and the server has told all about it
let prompt = null; // AbortController of the open passkey prompt
let held = null; // AbortController of the request that the server holds open
let leaving = false;
const loaded = performance.now();
let inView = loaded;
let clock = null; // {server, local}: the server's time in ms, and performance.now() then

const serverNow = () => clock.server + performance.now() - clock.local;
const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

function badge(name) {
  if (byId("badge").dataset.state !== name) show(byId("badge"), name);
}

function refreshButtons() {
  const ready = trusted !== null && blocked === null && prompt === null && isSupported();
  signRejectButton.disabled = !ready;
  approveButton.disabled = !ready || performance.now() - loaded < LOOK_MS;
  if (blocked) badge("mismatch");
  else if (prompt) badge("signing");
  else badge(trusted ? "verified" : "checking");
}

function block(reason, state = "mismatch") {
  if (settled || blocked) return;
  blocked = reason;
  prompt?.abort();
  fill("mismatch", reason);
  show(outcome, state);
  refreshButtons();
}

// Verification.

async function trust(data) {
  try {
    const shown = await expected(data, here);
    checkScreen(shown);
    // Not shown from, but others read it: it has to be the same.
    if (JSON.stringify(data.payload) !== data.payloadText) {
      throw new Mismatch("The payload is not what its text says.");
    }
    fill("hash", hex(shown.payloadHash));
    fill("bytes", String(utf8(data.payloadText).length));
    trusted = Object.fromEntries(TEXTS.map((name) => [name, data[name]]));
    trusted.shown = shown;
    countDown();
    refreshButtons();
  } catch (error) {
    block(error instanceof Mismatch ? error.message : "The server's answer could not be read.");
  }
}

function watchScreen() {
  const observer = new MutationObserver(() => {
    try {
      if (trusted && !settled) checkScreen(trusted.shown);
    } catch (error) {
      block(error.message);
    }
  });
  const all = { attributes: true, characterData: true, childList: true, subtree: true };
  for (const element of [signed, byId("exact")]) observer.observe(element, all);
  observer.observe(main, { attributes: true, childList: true });
}

// Following the confirmation.

async function accept(data) {
  clock = { server: Date.parse(data.serverTime), local: performance.now() };
  if (data.status !== "pending") {
    isFinal = true;
    return settle(data);
  }
  if (trusted === null && !blocked) return trust(data);
  if (trusted && TEXTS.some((name) => data[name] !== trusted[name])) {
    block("The server now answers with something else than before.");
  }
  return undefined;
}

function settle(data) {
  const isFirst = !settled;
  settled = true;
  prompt?.abort();
  fill("decidedAt", moment(data.signedAt ?? data.decidedAt ?? ""));
  fill("expiresAt", moment(data.expiresAt ?? ""));
  fill("cancelledAt", moment(data.cancelledAt ?? ""));
  fill("evidenceId", data.evidenceId ?? "");
  fill("reason", reasonWords(data.rejection?.reason));
  show(outcome, stateOf(data));
  const title = outcome.querySelector("[data-for]:not([hidden]) .title").textContent;
  document.title = `${title} · Cosignet`;
  hideForms();
  if (isFirst) outcome.focus();
}

function hideForms() {
  byId("decide").hidden = true;
  byId("bar").hidden = true;
}

function stateOf({ status, cancelledAt, rejection }) {
  if (cancelledAt) return "cancelled";
  return status === "rejected" && rejection?.signed ? "rejected-signed" : status;
}

function reasonWords(reason) {
  const choice = [...main.querySelectorAll("[name=reason]")].find(({ value }) => value === reason);
  return choice ? `${choice.parentElement.textContent.trim()}.` : "";
}

/** Have the server asked at once, not when it lets go of the request it holds. */
function askNow() {
  held?.abort();
}

/** Hold a request open until something is decided; when away, say so and come back. */
async function follow() {
  let failures = 0;
  let query = "";
  while (!isFinal && !leaving) {
    held = query ? new AbortController() : null;
    const asked = performance.now();
    try {
      await accept(await get(`${path}/data${query}`, held?.signal));
      failures = 0;
      if (query && performance.now() - asked < 1000) await sleep(1000);
      query = `?wait=${WAIT_SECONDS}`;
      if (!settled) refreshButtons();
    } catch (error) {
      query = "";
      if (error.name === "AbortError") continue;
      badge("away");
      await sleep(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
      failures += 1;
    }
  }
}

function countDown() {
  if (settled || !clock || !trusted) return;
  const seconds = Math.ceil((Date.parse(trusted.shown.context.expiresAt) - serverNow()) / 1000);
  byId("left").textContent = seconds > 0 ? inWords(seconds) : "Time is up";
  byId("left").classList.toggle("soon", seconds < 60);
  if (seconds <= 0) askNow(); // the server's answer decides, not this clock
}

// Deciding.

async function sign(purpose, members) {
  if (settled || blocked || prompt || !trusted) return;
  prompt = new AbortController();
  const { signal } = prompt;
  say();
  refreshButtons();
  try {
    const shown = await expected(trusted, here);
    checkScreen(shown);
    const options = await post(`${path}/options`, { purpose }, signal);
    const publicKey = checkOptions(options,
      { challenge: shown[purpose], rpId: shown.context.rpId });
    checkScreen(shown);
    const credential = await usePasskey(publicKey, signal);
    checkScreen(shown);
    if (blocked || settled) return;
    settle(await post(`${path}/${purpose}`, { credential, ...members }));
    askNow();
  } catch (error) {
    await explain(error);
  } finally {
    prompt = null;
    if (!settled) refreshButtons();
  }
}

async function explain(error) {
  if (error instanceof Mismatch) return block(error.message);
  if (settled || blocked) return undefined;
  say(error.message, error instanceof Trouble ? error.cure : "Nothing was signed.");
  if (error.status === 409) askNow(); // somebody else decided
  return undefined;
}

function reason() {
  const chosen = new FormData(byId("decide")).get("reason");
  return chosen ? { reason: chosen } : {};
}

function approve(event) {
  if (!event.isTrusted) return;
  if (performance.now() - inView < LOOK_MS) {
    say("The page has just come into view. Look at it, then tap again.");
    return;
  }
  sign("approve", {});
}

async function reject(event) {
  event.preventDefault();
  say();
  try {
    settle(await post(`${path}/reject`, { token: main.dataset.token, ...reason() }));
    askNow();
  } catch (error) {
    await explain(error);
  }
}

// The page itself.

function cameIntoView() {
  inView = performance.now();
}

async function copyLink() {
  await navigator.clipboard.writeText(location.href);
  byId("copy-link").textContent = "Copied";
}

function start() {
  approveButton.addEventListener("click", approve);
  signRejectButton.addEventListener("click", (event) => event.isTrusted && sign("reject", reason()));
  byId("decide").addEventListener("submit", reject);
  byId("copy-link").addEventListener("click", copyLink);
  window.addEventListener("focus", cameIntoView);
  document.addEventListener("visibilitychange", () => {
    cameIntoView();
    if (!document.hidden) askNow();
  });
  window.addEventListener("pagehide", () => {
    leaving = true;
    askNow();
  });
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  setTimeout(() => settled || refreshButtons(), LOOK_MS);
  if (window.top !== window.self) {
    block("framed", "framed");
    hideForms();
  } else if (!isSupported()) {
    show(outcome, "unsupported");
  }
  watchScreen();
  setInterval(countDown, 1000);
  follow();
}

start();
