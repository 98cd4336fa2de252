// The payload's one text, taken at the moment of asking; what is not JSON is refused, not dropped.

import { PayloadRefused } from "./errors.ts";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

const DEPTH_MAX = 64;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Return the canonical text. Throws PayloadRefused for what JSON.stringify would drop or change. */
export function canonicalPayload(payload: unknown): string {
  if (!isPlainObject(payload)) throw new PayloadRefused("payload", "it is no plain object");
  check(payload, "payload", 1);
  // Once more through JSON, so that integer-like keys and numbers stand as everybody writes them.
  return JSON.stringify(JSON.parse(JSON.stringify(payload)));
}

function check(value: unknown, path: string, depth: number): void {
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") return checkText(value, path);
  if (typeof value === "number") return checkNumber(value, path);
  if (depth > DEPTH_MAX) throw new PayloadRefused(path, `nested deeper than ${DEPTH_MAX} levels`);
  if (Array.isArray(value)) return checkArray(value, path, depth);
  if (!isPlainObject(value)) throw new PayloadRefused(path, "it is not a JSON value");
  checkObject(value, path, depth);
}

function checkText(text: string, path: string): void {
  if (LONE_SURROGATE.test(text)) throw new PayloadRefused(path, "half of a surrogate pair");
}

function checkNumber(number: number, path: string): void {
  if (!Number.isFinite(number)) throw new PayloadRefused(path, "NaN and Infinity are not JSON");
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) {
    throw new PayloadRefused(path, "beyond ±(2^53 − 1): send it as a string");
  }
}

function checkArray(items: unknown[], path: string, depth: number): void {
  const extra = Reflect.ownKeys(items).length !== items.length + 1;
  if (extra || "toJSON" in items) throw new PayloadRefused(path, "the list has holes or members");
  items.forEach((item, index) => check(item, `${path}[${index}]`, depth + 1));
}

function checkObject(members: Record<string, unknown>, path: string, depth: number): void {
  const descriptors = Object.getOwnPropertyDescriptors(members);
  for (const key of Reflect.ownKeys(members)) {
    const at = `${path}.${String(key)}`;
    if (typeof key === "symbol") throw new PayloadRefused(at, "every key is a text");
    const one = descriptors[key];
    if (!one?.enumerable || !("value" in one)) throw new PayloadRefused(at, "it is no plain value");
    if (key === "toJSON" && typeof one.value === "function") {
      throw new PayloadRefused(at, "it is not a JSON value");
    }
    checkText(key, at);
    check(one.value, at, depth + 1);
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return (prototype === null || prototype === Object.prototype) && !hasForeignToJson(value);
}

function hasForeignToJson(value: object): boolean {
  return !Object.hasOwn(value, "toJSON") && "toJSON" in value;
}
