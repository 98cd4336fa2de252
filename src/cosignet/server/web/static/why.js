// Why somebody has just rejected: one tap, which moves nothing on the page.
import { post } from "./passkey.js";

/** Send the first reason that is tapped. */
export function listen(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tell(form, event.submitter);
  });
}

async function tell(form, chosen) {
  enable(form, false);
  remark(form);
  try {
    await post(form.action, { token: form.elements.token.value, reason: chosen.value });
    chosen.ariaPressed = "true";
    const legend = form.querySelector("legend");
    legend.textContent = `Noted. ${chosen.textContent}.`;
    legend.focus({ preventScroll: true });
  } catch (error) {
    if (error.code === "reason_given") location.reload(); // which one, the page knows
    enable(form, true);
    remark(form, error.message, error.cure, "It stays rejected.");
  }
}

function enable(form, enabled) {
  for (const button of form.querySelectorAll("button")) button.disabled = !enabled;
}

function remark(form, ...sentences) {
  const note = form.querySelector(".note");
  note.textContent = sentences.join(" ");
  note.hidden = sentences.length === 0;
}
