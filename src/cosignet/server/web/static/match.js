// High risk: the person picks the code that is shown where this was asked.
import { byId } from "./page.js";

const CODE = /^[1-9][0-9]{2}$/;
const place = byId("match");

/** Offer the codes; throws unless they are three different ones. */
export function offer(choices) {
  const isSound = Array.isArray(choices) && new Set(choices).size === 3
    && choices.every((code) => typeof code === "string" && CODE.test(code));
  if (!isSound) throw new Error("There are no three match codes.");
  byId("codes").replaceChildren(...choices.map(choice));
  place.hidden = false;
}

function choice(code) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "matchCode", value: code });
  label.className = "code";
  label.append(input, code);
  return label;
}

/** The code that was picked, or undefined. */
export function picked() {
  return place.querySelector(":checked")?.value;
}

/** Take the pick back, after it was a wrong one. */
export function unpick() {
  for (const input of place.querySelectorAll("input")) input.checked = false;
}

/** Bring the codes into view. */
export function ask() {
  place.scrollIntoView({ block: "center" });
  place.querySelector("input").focus({ preventScroll: true });
}
