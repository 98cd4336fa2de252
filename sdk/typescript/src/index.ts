export { Approval, Decision, type Status } from "./decision.ts";
export { Cosignet, type ApprovalRequest, type Asked, type Options } from "./cosignet.ts";
export { challenge48, contextHash, parseContext, type Context } from "./context.ts";
export {
  Cancelled, CosignetError, EvidenceRefused, Expired, NotApproved, PayloadRefused, Rejected,
  RequestRefused, SetupIncomplete, Unavailable, Undecided,
} from "./errors.ts";
export { verifyEvidence, type Credential, type Evidence, type Expected } from "./evidence.ts";
export { canonicalPayload, type Json, type JsonObject } from "./payload.ts";
export type { Timing } from "./timing.ts";
export { firstUse, pinnedKeys, pinsOf, type Pins } from "./trust.ts";
export { verifyWebhookSignature } from "./webhook.ts";
