// Check a Cosignet evidence bundle, offline, as verify.py does. Read this file, then trust it.
//     node verify.mjs BUNDLE --vkey LOG_KEY --origin https://approve.example --credential-key HASH
// Whom to trust is yours to say: a key that travels beside what it signed proves nothing. Get the
// log's key, the origin, and the SHA-256 of approvers' public keys from people, at another time.
// Exit status: 0 proven, 1 wrong, 3 not proven. Node 20; or a browser: import { verify }.

const CONTEXT = `v purpose confirmation org action approver approverId requester requesterKeyId
  rpId origin createdAt expiresAt quorum policy risk reveal salt`.split(/\s+/);
const PURPOSE = { approval: "approve", rejection: "reject" };
const LINE = "— ([^\\x00-\\x20+]+) ([A-Za-z0-9+/=]+)\n";
const HEAD = `((.+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:.+\n)*)\n((?:${LINE})+)`;
const COSE = { "-7": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }, "-8": "Ed25519",
  "-257": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } };
const ABOUT_KEYS = { enrolment: "credential", revocation: "credential_revoked" };
const SAYS = { consumption: "evidence tokenHash keyId at", outcome: "evidence result at" };
SAYS.approval = SAYS.rejection = "evidence payloadHash decidedAt signatures"; // its opening
SAYS[ABOUT_KEYS.enrolment] = SAYS[ABOUT_KEYS.revocation] =
  "org approver approverId credentialId credentialKeyHash enrolledBy at proof";
const UNREADABLE = "It cannot be read, or its signature is wrong.";
const NOT_PROVEN = "NOT PROVEN", PARTS = ["clientDataJSON", "authenticatorData", "signature"];
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const parse = (bytes) => JSON.parse(decoder.decode(bytes));
const { subtle } = globalThis.crypto ?? (await import("node:crypto")).webcrypto;
function need(condition, otherwise = UNREADABLE, verdict = "FAIL") { // or throws both
  if (!condition) throw [verdict, otherwise];
}
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (byte) => parseInt(byte, 16));
function utf8(text) { // half a surrogate pair has none
  need(typeof text === "string" && text.isWellFormed(), "A text is broken.");
  return new TextEncoder().encode(text);
}
async function sha256(...parts) { // of texts and bytes, one after the other; hexadecimal
  const bytes = parts.flatMap((part) => [...(typeof part === "string" ? utf8(part) : part)]);
  return hex(new Uint8Array(await subtle.digest("SHA-256", Uint8Array.from(bytes))));
}
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const isMap = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const get = (value, name) => (isMap(value) && Object.hasOwn(value, name) ? value[name] : null);
function at(value, path, kind = "string") { // what stands there, of exactly this kind
  const found = path.split(".").reduce(get, value);
  const fits = { list: Array.isArray(found), int: Number.isInteger(found) }[kind];
  need(fits ?? typeof found === kind, `${path} is missing, or no ${kind}.`);
  return found;
}
function decode(text, isUrl = false) { // base64, or base64url without padding, in its one spelling
  const url = () => text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat(-text.length & 3);
  const plain = isUrl ? url() : text, isOther = isUrl && /[+/=]/.test(text);
  need(btoa(atob(plain)) === plain && !isOther, "Something is in no or in wrong base64.");
  return Uint8Array.from(atob(plain), (one) => one.charCodeAt(0));
}
function check(value, depth = 64) { // that no other program could read it otherwise
  need(typeof value !== "number" || Math.abs(value) < 2 ** 53, "A number is too large.");
  if (typeof value === "string") utf8(value);
  if (typeof value !== "object" || value === null) return;
  need(depth > 0, "It is nested too deeply.");
  Object.entries(value).forEach(([key, item]) => check(item, depth - 1, utf8(key)));
}
function canonical(text, isOurs = true) { // reads a canonical text; ours have a version
  const value = JSON.parse(utf8(text) && text);
  check(value);
  need(JSON.stringify(value) === text, "It is not in its one canonical form.");
  need(!isOurs || at(value, "v", "int") === 1, "It is of another version.");
  return value;
}
function rawSignature(bytes) { // r and s of an ECDSA signature in DER (RFC 3279, section 2.2.3)
  const der = hex(bytes), r = der.slice(8, 8 + 2 * bytes[3]), s = der.slice(12 + r.length);
  const ok = [r, s].every((one) => /^(0[1-9a-f]|[1-7]|00[89a-f])/.test(one));
  need(ok && der === hex([48, bytes.length - 2, 2, r.length / 2]) + r + hex([2, s.length / 2]) + s);
  return unhex([r, s].map((one) => one.replace(/^00/, "").padStart(64, "0")).join(""));
}
const verifyEd25519 = async (raw, ...rest) => // a browser without it brings its own
  subtle.verify(COSE[-8], await subtle.importKey("raw", raw, COSE[-8], false, ["verify"]), ...rest);
