// What the confirm page tells once it is decided, expired or cancelled.
import { moment } from "./card.js";
import { attend, byId, fill, say, show } from "./page.js";

/** Swap the page to what has become of it; `isOurs`: whether this page sent the decision. */
export function tellDecision(data, isOurs) {
  const outcome = byId("outcome");
  fill("decidedAt", moment(data.signedAt ?? data.decidedAt ?? ""));
  fill("expiresAt", moment(data.expiresAt ?? ""));
  fill("cancelledAt", moment(data.cancelledAt ?? ""));
  fill("evidenceId", data.evidenceId ?? "none");
  for (const link of outcome.querySelectorAll("a[data-fill]")) {
    link.search = link.search.replace(/[^=]*$/, data.evidenceId ?? "");
  }
  fill("reason", reasonWords(data.rejection?.reason));
  for (const words of document.querySelectorAll(".elsewhere")) words.hidden = isOurs;
  show(outcome, stateOf(data));
  const title = outcome.querySelector("[data-for]:not([hidden]) .title").textContent;
  document.title = `${title} · Cosignet`;
  for (const name of ["decide", "bar", "match", "other"]) byId(name).hidden = true;
  byId("band").classList.add("past"); // stands above what is being read: its place stays
  say();
  if (isOurs && data.takesReason) askWhy(byId("why"));
  attend(outcome);
}

function stateOf({ status, cancelledAt, rejection }) {
  if (cancelledAt) return "cancelled";
  return status === "rejected" && rejection?.signed ? "rejected-signed" : status;
}

function reasonWords(reason) {
  const choice = byId("why").querySelector(`[value="${reason}"]`);
  return choice ? `${choice.textContent}.` : "";
}

/** Why, of who has just said no; as long as its script is missing, the form works without. */
function askWhy(form) {
  form.hidden = false;
  import("./why.js").then(({ listen }) => listen(form), () => {});
}
