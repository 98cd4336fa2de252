// html-validate: the page as it was sent, and as scripts left it.
import { HtmlValidate, StaticConfigLoader } from "html-validate";

const SENT = ["html-validate:recommended", "html-validate:document", "html-validate:a11y"];
// A browser writes out what it holds in its own style: there only what is wrong counts.
const HELD = ["html-validate:standard", "html-validate:document", "html-validate:a11y"];

const judge = (extended) => {
  // Everything is from this server: a hash beside the address would come from the same hand.
  const rules = { "require-sri": ["error", { target: "crossorigin" }] };
  const loader = new StaticConfigLoader({ root: true, extends: extended, rules });
  const validator = new HtmlValidate(loader);
  return (text) => validator.validateString(text);
};
const sent = judge(SENT);
const held = judge(HELD);

/** Return what is wrong with pages of {name, sent, held}, as texts. */
export async function valid(pages) {
  const found = [];
  for (const page of pages) {
    for (const [kind, report] of [
      ["as sent", page.sent && (await sent(page.sent))],
      ["after scripts", await held(page.held)],
    ]) {
      for (const { messages } of report?.results ?? []) {
        for (const { ruleId, message, selector } of messages) {
          found.push(`${page.name}, ${kind}: ${ruleId}: ${message} (${selector})`);
        }
      }
    }
  }
  return found;
}
