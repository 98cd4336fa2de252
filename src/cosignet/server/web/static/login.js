// The sign-in page: one passkey prompt, then the page that was wanted.
import { isSupported, post } from "./passkey.js";
import { inWords, say, signCeremony } from "./trouble.js";

const byId = (name) => document.getElementById(name);
const button = byId("sign-in");

async function signIn() {
  button.disabled = true;
  say();
  try {
    const options = await post("/login/options", {});
    await post("/login", { credential: await signCeremony(options) });
    location.assign(byId("main").dataset.next);
  } catch (error) {
    say(...inWords(error, "sign-in"));
    button.disabled = false;
    button.focus();
  }
}

if (isSupported()) {
  button.addEventListener("click", signIn);
  button.disabled = false;
} else {
  button.classList.add("past");
  say("This browser cannot use passkeys.",
    "Open this page in your phone’s or computer’s own browser, up to date.");
}
