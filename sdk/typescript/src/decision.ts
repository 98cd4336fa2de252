// A decision: its status for those who look, and the approval for those who go on.

import { Cancelled, Expired, NotApproved, Rejected, Undecided } from "./errors.ts";
import type { Evidence } from "./evidence.ts";
import type { JsonObject } from "./payload.ts";

export type Status = "pending" | "approved" | "rejected" | "expired";

/** A verified approval: what was signed, for one run. */
export class Approval {
  readonly id: string;
  readonly evidence: Evidence;
  /** Random; whoever consumes with it may repeat that, and nobody else can consume. */
  readonly #runToken: string;

  constructor(id: string, evidence: Evidence, runToken: string) {
    this.id = id;
    this.evidence = evidence;
    this.#runToken = runToken;
  }

  get runToken(): string {
    return this.#runToken;
  }

  /** The payload that was signed, made anew: run this, and not what you had before. */
  get payload(): JsonObject {
    return JSON.parse(this.evidence.payloadText) as JsonObject;
  }
}

/** What became of a confirmation. An approved one has been verified before it got here. */
export class Decision {
  /** The API's answer. */
  readonly answer: JsonObject;
  readonly approval: Approval | undefined;

  constructor(answer: JsonObject, approval?: Approval) {
    this.answer = answer;
    this.approval = approval;
  }

  get id(): string {
    return String(this.answer.id);
  }

  /** `pending` means that your own deadline came first. */
  get status(): Status {
    return this.answer.status as Status;
  }

  /** Return the approval; throws Rejected, Expired, Cancelled or Undecided if it is none. */
  requireApproved(): Approval {
    if (this.approval === undefined) throw this.#outcome();
    return this.approval;
  }

  #outcome(): NotApproved {
    if (this.status === "rejected") return new Rejected(this, "A person rejected this.");
    if (this.status === "pending") return new Undecided(this, "Your own deadline came first.");
    if (this.answer.cancelledAt) return new Cancelled(this, "It was taken back.");
    return new Expired(this, "Nobody decided in time.");
  }
}
