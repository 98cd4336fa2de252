// Answers for static/card.js on standard input and output, a JSON text a line:
//   {"shown": text}             → the pieces of the text
//   {"render": [payload, context]} → the tree, or null where the texts are refused
import { createInterface } from "node:readline";
import { prepare, render, shown } from "../../src/cosignet/server/web/static/card.js";

await prepare("[{\uffff", "");

function answer(question) {
  if ("shown" in question) return shown(question.shown);
  try {
    return render(...question.render);
  } catch {
    return null;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
