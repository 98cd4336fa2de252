// The confirm page: verify what is on the screen, keep it verified, and sign exactly that.
import { follow } from "./follow.js";
import { byId, fill, say, show } from "./page.js";
import { get, isSupported, post, Trouble, usePasskey } from "./passkey.js";
import { checkScreen, expected, inWords, watchScreen } from "./screen.js";
import { checkOptions, hex, Mismatch, utf8 } from "./verify.js";

const LOOK_MS = 700; // a click sooner after something came into view was not meant for it
const GLANCE = 96; // pixels of a card: its heading and first value
const DECIDED = ["approved", "rejected", "expired"];
const TEXTS = ["payloadText", "context", "rejectContext", "payloadHash"];
const LATER = "This page tells as soon as it is recorded.";
// What the server may refuse a passkey for that has a state of its own.
const STATES = { credential_not_yours: "wrong-person", approver_not_activated: "not-activated" };

const main = byId("main");
const outcome = byId("outcome");
const approveButton = byId("approve");
const signRejectButton = byId("reject-signed");
const path = `/confirm/${main.dataset.confirmation}`;
const here = { id: main.dataset.confirmation, origin: location.origin, host: location.hostname };

let trusted = null; // the texts that were verified first, and never change
let blocked = null; // why nothing may be signed on this page any more
let settled = false; // decided, expired or cancelled
let isAway = false; // the server did not answer when it was asked last
let isSending = false; // a decision of this page is on its way
let prompt = null; // AbortController of the open passkey prompt
let following = null; // how the server is asked: {letGo, askNow}
let standing = ""; // the state that is told while nothing happens
let isElsewhere = false; // no passkey on this device: told at the first tap
let reading = null; // of a card longer than the screen: how far it was read
let match = null; // at high risk: the numbers to choose from
const loaded = performance.now();
let inView = loaded;
let clock = null; // {server, local}: the server's time in ms, and performance.now() then

const serverNow = () => clock.server + performance.now() - clock.local;

function badge(name) {
  if (byId("badge").dataset.state !== name) show(byId("badge"), name);
}

function refresh() {
  const ready = trusted && !blocked && !prompt && isSupported();
  signRejectButton.disabled = !ready;
  approveButton.disabled = !ready || performance.now() - loaded < LOOK_MS;
  if (blocked) badge("mismatch");
  else if (isSending) badge("sending");
  else if (prompt) badge("signing");
  else if (isAway) badge(navigator.onLine ? "away" : "offline");
  else badge(trusted ? "verified" : "checking");
}

function block(reason, state = "mismatch") {
  if (settled || blocked) return;
  blocked = reason;
  prompt?.abort();
  fill("mismatch", reason);
  show(outcome, state);
  refresh();
}

// Verification.

async function trust(data) {
  try {
    const shown = await expected(data, here);
    checkScreen(shown, "What arrived does not fit what would be signed.");
    // Not shown from, but others read it: it has to be the same.
    if (JSON.stringify(data.payload) !== data.payloadText) {
      throw new Mismatch("The payload is not what its text says.");
    }
    await applyRisk(shown.context.risk, data);
    await measure();
    checkScreen(shown);
    fill("hash", hex(shown.payloadHash));
    fill("bytes", String(utf8(data.payloadText).length));
    fill("approver", shown.context.approver);
    fill("organisation", shown.context.org);
    trusted = Object.fromEntries(TEXTS.map((name) => [name, data[name]]));
    trusted.shown = shown;
    countDown();
    refresh();
  } catch (error) {
    block(error instanceof Mismatch ? error.message : "The server's answer could not be read.");
  }
}

/** The signed risk decides how the page looks and what it asks for, not what else was sent. */
async function applyRisk(risk, { matchChoices }) {
  main.classList.toggle("high", risk === "high");
  byId("band").hidden = risk !== "high";
  if (risk !== "high") return;
  match = await import("./match.js");
  match.offer(matchChoices);
}

/** A card longer than the screen, or not in view at all, is read before it is approved. */
async function measure() {
  const card = main.querySelector(".card");
  const { top, height } = card.getBoundingClientRect();
  const room = innerHeight - byId("bar").offsetHeight;
  if (reading || settled || !isSupported() || (height <= room && top + GLANCE < room)) return;
  const { readToEnd } = await import("./reading.js");
  reading ??= readToEnd(card, cameIntoView);
}

function watch() {
  try {
    if (trusted && !settled) checkScreen(trusted.shown);
  } catch (error) {
    block(error.message);
  }
}

// Following the confirmation.

async function accept(data) {
  clock = { server: Date.parse(data.serverTime), local: performance.now() };
  if (trusted && TEXTS.some((name) => data[name] !== trusted[name])) {
    block("The server now answers with something else than before.");
    if (data.status === "approved") return true; // not what is on the screen
  }
  if (DECIDED.includes(data.status)) await settle(data);
  else if (data.status !== "pending") throw new Error("not an answer to this");
  else if (!trusted && !blocked) await trust(data);
  return !settled;
}