/** Take every step; return of each [name, "OK" | "FAIL" | "NOT PROVEN", why], and tell `onStep`. */
export async function verify(bundle, trust, { ed25519 = verifyEd25519, onStep = () => {} } = {}) {
  const { kind, origin: site, vkeys, keys } = trust, isSigned = Object.hasOwn(PURPOSE, kind);
  const results = [], b = isMap(bundle) ? bundle : {}, payload = trust.payload ?? get(b, "payload");
  async function step(name, proves, take) {
    let verdict = ["OK", proves];
    try { await take(); } catch (e) { verdict = Array.isArray(e) ? e : ["FAIL", UNREADABLE]; }
    await onStep(name, ...verdict, results.push([name, ...verdict]));
  }
  function head() { // the signed tree head, taken apart (c2sp.org/tlog-checkpoint)
    const [, text, origin, size, root, lines] = at(b, "checkpoint").match(`^${HEAD}$`);
    return { bytes: utf8(text), origin, size: Number(size), root: hex(decode(root)), lines };
  }
  async function hasSigned(vkey) { // c2sp.org/signed-note; a wrong line of that key fails
    const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.{44})$/.exec(at({ vkey }, "vkey"));
    const key = decode(encoded), known = (await sha256(name, "\n", key)).slice(0, 8), of = head();
    need(known === id && key[0] === 1, "A log key is malformed.");
    const found = [...of.lines.matchAll(LINE)].filter(([, by]) => by === name && by === of.origin);
    const own = found.map((line) => decode(line[2])).filter((line) => hex(line).startsWith(known));
    for (const line of own) need(await ed25519(key.slice(1), line.slice(4), of.bytes));
    return own.length > 0;
  }
  function openingOf(placed) { // taken apart; it has the members of its kind, and no other
    const said = canonical(at(placed, "opening")), keys = get(SAYS, at(said, "kind")) ?? "?";
    need(same(Object.keys(said), `v kind salt ${keys}`.split(" ")), "It has other members.");
    return said;
  }
  async function checkCommitment(placed) { // that an entry is of its opening; returns that one
    const leaf = decode(at(placed, "entry.leaf")), opening = at(placed, "opening");
    need(hex(decode(at(placed, "entry.leafHash"))) === await sha256([0], leaf), "Another hash.");
    const found = hex(decode(at(canonical(decoder.decode(leaf)), "c"), true));
    need(found === await sha256(opening), "The entry is of another opening.");
    return openingOf(placed);
  }
  async function checkInclusion(placed) { // follows a proof: RFC 9162, section 2.1.3.2
    let index = at(placed, "entry.index", "int"), { size, root } = head(), last = size - 1;
    need(at(placed, "inclusion.treeSize", "int") === size && index >= 0 && index < size);
    let node = await sha256([0], decode(at(placed, "entry.leaf")));
    for (const other of at(placed, "inclusion.hashes", "list").map((one) => decode(one))) {
      need(last > 0 && other.length === 32, "The proof is too long.");
      const isLeft = index % 2 === 1 || index === last;
      node = await sha256([1], ...(isLeft ? [other, unhex(node)] : [unhex(node), other]));
      const up = () => [index, last] = [index, last].map((one) => Math.floor(one / 2));
      while (isLeft && index % 2 === 0 && index > 0) up();
      up();
    }
    need(last === 0 && node === root, "The proof leads to another root.");
  }
  async function signatures() { // each taken apart, with what the opening says of it
    need(isSigned, `Nobody signs a leaf of the kind ${kind}.`, NOT_PROVEN);
    const opening = openingOf(b), given = at(b, "signatures", "list"), found = [];
    need(given.length && given.length === at(opening, "signatures", "list").length);
    for (const [i, one] of given.entries()) {
      const parts = PARTS.map((name) => decode(at(one, `rawAssertion.response.${name}`), true));
      const [rpId, origin, id] = ["rpId", "origin", "credential.id"].map((name) => at(one, name));
      const [client, data, signature] = parts, key = at(one, "credential.publicKeySpki");
      const hashes = (await Promise.all(parts.map((part) => sha256(part)))).map(unhex);
      found.push({ one, rpId, origin, id, client, data, signature, spki: decode(key, true),
        named: opening.signatures[i], said: parse(client), decidedAt: opening.decidedAt,
        keyHash: await sha256(decode(key, true)), assertionHash: await sha256(...hashes) });
    }
    return found;
  }
  const each = (name, proves, take, pin = true, otherwise = "") => step(name, proves, async () => {
    for (const [i, s] of (await signatures()).entries()) await take(s, i);
    need(pin, otherwise, NOT_PROVEN);
  });
  await step("payload", "The payload is in its one canonical form.", () => {
    need(payload !== null, "WHAT: NOT DISCLOSED. Give the one you know.", NOT_PROVEN);
    need([null, payload].includes(get(b, "payload")), "The bundle's is not the one you gave.");
    need(isMap(canonical(payload, false)), "It is no object.");
  });
  await step("hash", "Its SHA-256 is the payload hash.", async () => {
    need(payload !== null, "There is no payload to hash.", NOT_PROVEN);
    need(await sha256(utf8(payload)) === at(b, "payloadHash"), "It is another one's.");
  });
  await each("context", "Each context is in its one form, and was signed.", async (s, i) => {
    need(get(b, "contexts") !== null, "Who asked whom is not disclosed.", NOT_PROVEN);
    const isWhole = at(b, "contexts", "list").length === b.signatures.length, text = b.contexts[i];
    const said = canonical(text), hash = await sha256("cosignet/context/v1\n", text);
    const found = [Object.keys(said), said.rpId, said.origin, said.purpose, s.named.contextHash];
    need(isWhole && same(found, [CONTEXT, s.rpId, s.origin, PURPOSE[kind], hash]), "Another's.");
    const isEnough = kind === "rejection" || at(said, "quorum", "int") === b.signatures.length;
    const policy = get(b, "policy") === null ? said.policy : await sha256(utf8(b.policy));
    need(isEnough && policy === said.policy, "Too few, or another policy.");
  });
  await each("challenge", "The 48 signed bytes are of this context and payload.", async (s) => {
    const hash = at(b, "payloadHash"), found = hex(decode(at(s.said, "challenge"), true));
    const end = kind === "approval" ? hash : await sha256("cosignet/reject/v1\n", unhex(hash));
    const isSame = found === at(s.named, "contextHash").slice(0, 32) + end && found.length === 96;
    need(isSame && hash === hex(unhex(hash)), "Something else was signed.");
  });
  await each("client data", "A browser asked for it on the origin you expect.", (s) => {
    const isFramed = ![undefined, false].includes(s.said.crossOrigin) || "topOrigin" in s.said;
    need(at(s.said, "type") === "webauthn.get" && !isFramed, "It was asked otherwise.");
    need(at(s.said, "origin") === s.origin && s.origin === (site || s.origin), "Another origin.");
  }, Boolean(site), "WHERE: NOT PINNED. Name the origin of the site.");
  await each("flags", "The passkey is of that site; a person was verified.", async (s) => {
    const host = (site || `//${s.rpId}`).split("/")[2].split(":")[0], flags = s.data[32];
    const isKnown = s.rpId === host && hex(s.data.slice(0, 32)) === await sha256(host);
    const isSound = (flags & 0x27) === 0x05 && (flags & 0x18) !== 0x10 && s.data.length >= 37;
    need(isKnown && isSound && s.data.length > 37 === (flags & 0xc0) > 0, "Nobody was.");
  });
  await each("signature", "The passkey's key signed exactly this.", async (s) => {
    const how = COSE[at(s.one, "credential.algorithm", "int")], { spki } = s;
    const message = Uint8Array.from([...s.data, ...unhex(await sha256(s.client))]);
    const isRaw = spki.length === 44 && hex(spki).startsWith("302a300506032b6570032100");
    if (how === COSE[-8]) return need(isRaw && await ed25519(spki.slice(12), s.signature, message));
    const key = await subtle.importKey("spki", spki, how, true, ["verify"]);
    const again = hex(new Uint8Array(await subtle.exportKey("spki", key)));
    const signature = how === COSE[-7] ? rawSignature(s.signature) : s.signature;
    return need(again === hex(spki) && await subtle.verify(how, key, signature, message));
  });
  await each("credential", "That key is the one you trust.", async ({ one, id, keyHash, ...s }) => {
    for (const name of ["id", "rawId"]) need(at(one, `rawAssertion.${name}`) === id, "Two ids.");
    for (const [name, leaf] of Object.entries(ABOUT_KEYS)) {
      if (get(one, name) === null) continue;
      await checkInclusion(one[name]);
      const said = await checkCommitment(one[name]);
      const isTimely = at(said, "at") > at(s, "decidedAt") === (leaf !== "credential");
      const isSame = said.kind === leaf && said.credentialId === id && isTimely;
      need(isSame && said.credentialKeyHash === keyHash, `Another's ${name}.`);
    }
    need(!keys.length || keys.includes(keyHash), `You did not name ${keyHash}.`);
  }, keys.length, "WHO: NOT PROVEN. Name the keys of those whom you trust.");
  await step("opening", "The opening names this payload, context, key and signature.", async () => {
    const said = openingOf(b), id = at(b, "evidenceId");
    need(said.kind === kind && at(b, "kind") === kind, `This is of no ${kind}.`);
    need([undefined, id].includes(said.evidence) && at(b, "version", "int") === 1, "Another's.");
    const isBare = !isSigned && same([b.payloadHash, b.signatures], [null, []]);
    for (const { named, assertionHash, keyHash } of isBare ? [] : await signatures()) {
      const hashes = { contextHash: named.contextHash, credentialKeyHash: keyHash, assertionHash };
      need(same([named, said.payloadHash], [hashes, at(b, "payloadHash")]), "It is of others.");
    }
  });
  await step("leaf", "The log's entry commits to this opening.", () => checkCommitment(b));
  await step("inclusion", "The entry is in the tree of the signed head.", () => {
    need(["included", "witnessed", "anchored"].includes(at(b, "state")), "It is not included yet.");
    return checkInclusion(b);
  });
  await step("checkpoint", "The log key that you trust signed that head.", async () => {
    const shipped = at(b, "log.vkeys", "list"), hashes = at(b, "inclusion.hashes", "list");
    const names = [at(b, "log.origin"), ...shipped.map((key) => key.split("+")[0])];
    need(names.every((name) => name === head().origin), "It is of another log.");
    need(at(b, "log.vkey") === shipped.at(-1), "The key is not the newest one.");
    const title = `c2sp.org/tlog-proof@v1\nindex ${at(b, "entry.index", "int")}`;
    const proof = [title, ...hashes.map((one) => at({ one }, "one")), "", b.checkpoint].join("\n");
    need(at(b, "tlogProof") === proof && !at(b, "consistency", "list").length, "Another proof.");
    const wanted = vkeys.length ? vkeys : shipped, hits = [];
    for (const key of [...shipped, ...vkeys]) if (await hasSigned(key)) hits.push(key);
    need(wanted.some((key) => hits.includes(key)), "No log key that you named has signed it.");
    need(vkeys.length, "LOG KEY: NOT PINNED. Name the key of the log.", NOT_PROVEN);
  });
  const unchecked = () => need(false, "None is checked here.", NOT_PROVEN);
  for (const name of ["witnesses", "anchor"]) await step(name, "", unchecked);
  return results;
}
export function status(results, kind) { // what nobody signs needs the log's steps alone
  const has = (verdict, ...range) => results.slice(...range).some((row) => row[1] === verdict);
  return has("FAIL") ? 1 : has(NOT_PROVEN, Object.hasOwn(PURPOSE, kind) ? 3 : 8, 12) ? 3 : 0;
}
if (globalThis.process?.argv[1]?.endsWith("verify.mjs")) { // run as a program
  const { parseArgs } = await import("node:util"), { readFileSync } = await import("node:fs");
  const text = { type: "string" }, list = { ...text, multiple: true }, KEYS = "credential-key";
  const options = { vkey: list, [KEYS]: list, origin: text, payload: text, kind: text };
  const safe = (why) => JSON.stringify(why).slice(1, -1).replace(/[^ -~]/g, "?");
  const say = (name, verdict, why, n) => console.log(
    `${n}`.padStart(2), verdict.padEnd(10), `${name}:`.padEnd(12), safe(why));
  process.exitCode = 1; // unless it is found otherwise
  try {
    const { values: o, positionals: [file] } = parseArgs({ options, allowPositionals: true });
    const payload = o.payload && JSON.stringify(parse(readFileSync(o.payload)));
    const trust = { kind: "approval", ...o, payload, vkeys: o.vkey ?? [], keys: o[KEYS] ?? [] };
    const results = await verify(parse(readFileSync(file)), trust, { onStep: say });
    process.exitCode = status(results, trust.kind);
  } catch ({ message }) { console.error("It cannot be read:", safe(message)); }
}
