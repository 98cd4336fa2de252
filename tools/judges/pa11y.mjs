// pa11y with HTML_CodeSniffer, WCAG 2 AA, on a page as it stands.
import pa11y from "pa11y";

/** Return the errors on each screen of {name, width, height, scheme}, as texts. */
export async function accessible(browser, page, screens) {
  const found = [];
  for (const { name, width, height, scheme } of screens) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    const { issues } = await pa11y("about:blank", {
      browser,
      page,
      ignoreUrl: true,
      runners: ["htmlcs"],
      standard: "WCAG2AA",
      userAgent: "",
      viewport: { width, height },
    });
    for (const { code, message, selector } of issues) {
      found.push(`${name}: ${code}: ${message} (${selector})`);
    }
  }
  return found;
}
