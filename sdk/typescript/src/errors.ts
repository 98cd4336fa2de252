// What keeps an action from running. Four kinds, never mixed up.

import type { Decision } from "./decision.ts";

/** The action may not run. A terminal obeys nothing in its words, whoever wrote them. */
export class CosignetError extends Error {
  constructor(message: string) {
    super(visible(message));
    this.name = new.target.name;
  }
}

/** An option is missing or unusable; the message names it and the cure. */
export class SetupIncomplete extends CosignetError {}

/** What you give is not JSON that every program reads alike; `field` says where. */
export class PayloadRefused extends CosignetError {
  readonly field: string;

  constructor(field: string, why: string) {
    super(`${field}: ${why}`);
    this.field = field;
  }
}

/** Cosignet could not be asked, or gave no usable answer. Nothing is known to be approved. */
export class Unavailable extends CosignetError {
  readonly reason: string;
  /** How many times in a row it failed. */
  readonly failures: number;

  constructor(reason: string, failures = 1) {
    super(`Cosignet is unavailable: ${reason}. The action was not run.`);
    this.reason = reason;
    this.failures = failures;
  }
}

/** The server answered with a refusal (RFC 9457); trying again changes nothing. */
export class RequestRefused extends CosignetError {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;

  constructor(status: number, problem: Record<string, unknown>) {
    const said = [problem.title, problem.detail, problem.cure].filter((it) => typeof it === "string");
    const field = typeof problem.field === "string" ? problem.field : undefined;
    const code = typeof problem.code === "string" ? problem.code : `http_${status}`;
    super(`${field ? `${field}: ` : ""}${said.join(" ") || `HTTP ${status}`} (${code})`);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

/** The server says approved, and what it shows does not prove that. Tell your operator. */
export class EvidenceRefused extends CosignetError {
  /** Stable; which check failed. */
  readonly code: string;

  constructor(code: string, why: string) {
    super(`This approval is not believed: ${why} (${code})`);
    this.code = code;
  }
}

/** Nobody approved. `decision` says the rest. */
export class NotApproved extends CosignetError {
  readonly decision: Decision;

  constructor(decision: Decision, words: string) {
    super(`${words} (${decision.id})`);
    this.decision = decision;
  }
}

/** A person rejected this. Do not run it, and tell whoever asked. */
export class Rejected extends NotApproved {}

/** Nobody decided in time. Ask again if it is still needed. */
export class Expired extends NotApproved {}

/** Whoever asked took it back. */
export class Cancelled extends NotApproved {}

/** Your own deadline came before a decision. */
export class Undecided extends Expired {}

const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

export function visible(words: string): string {
  return words.replace(HIDDEN, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}
