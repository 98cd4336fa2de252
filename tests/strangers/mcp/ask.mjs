// The official client in TypeScript asks a human, waits, and uses the approval up: node ask.mjs URL KEY APPROVER
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, key, approver] = process.argv.slice(2);
const say = (value) => console.log(JSON.stringify(value));
const client = new Client({ name: "stranger", version: "0" });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { "X-Api-Key": key } } }));
const call = async (name, args, options) => {
  const result = await client.callTool({ name, arguments: args }, undefined, options);
  if (result.isError) throw new Error(result.content[0].text);
  return result.structuredContent;
};

say((await client.listTools()).tools.map((tool) => tool.name));
const asked = await call("request_human_approval", { action: "Deploy", payload: { sha: "abc" }, approver_username: approver });
say({ url: asked.url, status: asked.status });
const onprogress = (progress) => progress.message && console.error(progress.message);
let found = asked;
while (found.status === "pending") {
  found = await call("get_approval_status", { id: asked.id, wait_seconds: 25 }, { onprogress, timeout: 40_000 });
}
const verified = await call("verify_approval", { id: asked.id, payload: { sha: "abc" } });
const consumed = await call("consume_approval", { id: asked.id, token: "0123456789abcdef" });
say({ status: found.status, mayRun: verified.mayRun, consumed: consumed.consumedAt !== null });
await client.close();
