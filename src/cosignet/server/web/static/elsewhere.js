// Where there is no passkey: what kind of browser this is, and ways to a better one.
import { attend } from "./page.js";

// Names that apps give their own browsers. "; wv)" is Android's mark of one; on Apple's phones,
// only browsers say Safari.
const IN_APP = new RegExp(["FBA[NV]", "FB_IAB", "Instagram", "Line/", "MicroMessenger",
  "LinkedInApp", "Snapchat", "Twitter", "TikTok", "musical_ly", "BytedanceWebview", "Pinterest",
  "Slack", "GSA/", "; wv\\)"].join("|"));
const APPLE = /iPhone|iPad|iPod/;

document.addEventListener("click", ({ target }) => {
  if (target.matches(".copy")) copy(target);
  if (target.matches(".reveal")) reveal();
});

/** Unfold the code for other devices, and bring it into view; `told`, if given, has the focus. */
export function reveal(told) {
  const place = document.getElementById("other");
  place.open = true;
  place.scrollIntoView({ block: "center" });
  if (told) attend(told);
}

/** The state to tell while nothing happens: "in-app", "unsupported", "no-passkey", or "". */
export async function find(isSupported) {
  offerOutside(outside(location.href));
  if (isInApp()) return "in-app";
  if (!isSupported) return "unsupported";
  return await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable()
    ? "" : "no-passkey";
}

/** Whether this is an app's own browser. */
export function isInApp(agent = navigator.userAgent) {
  return IN_APP.test(agent) || (APPLE.test(agent) && !agent.includes("Safari/"));
}

/** An address that opens `url` in the phone's own browser, or "" where none is known. */
export function outside(url, agent = navigator.userAgent) {
  const { protocol, host, pathname } = new URL(url);
  if (agent.includes("Android")) {
    return `intent://${host}${pathname}#Intent;scheme=${protocol.slice(0, -1)};end`;
  }
  return APPLE.test(agent) ? `x-safari-${url}` : "";
}

function offerOutside(address) {
  for (const link of document.querySelectorAll(".outside")) {
    link.hidden = address === "";
    if (address) link.href = address;
  }
}

/** Put the page's address where it can be pasted from; or show it, where that is forbidden. */
async function copy(button) {
  const address = location.href.split("#")[0];
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
  } catch {
    const shown = document.createElement("p");
    shown.className = "mono";
    shown.textContent = address;
    button.replaceWith(shown);
    getSelection().selectAllChildren(shown);
  }
}
