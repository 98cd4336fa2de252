// The client: ask for an approval, wait for it, verify it, use it up, say what became of it.

import { base64url, hex, sha256, webcrypto } from "./bytes.ts";
import { Approval, Decision, type Status } from "./decision.ts";
import { Door, sleep } from "./door.ts";
import { CosignetError, EvidenceRefused, RequestRefused, Unavailable } from "./errors.ts";
import { verifyEvidence, type Evidence, type Expected } from "./evidence.ts";
import { parseLogKey, verifyLogged, type LogKey } from "./log.ts";
import { canonicalPayload, type JsonObject } from "./payload.ts";
import { TIMING, type Timing } from "./timing.ts";
import { firstUse, pinnedKeys, verifyCredential, type Pins } from "./trust.ts";

const PATH = "/api/confirmations";
const STATUSES: readonly unknown[] = ["pending", "approved", "rejected", "expired"];
const TTL_SECONDS = 180;

export interface Options {
  apiKey: string | undefined;
  /** Where the server is; http://localhost:8000 if left out. */
  baseUrl?: string | undefined;
  /** What approvers see in the browser, if that is not the origin of baseUrl. */
  origin?: string;
  /** Username → DER SubjectPublicKeyInfo of their passkeys, base64url. */
  approverKeys?: Readonly<Record<string, readonly string[]>>;
  /** Where else pins are kept. Without either, the first key of each approver is believed, loudly. */
  pins?: Pins;
  /**
   * Verifier keys of the log. Where any is given, an approval has to be in the log under a head that
   * one of them signed, and is waited for until it is.
   */
  logKeys?: readonly string[];
  timing?: Partial<Timing>;
  /** Called once after some failures in a row, to alert somebody. */
  onUnavailable?: (unavailable: Unavailable) => void;
  /** What is told in passing; console.warn if left out. */
  warn?: (words: string) => void;
  fetch?: typeof fetch;
}

export interface ApprovalRequest {
  /** Who decides. */
  username: string;
  /** The title they read first. */
  action: string;
  /** Exactly what shall happen; taken as it is at this moment. */
  payload: object;
  ttlSeconds?: number;
  risk?: "normal" | "high";
  private?: boolean;
  notify?: string | string[];
}

/** A confirmation that now waits for its approver. */
export interface Asked {
  readonly id: string;
  /** What the approver opens. */
  readonly url: string;
  /** What they have to pick at high risk; show it here, and nowhere near the link. */
  readonly matchCode: string | null;
  readonly expected: Expected;
  /** As performance.now() counts. */
  readonly deadline: number;
}

export class Cosignet {
  readonly #door: Door;
  readonly #timing: Timing;
  readonly #pins: Pins;
  readonly #warn: (words: string) => void;
  readonly #origin: string;
  readonly #logKeys: readonly LogKey[];
  readonly #used = new Set<string>();

  constructor(options: Options) {
    this.#timing = { ...TIMING, ...options.timing };
    this.#warn = options.warn ?? ((words) => console.warn(`cosignet: ${words}`));
    this.#door = new Door(options.baseUrl ?? "http://localhost:8000", options.apiKey,
      options.fetch ?? fetch, this.#timing, options.onUnavailable ?? (() => {}), this.#warn);
    this.#origin = options.origin ?? this.#door.origin;
    this.#pins = options.approverKeys ? pinnedKeys(options.approverKeys) : options.pins ?? firstUse();
    this.#logKeys = (options.logKeys ?? []).map(parseLogKey);
  }

  /**
   * Ask, wait, verify. An abort of `signal`, or any other trouble, takes back what waits.
   * Throws Unavailable, EvidenceRefused, RequestRefused or PayloadRefused.
   */
  async requestApproval(
    request: ApprovalRequest,
    { onCreated, signal }: { onCreated?: (asked: Asked) => void; signal?: AbortSignal } = {},
  ): Promise<Decision> {
    const asked = await this.ask(request, signal);
    try {
      onCreated?.(asked);
      const decision = await this.wait(asked, signal);
      if (decision.status === "pending") await this.cancel(asked);
      return decision;
    } catch (error) {
      await this.cancel(asked);
      throw error;
    }
  }

