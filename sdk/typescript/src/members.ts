// Reading what should prove an approval: what is missing there, or of another kind, refuses it.

import { fromBase64url, type Bytes } from "./bytes.ts";
import { EvidenceRefused } from "./errors.ts";

export type Members = Readonly<Record<string, unknown>>;

export function must(holds: boolean, code: string, otherwise: string): asserts holds {
  if (!holds) throw new EvidenceRefused(code, otherwise);
}

export function text(members: Members, name: string): string {
  const value = members[name];
  if (typeof value !== "string") throw new EvidenceRefused("malformed", `${name} is missing`);
  return value;
}

export function object(members: Members, name: string): Members {
  const value = members[name];
  if (typeof value !== "object" || value === null) {
    throw new EvidenceRefused("malformed", `${name} is missing`);
  }
  return value as Members;
}

export function bytes(members: Members, name: string): Bytes {
  const read = fromBase64url(text(members, name));
  if (read === undefined) throw new EvidenceRefused("malformed", `${name} is no base64url`);
  return read;
}
