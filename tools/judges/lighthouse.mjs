// Lighthouse as a mobile phone: a page that is loaded (all categories), or as it stands.
import lighthouse, { snapshot } from "lighthouse";

// A pending confirmation always has one request open: Lighthouse would wait for the line to be quiet.
const WAIT_MS = 10_000;
const FLAGS = {
  formFactor: "mobile",
  logLevel: "silent",
  disableStorageReset: true,
  maxWaitForLoad: WAIT_MS,
};
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];

function summary({ lhr }) {
  if (lhr.runtimeError) throw new Error(`${lhr.runtimeError.code}: ${lhr.runtimeError.message}`);
  const missed = {};
  const scores = {};
  for (const [name, { score, auditRefs }] of Object.entries(lhr.categories)) {
    scores[name] = Math.round(score * 100);
    missed[name] = auditRefs
      .filter(({ id, weight }) => weight && (lhr.audits[id].score ?? 1) < 1)
      .map(({ id }) => words(lhr.audits[id]));
  }
  const value = (id) => lhr.audits[id]?.numericValue;
  return {
    scores,
    missed,
    paintMs: value("largest-contentful-paint"),
    shift: value("cumulative-layout-shift"),
  };
}

// What an audit says, and of which elements.
function words({ id, title, displayValue, details }) {
  const nodes = (details?.items ?? []).flatMap((item) => item.node?.selector ?? []).slice(0, 3);
  return `${id}: ${displayValue ?? title}${nodes.length ? ` (${nodes.join(", ")})` : ""}`;
}

/** Load a URL in a page of its own and judge it: scores, what was missed, paint, shift. */
export async function loaded(browser, url) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const look = () => lighthouse(url, { ...FLAGS, onlyCategories: CATEGORIES }, undefined, page);
  try {
    const found = await look();
    // Now and then the recording misses its own beginning, which says nothing about the page.
    return summary(found.lhr.runtimeError?.code === "NO_NAVSTART" ? await look() : found);
  } finally {
    await context.close();
  }
}

/** Judge a page as it stands: scores, and what was missed. */
export async function standing(page) {
  const onlyCategories = ["accessibility", "best-practices"];
  return summary(await snapshot(page, { flags: { ...FLAGS, onlyCategories } }));
}