  /** Ask once, however often that has to be tried. */
  async ask(request: ApprovalRequest, signal?: AbortSignal): Promise<Asked> {
    const { username, action, payload, ttlSeconds = TTL_SECONDS, risk = "normal" } = request;
    const payloadText = canonicalPayload(payload);
    const rest = { username, action, ttlSeconds, risk, private: request.private ?? false,
      notify: request.notify ?? "none" };
    const body = `${JSON.stringify(rest).slice(0, -1)},"payload":${payloadText}}`;
    const askedAt = Date.now();
    const deadline = performance.now() + 1000 * (ttlSeconds + this.#timing.grace);
    const answer = await this.#door.ask(
      { method: "POST", path: PATH, body, idempotencyKey: await token() }, deadline,
      (it) => typeof it.id === "string", signal);
    if (answer.payloadHash !== hex(await sha256(payloadText))) {
      throw new EvidenceRefused("payload_hash", "the server took another payload");
    }
    const id = String(answer.id);
    const rpId = new URL(this.#origin).hostname;
    const expected = { confirmation: id, payloadText, action, approver: username.toLowerCase(),
      origin: this.#origin, rpId, risk, ttlSeconds, askedAt };
    const matchCode = typeof answer.matchCode === "string" ? answer.matchCode : null;
    return { id, url: String(answer.url), matchCode, expected, deadline };
  }

  /** Wait until it is decided, and verify an approval; `pending` after the deadline. */
  async wait(asked: Asked, signal?: AbortSignal): Promise<Decision> {
    for (;;) {
      const left = Math.floor((asked.deadline - performance.now()) / 1000);
      const holds = Math.max(0, Math.min(this.#timing.wait, left));
      const path = `${PATH}/${encodeURIComponent(asked.id)}?wait=${holds}`;
      const answer = await this.#door.ask({ method: "GET", path, holds }, asked.deadline,
        (it) => it.id === asked.id && STATUSES.includes(it.status), signal);
      if (answer.status !== "pending") return this.#decision(answer, asked.expected, signal);
      if (left <= 0) return new Decision(answer);
    }
  }

  async #decision(
    answer: JsonObject, expected: Expected, signal?: AbortSignal,
  ): Promise<Decision> {
    if ((answer.status as Status) !== "approved") return new Decision(answer);
    const evidence = await verifyEvidence(answer, expected);
    await verifyCredential(this.#pins, evidence, this.#warn);
    if (answer.consumedAt !== null || this.#used.has(expected.confirmation)) throw usedBefore();
    if (this.#logKeys.length > 0) await this.#verifyLogged(answer, evidence, signal);
    return new Decision(answer, new Approval(expected.confirmation, evidence, await token()));
  }

  /** Wait until the log has signed a head over an approval, and verify that it did. */
  async #verifyLogged(answer: JsonObject, evidence: Evidence, signal?: AbortSignal): Promise<void> {
    const { evidenceId } = answer;
    if (typeof evidenceId !== "string") throw notLogged("it names no evidence");
    const path = `/public/log/entries/${encodeURIComponent(evidenceId)}/verification`;
    const deadline = this.#after();
    try {
      for (;;) {
        const bundle = await this.#door.ask({ method: "GET", path }, deadline, () => true, signal);
        if (bundle.state !== "pending") {
          return await verifyLogged(bundle, answer, evidence, this.#logKeys);
        }
        if (performance.now() + 1000 * this.#timing.firstPause >= deadline) {
          throw new Unavailable("it is approved, and the log has not signed that yet");
        }
        await sleep(1000 * this.#timing.firstPause, signal);
      }
    } catch (error) {
      const isUnknown = error instanceof RequestRefused && error.status === 404;
      throw isUnknown ? notLogged("the log has no entry of it") : error;
    }
  }

  /**
   * Use the approval up, before running; repeated with the same token until it is answered.
   * Throws EvidenceRefused if somebody was first, Unavailable if nobody knows: do not run then.
   */
  async consume(approval: Approval): Promise<void> {
    try {
      await this.#door.ask(
        { method: "POST", path: this.#path(approval, "consume"),
          body: JSON.stringify({ token: approval.runToken }) },
        this.#after(), (it) => it.id === approval.id && typeof it.consumedAt === "string");
    } catch (error) {
      const taken = error instanceof RequestRefused && error.code === "already_consumed";
      throw taken ? usedBefore() : error;
    }
    if (this.#used.has(approval.id)) throw usedBefore();
    this.#used.add(approval.id);
  }

  /** Consume, run `action` with the signed payload, report the outcome: at most once. */
  async run<Result>(
    decision: Decision, action: (payload: JsonObject) => Result | Promise<Result>,
  ): Promise<Result> {
    const approval = decision.requireApproved();
    await this.consume(approval);
    let result: Result;
    try {
      result = await action(approval.payload);
    } catch (error) {
      await this.report(approval, "failed", error instanceof Error ? error.name : "unknown");
      throw error;
    }
    await this.report(approval, "executed");
    return result;
  }

  /** Say what became of the action. It has run: a failure here is told, and no more. */
  async report(
    approval: Approval, result: "executed" | "failed" | "unknown", note: string | null = null,
  ): Promise<void> {
    try {
      const sent = { method: "POST", path: this.#path(approval, "outcome"),
        body: JSON.stringify({ result, note }) } as const;
      await this.#door.ask(sent, this.#after(), () => true);
    } catch (error) {
      if (!(error instanceof CosignetError)) throw error;
      this.#warn(`the outcome ${result} of ${approval.id} was not recorded: ${error.message}`);
    }
  }

  /** Take it back, if it is still pending. One attempt: it ends by itself, too. */
  async cancel(asked: Pick<Asked, "id">): Promise<void> {
    try {
      const sent = { method: "POST", path: this.#path(asked, "cancel"), body: "{}" } as const;
      await this.#door.once(sent, Math.min(3, this.#timing.request));
    } catch (error) {
      this.#warn(`${asked.id} was not cancelled: ${(error as Error).message}`);
    }
  }

  #path({ id }: { id: string }, verb: string): string {
    return `${PATH}/${encodeURIComponent(id)}/${verb}`;
  }

  #after(): number {
    return performance.now() + 1000 * this.#timing.after;
  }
}

async function token(): Promise<string> {
  return base64url((await webcrypto()).getRandomValues(new Uint8Array(24)));
}

function notLogged(why: string): EvidenceRefused {
  return new EvidenceRefused("not_logged", why);
}

function usedBefore(): EvidenceRefused {
  return new EvidenceRefused("already_consumed", "it was used before");
}
