// The page of a private confirmation while it is locked: one passkey prompt, then the page itself.
import { isSupported, post, usePasskey } from "./passkey.js";

// 32 bytes: an approval signs 48, so nothing that is signed here could ever pass for one.
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

const button = document.getElementById("unlock");
const note = document.getElementById("note");
const path = `/confirm/${document.getElementById("main").dataset.confirmation}/unlock`;

function say(...sentences) {
  const text = sentences.filter(Boolean).join(" ");
  note.textContent = text;
  note.hidden = text === "";
}

async function unlock() {
  const { challenge, rpId, timeout } = await post(`${path}/options`, {});
  if (!CHALLENGE.test(challenge) || rpId !== location.hostname) {
    throw new Error("The server asked to sign something else. Nothing was signed.");
  }
  const options = { challenge, rpId, timeout, userVerification: "required", allowCredentials: [] };
  await post(path, { credential: await usePasskey(options) });
  location.reload();
}

button.addEventListener("click", async (event) => {
  if (!event.isTrusted) return;
  button.disabled = true;
  say();
  try {
    await unlock();
  } catch (error) {
    say(error.message, error.cure);
    button.disabled = false;
  }
});

if (!isSupported()) {
  button.disabled = true;
  say("This browser cannot use passkeys.", "Open the link in your phone’s or computer’s own browser.");
}
