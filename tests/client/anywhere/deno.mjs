import { gate } from "./gate.mjs";

console.log(JSON.stringify(await gate(JSON.parse(Deno.args[0]))));
