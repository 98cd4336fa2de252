// What JavaScript itself makes of payload texts, on standard input and output. A line is a JSON
// array of base64 texts; its answer, a line as well, is an array of [canonical text, SHA-256].
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function answer(textBase64) {
  const text = decoder.decode(Buffer.from(textBase64, "base64"));
  const canonical = JSON.stringify(JSON.parse(text));
  return [canonical, createHash("sha256").update(canonical).digest("hex")];
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(answer))}\n`);
}
