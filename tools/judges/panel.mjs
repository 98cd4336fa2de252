// The judges that are Node programs, in one process: takes a question a line, answers a line each.
// The browser is the one that the caller started, with its pages as they stand.
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

import { loaded, standing } from "./lighthouse.mjs";
import { observe } from "./observatory.mjs";
import { accessible } from "./pa11y.mjs";
import { valid } from "./validate.mjs";

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
console.log = console.info = console.error; // what judges mutter is no answer

let browser = null;

async function page(target) {
  for (const one of browser.targets()) {
    if (one._targetId === target) return one.page();
  }
  throw new Error(`no page ${target}`);
}

const QUESTIONS = {
  connect: async ({ port }) => {
    const browserURL = `http://127.0.0.1:${port}`;
    browser = await puppeteer.connect({ browserURL, defaultViewport: null });
    return await browser.version();
  },
  validate: ({ pages }) => valid(pages),
  pa11y: async ({ target, screens }) => accessible(browser, await page(target), screens),
  standing: async ({ target }) => standing(await page(target)),
  loaded: async ({ url }) => loaded(browser, url),
  observe,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { judge, ...asked } = JSON.parse(line);
  try {
    say({ answer: await QUESTIONS[judge](asked) });
  } catch (error) {
    say({ error: error.stack });
  }
}
await browser?.disconnect();
