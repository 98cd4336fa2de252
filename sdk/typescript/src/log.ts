// Whether the log has an approval, under a head that a key you pinned has signed (docs/log.md).

import { base64url, concat, fromBase64, fromBase64url, hex, sha256, utf8, type Bytes } from "./bytes.ts";
import { contextHash } from "./context.ts";
import { EvidenceRefused, SetupIncomplete } from "./errors.ts";
import type { Evidence } from "./evidence.ts";
import { bytes, must, object, text, type Members } from "./members.ts";
import type { JsonObject } from "./payload.ts";
import { refuteSignature } from "./signature.ts";
import { sha256Now } from "./webhook.ts";

const SALT_BYTES = 32;
const EDDSA = -8;
// DER SubjectPublicKeyInfo of an Ed25519 key, without the key (RFC 8410).
const EDDSA_HEAD = Uint8Array.of(0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0);
const PROOF = /^c2sp\.org\/tlog-proof@v1\n(?:extra .*\n)?index (0|[1-9]\d{0,15})\n((?:.+\n)*)\n([^]*)$/;
const HEAD = /^(.+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:.+\n)*$/;
const LINE = /^— ([^\s+]+) (\S+)$/;

// A log's verifier key (c2sp.org/signed-note).
export interface LogKey {
  readonly name: string;
  readonly id: string;
  readonly key: Bytes;
}

// Read a verifier key as `cosignet log key` prints it. Throws SetupIncomplete.
export function parseLogKey(vkey: string): LogKey {
  const [, name = "", id = "", encoded = ""] = /^([^\s+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  const typed = fromBase64(encoded);
  const known = typed && hex(sha256Now(concat(utf8(`${name}\n`), typed))).slice(0, 8);
  if (typed?.length !== 33 || typed[0] !== 1 || known !== id) {
    throw new SetupIncomplete(`${vkey} is no verifier key of a log.`);
  }
  return { name, id, key: typed.slice(1) };
}

// Verify that the log has this very decision. Throws EvidenceRefused; `code` names the check.
//
// 1. The opening is the one that this decision has: only its salt is the server's to choose.
// 2. The entry commits to that opening. 3. One of the keys has signed the head, of its own log.
// 4. The entry is in the tree of that head.
export async function verifyLogged(
  bundle: JsonObject, answer: JsonObject, evidence: Evidence, keys: readonly LogKey[],
): Promise<void> {
  // 1.
  const opening = text(bundle, "opening");
  must(opening === await openingOf(opening, answer, evidence), "log_opening",
    "the log's entry is of another decision");
  // 2.
  const entry = fromBase64(text(object(bundle, "entry"), "leaf"));
  if (entry === undefined) throw new EvidenceRefused("malformed", "the log's entry is no base64");
  must(members(new TextDecoder().decode(entry)).c === base64url(await sha256(opening)), "log_entry",
    "the log's entry commits to something else");
  // 3.
  const [, index, hashes = "", note = ""] = PROOF.exec(text(bundle, "tlogProof")) ?? [];
  const head = await verifyHead(note, keys);
  // 4.
  const path = hashes.split("\n").slice(0, -1).map(fromBase64);
  const root = await rootOf(await sha256(Uint8Array.of(0), entry), Number(index), head.size, path);
  must(root === head.root, "log_proof", "the proof leads to another root");
}

// The opening of a decision (docs/log.md), with the salt of the one that is shown.
async function openingOf(shown: string, answer: JsonObject, evidence: Evidence): Promise<string> {
  const { salt } = members(shown);
  must(typeof salt === "string" && fromBase64url(salt)?.length === SALT_BYTES, "log_opening",
    "its opening has no salt");
  const key = bytes({ ...evidence.credential }, "publicKeySpki");
  return JSON.stringify({
    v: 1, kind: "approval", salt, evidence: text(answer, "evidenceId"),
    payloadHash: hex(await sha256(evidence.payloadText)), decidedAt: text(answer, "decidedAt"),
    signatures: [{
      contextHash: hex(await contextHash(JSON.stringify(evidence.context))),
      credentialKeyHash: hex(await sha256(key)),
      assertionHash: evidence.assertionHash,
    }],
  });
}

// Read a note (c2sp.org/signed-note) that is a head (c2sp.org/tlog-checkpoint).
export async function verifyHead(
  note: string, keys: readonly LogKey[],
): Promise<{ size: number; root: string }> {
  const end = note.lastIndexOf("\n\n") + 1;
  const signed = note.slice(0, end);
  const [, origin, size, encodedRoot = ""] = HEAD.exec(signed) ?? [];
  const root = fromBase64(encodedRoot);
  const lines = note.slice(end + 1).split("\n");
  const isHead = root !== undefined && Number.isSafeInteger(Number(size)) && lines.pop() === "";
  must(isHead, "log_proof", "it leads to no head of a log");
  let signers = 0;
  for (const line of lines) {
    const [, name, encoded = ""] = LINE.exec(line) ?? [];
    const data = fromBase64(encoded);
    must(data !== undefined && data.length > 4, "log_proof", "its head has a line that is none");
    const id = hex(data.slice(0, 4));
    const key = keys.find((it) => it.name === origin && name === origin && it.id === id);
    if (key === undefined) continue;
    const spki = concat(EDDSA_HEAD, key.key);
    const why = await refuteSignature(EDDSA, spki, data.slice(4), utf8(signed));
    must(why === undefined, "log_proof", `the signature of the log's head: ${why}`);
    signers += 1;
  }
  must(signers > 0, "log_proof", "no log key that you pinned has signed its head");
  return { size: Number(size), root: hex(root) };
}

// The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2), in hex.
export async function rootOf(
  leaf: Bytes, index: number, size: number, path: readonly (Bytes | undefined)[],
): Promise<string | undefined> {
  const up = (number: number) => Math.floor(number / 2);
  let [node, at, last] = [leaf, index, size - 1];
  if (at < 0 || at > last) return undefined;
  for (const other of path) {
    if (last === 0 || other?.length !== 32) return undefined;
    const isRight = at % 2 === 1 || at === last;
    node = await sha256(Uint8Array.of(1), ...(isRight ? [other, node] : [node, other]));
    while (isRight && at % 2 === 0 && at > 0) [at, last] = [up(at), up(last)];
    [at, last] = [up(at), up(last)];
  }
  return last === 0 ? hex(node) : undefined;
}

function members(json: string): Members {
  try {
    return Object(JSON.parse(json)) as Members;
  } catch {
    return {};
  }
}
