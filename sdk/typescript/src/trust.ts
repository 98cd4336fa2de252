// Whose passkeys are believed. Without this a server could sign with a key of its own.

import { EvidenceRefused, SetupIncomplete } from "./errors.ts";
import type { Evidence } from "./evidence.ts";

/** Where pins are kept: keys are DER SubjectPublicKeyInfo in base64url. */
export interface Pins {
  read(origin: string, approver: string): Promise<readonly string[]> | readonly string[];
  /** Left out: nothing is believed for the first time. */
  add?(origin: string, approver: string, key: string): Promise<void> | void;
}

/** Keys given by argument: username → the keys of each passkey. */
export function pinnedKeys(keys: Readonly<Record<string, readonly string[]>>): Pins {
  return { read: (_origin, approver) => (Object.hasOwn(keys, approver) ? (keys[approver] ?? []) : []) };
}

/** The text of a file of pins, as every other client keeps it (docs/sdk.md). */
export function pinsOf(file: string): Pins {
  const { pins } = JSON.parse(file) as { pins?: unknown };
  if (!Array.isArray(pins)) throw new SetupIncomplete("This is no file of pins.");
  const known = pins as { origin?: unknown; approver?: unknown; key?: unknown }[];
  return {
    read: (origin, approver) =>
      known.filter((pin) => pin.origin === origin && pin.approver === approver)
        .map((pin) => String(pin.key)),
  };
}

/** Believe the first key of each approver as long as this object lives. */
export function firstUse(): Pins {
  const kept = new Map<string, string[]>();
  const name = (origin: string, approver: string) => JSON.stringify([origin, approver]);
  return {
    read: (origin, approver) => kept.get(name(origin, approver)) ?? [],
    add: (origin, approver, key) => void kept.set(name(origin, approver), [key]),
  };
}

/** Throws EvidenceRefused unless the key that signed is its approver's. */
export async function verifyCredential(
  pins: Pins, evidence: Evidence, warn: (words: string) => void,
): Promise<void> {
  const { context, credential } = evidence;
  const known = await pins.read(context.origin, context.approver);
  if (known.includes(credential.publicKeySpki)) return;
  if (known.length > 0 || pins.add === undefined) {
    throw new EvidenceRefused("credential_not_pinned", `the passkey ${credential.id} is not among`
      + ` those of ${context.approver} that are pinned. If they have a new one, ask them, and pin`
      + ` its key: ${credential.publicKeySpki}`);
  }
  await pins.add(context.origin, context.approver, credential.publicKeySpki);
  warn(`FIRST USE: from now on this passkey of ${context.approver} at ${context.origin} is believed,`
    + ` and no other: ${credential.id}. Pin its key to keep that: ${credential.publicKeySpki}`);
}
