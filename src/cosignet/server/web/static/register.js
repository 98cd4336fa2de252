// The register page: create a passkey, use it once for practice, and say what comes next.
import { createPasskey, isSupported, post, usePasskey } from "./passkey.js";

const byId = (name) => document.getElementById(name);
const invite = byId("main").dataset.invite;
let credentialId = "";
let isActivated = false;

function step(name) {
  for (const element of byId("steps").querySelectorAll("[data-for]")) {
    element.hidden = element.dataset.for !== name;
    if (!element.hidden) element.focus();
  }
}

function fill(name, text) {
  for (const element of document.querySelectorAll(`[data-fill="${name}"]`)) {
    element.textContent = text;
  }
}

function say(...sentences) {
  const text = sentences.filter(Boolean).join(" ");
  byId("note").textContent = text;
  byId("note").hidden = text === "";
}

/** Run one ceremony with its button off, and put failures into words. */
async function attempt(button, ceremony) {
  button.disabled = true;
  say();
  try {
    await ceremony();
  } catch (error) {
    say(error.message, error.cure);
  } finally {
    button.disabled = false;
  }
}

async function create() {
  const username = byId("username").value.trim().toLowerCase();
  const options = await post("/register/options", { invite, username });
  const credential = await createPasskey(options);
  const made = await post("/register", { invite, username, credential });
  credentialId = made.credentialId;
  isActivated = made.activated;
  fill("username", made.username);
  step("practice");
}

async function practise() {
  const options = await post("/register/practice/options", { credentialId });
  const credential = await usePasskey(options);
  const done = await post("/register/practice", { credentialId, credential });
  if (done.apiKey) {
    fill("key", done.apiKey.key);
    fill("curl", done.curl);
    byId("first-key").hidden = false;
  }
  step(isActivated ? "done" : "waiting");
}

async function copy({ currentTarget: button }) {
  try {
    await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
    byId("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(byId(button.dataset.copy));
    byId("copied").textContent = "It is selected now: copy it with your keyboard.";
  }
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
    attempt(button, create);
  });
  byId("practise").addEventListener("click", ({ currentTarget }) =>
    attempt(currentTarget, practise));
  for (const copier of document.querySelectorAll("[data-copy]")) {
    copier.addEventListener("click", copy);
  }
  button.disabled = false;
}

start();
