// What the browser's passkey dialogs end with, in plain words for what was being done; and what
// the pages around them share: a signature that is no approval, a remark, texts filled in, copying.
import { byId } from "./page.js";
import { Trouble, usePasskey } from "./passkey.js";

export { fill, say } from "./page.js";

const OTHER_DEVICE = "If your passkey is on your phone, choose “another device” in the prompt.";
const NOTHING_CHANGED = "Nothing was changed. You can try again.";

/** By what was being done, then by the DOMException's name, which is the Trouble's code. */
const WORDS = {
  "sign-in": {
    NotAllowedError: ["You are not signed in: the prompt was closed, it timed out, or this device"
      + " has no passkey for this site.", OTHER_DEVICE],
  },
  change: {
    NotAllowedError: ["The prompt was closed, it timed out, or your passkey is not here.",
      `${NOTHING_CHANGED} ${OTHER_DEVICE}`],
  },
  create: {
    NotAllowedError: ["No passkey was created: the prompt was closed, or it timed out, or this"
      + " device could not check that it is you.",
      "If it has no screen lock, fingerprint or face set up, set one up, or use another device."],
    InvalidStateError: ["This device already holds a passkey for you here.",
      "It works. To have a second one, use another device."],
    ConstraintError: ["This device cannot check that it is you.",
      "Set up a screen lock, fingerprint or face first, or use another device."],
    NotSupportedError: ["This device offers no kind of passkey that we accept.",
      "Use a phone, or a security key."],
  },
};
const ANY = {
  AbortError: ["The prompt was closed.", "Nothing happened. You can try again."],
  TimeoutError: ["The prompt timed out.", "Nothing happened. You can try again."],
  SecurityError: ["Passkeys do not work at this address.",
    "Open the page under the address it was sent with."],
  NotReadableError: ["The passkey could not be read.",
    "Unlock the device that has it, and try again."],
  UnknownError: ["The passkey did not answer.",
    "Nothing happened. Try again, or use another device."],
};

/** What to tell a person about a failure while `doing` something: "sign-in", "change", "create". */
export function inWords(error, doing) {
  const known = WORDS[doing]?.[error.code] ?? ANY[error.code];
  return known ?? [error.message, error instanceof Trouble ? error.cure : "Load the page again."];
}

const CEREMONY_CHARACTERS = 43; // 32 bytes in base64url

/** Sign what is no approval. An approval signs 48 bytes: whatever the server says, none is signed
    under another name. Throws Trouble. */
export async function signCeremony(options) {
  if (options.challenge?.length !== CEREMONY_CHARACTERS) {
    throw new Trouble("The server asked for something else than it should.",
      "Nothing was signed. Tell its operator.");
  }
  return usePasskey(options);
}

/** Let every button with data-copy copy the text of the element it names. */
export function letCopy() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(byId(button.dataset.copy)));
  }
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    byId("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(source);
    byId("copied").textContent = "It is selected now: copy it with your keyboard.";
  }
}
