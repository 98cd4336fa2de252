// One request, one answer, one deadline; and asking again until that is had.

import { RequestRefused, SetupIncomplete, Unavailable, visible } from "./errors.ts";
import type { JsonObject } from "./payload.ts";
import type { Timing } from "./timing.ts";

const BODY_BYTES_MAX = 1024 * 1024;
const LOCAL = new Set(["localhost", "127.0.0.1", "[::1]"]);
const AGAIN = new Set([408, 425, 429]);

export interface Sent {
  method: "GET" | "POST";
  path: string;
  body?: string;
  idempotencyKey?: string;
  // How long the server is asked to hold it.
  holds?: number;
}

interface Answer {
  status: number;
  body: JsonObject;
  retryAfter: number;
}

// There is no usable answer.
class Unheard extends Error {}

export class Door {
  readonly origin: string;
  readonly #base: string;
  readonly #key: string;
  readonly #fetch: typeof fetch;
  readonly #timing: Timing;
  readonly #alert: (unavailable: Unavailable) => void;
  readonly #warn: (words: string) => void;

  constructor(
    base: string, key: string | undefined, send: typeof fetch, timing: Timing,
    alert: (unavailable: Unavailable) => void, warn: (words: string) => void,
  ) {
    const url = parse(base);
    if (!key || !/^[!-~]+$/.test(key)) throw new SetupIncomplete("apiKey is missing or malformed.");
    this.origin = url.origin;
    this.#base = url.href.replace(/\/+$/, "");
    this.#key = key;
    this.#fetch = send;
    this.#timing = timing;
    this.#alert = alert;
    this.#warn = warn;
  }

  // Ask until there is an answer that `accept` likes, or the deadline (performance.now()) comes.
  // Throws RequestRefused, or Unavailable.
  async ask(
    sent: Sent, deadline: number, accept: (body: JsonObject) => boolean, signal?: AbortSignal,
  ): Promise<JsonObject> {
    for (let failures = 1; ; failures += 1) {
      signal?.throwIfAborted();
      const left = Math.max(this.#timing.grace, (deadline - performance.now()) / 1000);
      const seconds = Math.min(this.#timing.request, left) + (sent.holds ?? 0);
      let reason: string;
      let retryAfter = 0;
      try {
        const answer = await this.once(sent, seconds, signal);
        if (!isUnknown(answer)) {
          if (answer.status >= 400) throw new RequestRefused(answer.status, answer.body);
          if (accept(answer.body)) return answer.body;
        }
        reason = answer.status < 300 ? "the answer is not about this" : `HTTP ${answer.status}`;
        retryAfter = answer.retryAfter;
      } catch (error) {
        if (!(error instanceof Unheard)) throw error;
        signal?.throwIfAborted();
        reason = error.message;
      }
      await this.#pause(reason, failures, retryAfter, deadline, signal);
    }
  }

  // One attempt.
  async once(sent: Sent, seconds: number, signal?: AbortSignal): Promise<Answer> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error("no whole answer in time")), seconds * 1000);
    const abort = () => stop.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      const response = await this.#fetch.call(globalThis, this.#base + sent.path, {
        method: sent.method,
        headers: this.#headers(sent),
        ...(sent.body === undefined ? {} : { body: sent.body }),
        redirect: "manual",
        // Some Workers throw at it, and keep nothing anyway.
        ...("cache" in Request.prototype ? { cache: "no-store" } : {}),
        credentials: "omit",
        signal: stop.signal,
      });
      return await read(response);
    } catch (error) {
      throw error instanceof Unheard ? error : new Unheard(words(error));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  #headers(sent: Sent): Record<string, string> {
    return {
      "X-Api-Key": this.#key,
      Accept: "application/json",
      ...(sent.body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(sent.idempotencyKey === undefined ? {} : { "Idempotency-Key": sent.idempotencyKey }),
    };
  }

  // Full jitter: any pause up to the bound, no shorter than the server asks for.
  async #pause(
    reason: string, failures: number, asked: number, deadline: number, signal?: AbortSignal,
  ): Promise<void> {
    const unavailable = new Unavailable(reason, failures);
    this.#warn(visible(`unavailable (${failures} in a row): ${reason}`));
    if (failures === this.#timing.alertAfter) this.#alert(unavailable);
    const bound = this.#timing.firstPause * 2 ** Math.min(failures - 1, 16);
    const pause = Math.max(asked, Math.random() * Math.min(this.#timing.longestPause, bound));
    if (performance.now() + pause * 1000 >= deadline) throw unavailable;
    await sleep(pause * 1000, signal);
  }
}

function parse(base: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(base);
  } catch {
    url = undefined;
  }
  const plain = url?.protocol === "http:" && LOCAL.has(url.hostname);
  const more = url && url.username + url.password + url.search + url.hash;
  if (!url || more || (url.protocol !== "https:" && !plain)) {
    throw new SetupIncomplete("baseUrl is no https:// URL of a server, without user, query or"
      + " fragment; http:// is for localhost alone.");
  }
  return url;
}

async function read(response: Response): Promise<Answer> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    length += part.value.length;
    if (length > BODY_BYTES_MAX) throw new Unheard("the answer is too long");
    chunks.push(part.value);
  }
  const text = await new Blob(chunks as BlobPart[]).text();
  const said = response.headers.get("Retry-After") ?? "";
  const retryAfter = /^[0-9]{1,6}$/.test(said) ? Number(said) : 0;
  return { status: response.status, body: object(response.status, text), retryAfter };
}

function object(status: number, text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as JsonObject;
    }
  } catch {
    // Said below.
  }
  if (status >= 300 || status < 200) return {};
  throw new Unheard(`HTTP ${status} without a JSON object`);
}

function isUnknown({ status, body }: Answer): boolean {
  return status >= 500 || status < 200 || (status >= 300 && status < 400) || AGAIN.has(status)
    || body.code === "idempotency_in_progress";
}

function words(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return cause?.message || message || "no connection";
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    }
    signal?.addEventListener("abort", done);
  });
}
