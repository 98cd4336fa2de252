// How long to try, and how often.

/** Seconds, but for `alertAfter`. */
export interface Timing {
  /** One request at most, without the time that it is asked to wait. */
  request: number;
  /** A long poll; 0 to 25. */
  wait: number;
  /** The longest pause after the first failure; doubled with each further one. */
  firstPause: number;
  longestPause: number;
  /**
   * How much longer than the deadline we listen, so that its end is heard from the server; and how
   * long the last attempt has at least.
   */
  grace: number;
  /** All attempts together to see it in the log, to consume it, or to report an outcome. */
  after: number;
  /** Failures in a row until `onUnavailable` is called. */
  alertAfter: number;
}

export const TIMING: Readonly<Timing> = {
  request: 10, wait: 25, firstPause: 0.5, longestPause: 20, grace: 5, after: 30, alertAfter: 3,
};
