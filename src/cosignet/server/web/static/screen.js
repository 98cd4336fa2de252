// What stands on the confirm page: its words, chosen and filled in, and its signed region, checked.
import { build, exact, prepare, render } from "./card.js";
import { checkData, Mismatch } from "./verify.js";

export const byId = (name) => document.getElementById(name);
const signed = byId("signed");

/** Of the elements that carry data-for, let only `name` be seen. */
export function show(container, name) {
  container.dataset.state = name;
  for (const element of container.querySelectorAll("[data-for]")) {
    element.hidden = element.dataset.for !== name;
  }
}

/** Write a text into every element that carries this data-fill. */
export function fill(name, text) {
  for (const element of document.querySelectorAll(`[data-fill="${name}"]`)) {
    element.textContent = text;
  }
}

/** Tell the person something that passes, or nothing. */
export function say(...sentences) {
  const text = sentences.filter(Boolean).join(" ");
  byId("note").textContent = text;
  byId("note").hidden = text === "";
}

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

/** Throws Mismatch unless the screen shows exactly the expected nodes, and nothing else in them. */
export function checkScreen({ region, exact: text }) {
  const isShown = signed.isConnected && document.querySelectorAll("#signed").length === 1
    && holds(signed, region) && holds(byId("exact"), text)
    && signed.firstChild.checkVisibility?.({ opacityProperty: true, visibilityProperty: true })
      !== false;
  if (!isShown) throw new Mismatch("The card was changed after it was made.");
}

function holds(container, node) {
  const copy = container.cloneNode(true);
  copy.normalize(); // parsers may split a long text
  const hasShadow = [container, ...container.querySelectorAll("*")].some((e) => e.shadowRoot);
  return !hasShadow && copy.childNodes.length === 1 && copy.firstChild.isEqualNode(node);
}
