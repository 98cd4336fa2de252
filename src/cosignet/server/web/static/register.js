// The register page: create a passkey, use it once for practice, and say what comes next.
import { createPasskey, isSupported, post } from "./passkey.js";
import { fill, inWords, letCopy, say, signCeremony } from "./trouble.js";

const byId = (name) => document.getElementById(name);
const { invite } = byId("main").dataset;
let credentialId = "";
let isActivated = false;
let username = "";

/** Show one step under its title; the page has one heading of its own. */
function step(name) {
  for (const element of byId("steps").querySelectorAll("[data-for]")) {
    element.hidden = element.dataset.for !== name;
    if (element.hidden) continue;
    byId("title").textContent = element.dataset.title.replace("NAME", username);
    element.focus();
  }
}

/** Run one ceremony with its button off, and put failures into words. */
async function attempt(button, ceremony, doing) {
  button.disabled = true;
  say();
  try {
    await ceremony();
  } catch (error) {
    if (error.code === "invite_pinned") showPinned();
    else say(...inWords(error, doing));
  } finally {
    button.disabled = false;
  }
}

/** Whom the invite is for, and what to do for who is somebody else, has a page of its own. */
function showPinned() {
  const query = new URLSearchParams({ invite, username: byId("username").value });
  location.assign(`/register?${query}`);
}

async function create() {
  const who = { invite, username: byId("username").value.trim().toLowerCase() };
  const options = await post("/register/options", who);
  const credential = await createPasskey(options);
  const made = await post("/register", { ...who, credential });
  ({ credentialId, username } = made);
  isActivated = made.activated;
  fill("username", username);
  step("practice");
}

async function practise() {
  const options = await post("/register/practice/options", { credentialId });
  const credential = await signCeremony(options);
  const done = await post("/register/practice", { credentialId, credential });
  if (done.apiKey) {
    fill("key", done.apiKey.key);
    fill("curl", done.curl);
    byId("first-key").hidden = false;
    byId("first-key-shown").hidden = false;
  }
  step(isActivated ? "done" : "waiting");
}

function start() {
  if (!isSupported()) {
    step("unsupported");
    return;
  }
  const form = byId("create");
  const button = form.querySelector("button");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(button, create, "create");
  });
  byId("practise").addEventListener("click", ({ currentTarget }) =>
    attempt(currentTarget, practise, "practice"));
  letCopy();
  button.disabled = false;
}

start();
