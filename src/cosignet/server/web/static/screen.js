// The signed region of the confirm page, checked: is it what is signed, and can it be seen?
import { build, exact, prepare, render } from "./card.js";
import { byId } from "./page.js";
import { checkData, Mismatch } from "./verify.js";

const CHANGED = "The card was changed after it was made.";
const signed = byId("signed");

/** How long there is left, in the two largest units that say something. */
export function inWords(seconds) {
  const units = [[86_400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
  for (const [large, name, small, lesser] of units) {
    if (seconds >= large) {
      const rest = Math.floor((seconds % large) / small);
      return `${Math.floor(seconds / large)} ${name} ${rest} ${lesser} left`;
    }
  }
  return `${seconds} s left`;
}

/** Everything that is to be on the screen, made anew from the signed texts. Throws Mismatch. */
export async function expected(data, here) {
  const checked = await checkData(data, here);
  await prepare(data.payloadText, data.context);
  return {
    ...checked,
    region: build(document, render(data.payloadText, data.context)),
    exact: build(document, exact(data.payloadText)),
  };
}

/** Throws Mismatch with `message` unless the screen shows exactly the expected nodes, and all. */
export function checkScreen({ region, exact: text }, message = CHANGED) {
  const isShown = signed.isConnected && document.querySelectorAll("#signed").length === 1
    && holds(signed, region) && holds(byId("exact"), text) && isSeen();
  if (!isShown) throw new Mismatch(message);
}

/** Call `check` whenever something changes that it looks at. */
export function watchScreen(check) {
  const observer = new MutationObserver(check);
  const all = { attributes: true, characterData: true, childList: true, subtree: true };
  for (const element of [signed, byId("exact")]) observer.observe(element, all);
  observer.observe(byId("main"), { attributes: true, childList: true });
}

function holds(container, node) {
  const copy = container.cloneNode(true);
  copy.normalize(); // parsers may split a long text
  const hasShadow = [container, ...container.querySelectorAll("*")].some((e) => e.shadowRoot);
  return !hasShadow && copy.childNodes.length === 1 && copy.firstChild.isEqualNode(node);
}

/** Whether every text has a place on the screen: below a closed shadow root, none has. */
function isSeen() {
  const range = document.createRange();
  const texts = document.createTreeWalker(signed, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    range.selectNode(text);
    if (text.data.trim() && !(range.getClientRects().length && isVisible(text.parentNode))) {
      return false;
    }
  }
  return true;
}

function isVisible(element) {
  return element.checkVisibility?.({ opacityProperty: true, visibilityProperty: true }) !== false;
}
