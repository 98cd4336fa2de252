// Turns the SDK's source into what is published, without its types: node strip.mjs SOURCE TARGET
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

const [source, target] = process.argv.slice(2);
mkdirSync(target, { recursive: true });
for (const name of readdirSync(source)) {
  const code = stripTypeScriptTypes(readFileSync(`${source}/${name}`, "utf8"));
  const imports = code.replace(/(from "\.\/\w+)\.ts"/g, '$1.js"');
  writeFileSync(`${target}/${name.replace(/ts$/, "js")}`, imports);
}