/** Nothing more can be decided here: tell what has become of it. */
async function settle(data) {
  if (settled) return;
  settled = true;
  prompt?.abort();
  const isOurs = isSending;
  const { tellDecision } = await import("./decided.js").catch(() => location.reload());
  tellDecision(data, isOurs);
}

function setAway(away) {
  isAway = away;
  if (!settled) refresh();
}

function countDown() {
  if (settled || !clock || !trusted) return;
  const seconds = Math.ceil((Date.parse(trusted.shown.context.expiresAt) - serverNow()) / 1000);
  byId("left").textContent = seconds > 0 ? inWords(seconds) : "Time is up";
  byId("left").classList.toggle("soon", seconds < 60);
  if (seconds <= 0) following?.letGo(); // the server's answer decides, not this clock
}

// Deciding.

async function sign(purpose, members) {
  if (settled || blocked || prompt || !trusted) return;
  prompt = new AbortController();
  const { signal } = prompt;
  say();
  show(outcome, standing);
  refresh();
  try {
    const shown = await expected(trusted, here);
    checkScreen(shown);
    const options = await post(`${path}/options`, { purpose, matchCode: members.matchCode },
      signal);
    const publicKey = checkOptions(options,
      { challenge: shown[purpose], rpId: shown.context.rpId });
    checkScreen(shown);
    const credential = await usePasskey(publicKey, signal);
    checkScreen(shown);
    if (blocked || settled) return;
    await send(purpose, { credential, ...members });
  } catch (error) {
    await explain(error);
  } finally {
    prompt = null;
    if (!settled) refresh();
  }
}

/** Send a decision, and believe it is recorded only when the confirmation itself says so. */
async function send(purpose, body) {
  isSending = true;
  refresh();
  try {
    await post(`${path}/${purpose}`, body);
    await accept(await get(`${path}/data`).catch(() => {
      throw new Trouble("Your answer was sent, but the server went away.", LATER);
    }));
    if (!settled) throw new Trouble("The server took your answer, but has not recorded it.", LATER);
  } finally {
    following.askNow();
    isSending = false;
  }
}

async function explain(error) {
  if (error instanceof Mismatch) block(error.message);
  else if (!settled && !blocked) await tellTrouble(error);
}

async function tellTrouble(error) {
  if (error.code?.startsWith("match_code")) match?.unpick();
  if (error.status === 409) following.askNow(); // somebody else decided
  if (STATES[error.code]) {
    show(outcome, STATES[error.code]);
    outcome.focus();
    return;
  }
  say(error.message, error instanceof Trouble ? error.cure : "Nothing was signed.");
  if (error.code?.endsWith("Error")) await help(); // the prompt's, not the server's
}

/** Where passkeys do not work or are not at hand, show other ways; `waits`: at a tap, if it can. */
async function help(waits = false) {
  const { find } = await import("./elsewhere.js").catch(() => ({}));
  standing = await find?.(isSupported()) ?? "";
  isElsewhere = waits && standing === "no-passkey";
  if (!settled && !blocked && !isElsewhere) show(outcome, standing);
}

async function approve(event) {
  if (!event.isTrusted) return;
  try {
    await measure();
  } catch {
    say("A part of this page could not be loaded.", "Nothing was signed. Try again in a moment.");
    return;
  }
  const isSoon = performance.now() - inView < LOOK_MS;
  if (reading && !reading.isRead()) reading.readOn();
  else if (isSoon) say("The page has just come into view. Look at it, then tap again.");
  else pickAndSign();
}

/** With the match code, where one is asked for; and where the passkey is, if not here. */
function pickAndSign() {
  const matchCode = match?.picked();
  if (isElsewhere) help().then(() => outcome.focus());
  else if (!match || matchCode) sign("approve", { matchCode });
  else {
    say("Pick the match code that is shown where this was asked, then approve.");
    match.ask();
  }
}

async function reject(event) {
  event.preventDefault();
  say();
  await send("reject", { token: main.dataset.token })
    .catch((error) => settled || tellTrouble(error));
  if (!settled) refresh();
}

// The page itself.

function cameIntoView() {
  inView = performance.now();
}

function listen() {
  approveButton.addEventListener("click", approve);
  signRejectButton.addEventListener("click", (tap) => tap.isTrusted && sign("reject", {}));
  byId("decide").addEventListener("submit", reject);
  byId("other").addEventListener("toggle", () => import("./elsewhere.js"), { once: true });
  window.addEventListener("focus", cameIntoView);
  window.addEventListener("resize", () => trusted && measure().catch(() => {}));
  window.addEventListener("online", () => following.askNow());
  window.addEventListener("offline", () => setAway(true));
  document.addEventListener("visibilitychange", () => {
    cameIntoView();
    if (!document.hidden) following.askNow();
  });
  window.addEventListener("pagehide", () => following.stop());
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

async function start() {
  following = follow(`${path}/data`, { accept, onAway: setAway });
  listen();
  watchScreen(watch);
  setTimeout(() => settled || refresh(), LOOK_MS);
  setInterval(countDown, 1000);
  if (window.top !== window.self) {
    block("framed", "framed");
    for (const name of ["decide", "bar"]) byId(name).hidden = true;
  } else if (!isSupported()
    || !await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable()) {
    await help(true);
  }
}

start();
