// Writes vectors/inclusion/, consistency/, tiles/, tile-name/, vkey/, note/ and tlog-proof/: the
// log's tree, proofs and signed heads. Hashes are hexadecimal. The tree's rules are RFC 6962's own
// recursive definitions (section 2.1); proofs are checked here by recursion, too, and not by the
// loops of RFC 9162 that the code under test follows.
//
//   node vectors/generate/log.mjs [vectors folder]
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { BY_HAND, sha256, writeCases } from "./cases.mjs";

const BY_NODE = "computed by Node from the definitions of RFC 6962, section 2.1, and node:crypto";
const leafHash = (entry) => sha256("\0", entry);
const nodeHash = (left, right) => sha256("\x01", left, right);
const hex = (bytes) => bytes.toString("hex");
const bytes = (text) => Buffer.from(text, "hex");

/** The largest power of two below a count. */
const split = (count) => 2 ** (Math.ceil(Math.log2(count)) - 1);

// --- The tree over the entries "0", "1", "2" and so on ------------------------------------------

const known = new Map();

/** MTH(D[start:end]) */
function treeHash(start, end) {
  if (start === end) return sha256("");
  if (end - start === 1) return leafHash(String(start));
  const key = `${start} ${end}`;
  if (!known.has(key)) {
    const middle = start + split(end - start);
    known.set(key, nodeHash(treeHash(start, middle), treeHash(middle, end)));
  }
  return known.get(key);
}

/** PATH(index, D[start:end]) */
function path(index, start, end) {
  if (end - start === 1) return [];
  const middle = start + split(end - start);
  return index < middle
    ? [...path(index, start, middle), treeHash(middle, end)]
    : [...path(index, middle, end), treeHash(start, middle)];
}

/** SUBPROOF(first, D[start:end], whole) */
function subproof(first, start, end, whole) {
  if (first === end) return whole ? [] : [treeHash(start, end)];
  const middle = start + split(end - start);
  return first <= middle
    ? [...subproof(first, start, middle, whole), treeHash(middle, end)]
    : [...subproof(first, middle, end, false), treeHash(start, middle)];
}

/** The root that a proof leads to; undefined if no proof for that place has this length. */
function rootOf(leaf, index, size, proof) {
  if (index < 0 || index >= size) return undefined;
  if (size === 1) return proof.length === 0 ? leaf : undefined;
  if (proof.length === 0) return undefined;
  const middle = split(size);
  const sibling = proof.at(-1);
  const rest = proof.slice(0, -1);
  if (index < middle) {
    const left = rootOf(leaf, index, middle, rest);
    return left && nodeHash(left, sibling);
  }
  const right = rootOf(leaf, index - middle, size - middle, rest);
  return right && nodeHash(sibling, right);
}

/** The two roots that a consistency proof leads to; undefined if its length is wrong. */
function rootsOf(first, size, proof, firstRoot) {
  if (first === size) {
    if (firstRoot) return proof.length === 0 ? [firstRoot, firstRoot] : undefined;
    return proof.length === 1 ? [proof[0], proof[0]] : undefined;
  }
  if (proof.length === 0) return undefined;
  const middle = split(size);
  const sibling = proof.at(-1);
  const rest = proof.slice(0, -1);
  if (first <= middle) {
    const found = rootsOf(first, middle, rest, firstRoot);
    return found && [found[0], nodeHash(found[1], sibling)];
  }
  const found = rootsOf(first - middle, size - middle, rest);
  return found && found.map((right) => nodeHash(sibling, right));
}

const UP_TO = 300;
const sizes = Array.from({ length: UP_TO }, (_, i) => i + 1);
const below = (count) => Array.from({ length: count }, (_, i) => i);

// --- Tampering ----------------------------------------------------------------------------------

const flipped = (hash) => Buffer.from(hash.map((byte, at) => (at === 31 ? byte ^ 1 : byte)));

/** Every way in which the list of hashes can be wrong, with a name. */
function* tamperedLists(proof) {
  for (const at of proof.keys()) {
    yield [`hash-${at}-flipped`, proof.with(at, flipped(proof[at]))];
    yield [`hash-${at}-missing`, proof.toSpliced(at, 1)];
    yield [`hash-${at}-twice`, proof.toSpliced(at, 0, proof[at])];
  }
  yield ["hash-before", [sha256("more"), ...proof]];
  yield ["hash-behind", [...proof, sha256("more")]];
  if (proof.length > 1) yield ["reversed", proof.toReversed()];
  if (proof.length > 0) yield ["none", []];
}

// --- Inclusion ----------------------------------------------------------------------------------

const inclusion = [];

function includes(name, desc, { leaf, index, size, proof, root }) {
  const found = rootOf(leaf, index, size, proof);
  inclusion.push({
    name,
    desc,
    inputs: { leafHash: hex(leaf), index, size, proof: proof.map(hex), root: hex(root) },
    ...(found?.equals(root) ? { want: { root: hex(root) } } : { wantErr: "proof_wrong" }),
    source: BY_NODE,
  });
}

for (const [index, size] of [[0, 1], [0, 2], [1, 2], [2, 3], [4, 5], [3, 7], [5, 8], [6, 13], [299, 300], [255, 300]]) {
  const place = `${index}-of-${size}`;
  const right = {
    leaf: leafHash(String(index)), index, size, proof: path(index, 0, size), root: treeHash(0, size),
  };
  includes(place, `entry ${index} of ${size}`, right);
  for (const [name, proof] of tamperedLists(right.proof)) {
    includes(`${place}-${name}`, `entry ${index} of ${size}, proof changed: ${name}`, { ...right, proof });
  }
  const more = sha256("more");
  const changes = {
    "too-long-made-to-fit": { proof: [...right.proof, more], root: nodeHash(more, right.root) },
    "too-long-made-to-fit-left": { proof: [...right.proof, more], root: nodeHash(right.root, more) },
    "leaf-flipped": { leaf: flipped(right.leaf) },
    "leaf-next": { leaf: leafHash(String(index + 1)) },
    "leaf-is-root": { leaf: right.root },
    "root-flipped": { root: flipped(right.root) },
    "root-empty": { root: sha256("") },
    "root-larger": { root: treeHash(0, size + 1) },
    "index-next": { index: index + 1 },
    "index-before": { index: index - 1 },
    "index-half": { index: index >> 1 },
    "index-is-size": { index: size },
    "size-larger": { size: size + 1 },
    "size-smaller": { size: size - 1 },
    "size-double": { size: size * 2 },
    "size-zero": { size: 0 },
  };
  for (const [name, change] of Object.entries(changes)) {
    includes(`${place}-${name}`, `entry ${index} of ${size}, changed: ${name}`, { ...right, ...change });
  }
}
const allOf = (size) => sha256(...below(size).flatMap((index) => path(index, 0, size)));
inclusion.push({
  name: "all",
  desc: "every proof of every tree: SHA-256 over the proofs of a size, index by index",
  inputs: { sizes: [1, UP_TO] },
  want: {
    roots: sizes.map((size) => hex(treeHash(0, size))),
    digests: sizes.map((size) => hex(allOf(size))),
  },
  source: BY_NODE,
});
writeCases("inclusion", inclusion);

// --- Consistency --------------------------------------------------------------------------------

const consistency = [];

function extend(name, desc, { first, second, firstRoot, secondRoot, proof }) {
  const found = first > 0 && first <= second ? rootsOf(first, second, proof, firstRoot) : undefined;
  const holds = found?.[0].equals(firstRoot) && found[1].equals(secondRoot);
  consistency.push({
    name,
    desc,
    inputs: {
      first, second, firstRoot: hex(firstRoot), secondRoot: hex(secondRoot), proof: proof.map(hex),
    },
    ...(holds ? { want: { root: hex(secondRoot) } } : { wantErr: "proof_wrong" }),
    source: BY_NODE,
  });
}

for (const [first, second] of [[1, 1], [1, 2], [2, 3], [3, 4], [4, 7], [6, 8], [7, 13], [8, 13], [255, 256], [256, 300], [299, 300]]) {
  const pair = `${first}-to-${second}`;
  const right = {
    first, second, firstRoot: treeHash(0, first), secondRoot: treeHash(0, second),
    proof: subproof(first, 0, second, true),
  };
  extend(pair, `from ${first} to ${second}`, right);
  for (const [name, proof] of tamperedLists(right.proof)) {
    extend(`${pair}-${name}`, `from ${first} to ${second}, proof changed: ${name}`, { ...right, proof });
  }
  const changes = {
    "first-root-flipped": { firstRoot: flipped(right.firstRoot) },
    "second-root-flipped": { secondRoot: flipped(right.secondRoot) },
    "roots-swapped": { firstRoot: right.secondRoot, secondRoot: right.firstRoot },
    "sizes-swapped": { first: second, second: first },
    "first-smaller": { first: first - 1 },
    "first-larger": { first: first + 1 },
    "second-smaller": { second: second - 1 },
    "second-larger": { second: second + 1 },
    "first-zero": { first: 0, firstRoot: sha256("") },
    "first-zero-no-proof": { first: 0, firstRoot: sha256(""), proof: [] },
    "one-size-two-roots": { first: second, proof: [] },
  };
  for (const [name, change] of Object.entries(changes)) {
    extend(`${pair}-${name}`, `from ${first} to ${second}, changed: ${name}`, { ...right, ...change });
  }
}
const allFrom = (second) =>
  sha256(...below(second).flatMap((first) => subproof(first + 1, 0, second, true)));
consistency.push({
  name: "all",
  desc: "every proof between two sizes: SHA-256 over the proofs to a size, first by first",
  inputs: { sizes: [1, UP_TO] },
  want: { digests: sizes.map((size) => hex(allFrom(size))) },
  source: BY_NODE,
});
writeCases("consistency", consistency);

// --- Tiles --------------------------------------------------------------------------------------

const tiles = [];

function tile(size, level, number, width, name) {
  const span = 256 ** level;
  const hashes = below(width).map((at) => {
    const start = (number * 256 + at) * span;
    return treeHash(start, start + span);
  });
  const want = { bytes: width * 32, sha256: hex(sha256(...hashes)) };
  tiles.push({
    name: `${size}-${name.replaceAll("/", "-")}`,
    desc: `tile ${name} of a tree of ${size}`,
    inputs: { size, level, number, width },
    want,
    source: BY_NODE,
  });
}

tile(1, 0, 0, 1, "0/000.p/1");
tile(255, 0, 0, 255, "0/000.p/255");
tile(256, 0, 0, 256, "0/000");
tile(256, 1, 0, 1, "1/000.p/1");
tile(257, 0, 1, 1, "0/001.p/1");
tile(600, 0, 1, 256, "0/001");
tile(600, 0, 2, 88, "0/002.p/88");
tile(600, 1, 0, 2, "1/000.p/2");
tile(65_900, 0, 257, 108, "0/257.p/108");
tile(65_900, 1, 0, 256, "1/000");
tile(65_900, 1, 1, 1, "1/001.p/1");
tile(65_900, 2, 0, 1, "2/000.p/1");
writeCases("tiles", tiles);

const names = [];
for (const [level, number, width, name] of [
  [0, 0, 256, "0/000"], [0, 0, 1, "0/000.p/1"], [63, 7, 255, "63/007.p/255"], [0, 999, 256, "0/999"],
  [1, 1000, 256, "1/x001/000"], [0, 1_234_067, 256, "0/x001/x234/067"], [0, 1_234_067, 9, "0/x001/x234/067.p/9"],
  [null, 0, 256, "entries/000"], [null, 39_063, 17, "entries/x039/063.p/17"], [2, 1_000_000, 256, "2/x001/x000/000"],
]) {
  names.push({
    name: name.replaceAll("/", "-"), desc: `tile ${number} of level ${level ?? "entries"}`,
    inputs: { name }, want: { level, number, width }, source: "c2sp.org/tlog-tiles, by hand",
  });
}
for (const [name, desc, text] of [
  ["level-64", "no such level", "64/000"], ["level-zeros", "a level with leading zeros", "00/000"],
  ["level-none", "no level", "/000"], ["level-minus", "a negative level", "-1/000"], ["level-word", "another word", "data/000"],
  ["number-short", "a group of two digits", "0/00"], ["number-long", "a group of four digits", "0/0000"],
  ["number-plain", "a number without its groups", "0/1234"], ["number-x-last", "x before the last group", "0/x000"],
  ["number-x-missing", "no x before an earlier group", "0/001/234"], ["number-zeros", "a leading group of zeros", "0/x000/001"],
  ["number-beyond", "beyond every tree", "0/x001/x000/x000/x000/x000/x000/x000/000"], ["number-none", "no number", "0/"],
  ["number-hex", "not decimal", "0/00a"], ["number-other-digits", "digits of another script", "0/\u0660\u0660\u0660"],
  ["width-0", "an empty tile", "0/000.p/0"], ["width-256", "a part that is the whole", "0/000.p/256"],
  ["width-999", "wider than a tile", "0/000.p/999"], ["width-zeros", "a width with leading zeros", "0/000.p/01"],
  ["width-none", "no width", "0/000.p/"], ["width-plus", "a sign", "0/000.p/+1"], ["end", "something behind", "0/000/"],
  ["new-line", "a new line behind", "0/000\n"], ["empty", "nothing", ""], ["entries-level", "both", "entries/0/000"],
]) {
  names.push({ name: `refused-${name}`, desc, inputs: { name: text }, wantErr: "tile_name", source: BY_HAND });
}
writeCases("tile-name", names);

// --- Verifier keys ------------------------------------------------------------------------------

/** An Ed25519 key of a seed (RFC 8410, section 10.3). */
function signingKey(seed) {
  const der = Buffer.concat([bytes("302e020100300506032b657004220420"), sha256(seed)]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

const raw = (key) => createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
const keyId = (name, key, type = 1) => sha256(name, "\n", Buffer.from([type]), raw(key)).subarray(0, 4);
const vkeyOf = (name, key, type = 1) =>
  `${name}+${hex(keyId(name, key, type))}+${Buffer.concat([Buffer.from([type]), raw(key)]).toString("base64")}`;

const ORIGIN = "confirm.example/public/log";
const LOG = signingKey("log");
const NEXT = signingKey("next");
const OTHER = signingKey("other");
const vkeys = [];

for (const [name, desc, origin, key] of [
  ["log", "a log's key", ORIGIN, LOG], ["next", "another key of the same name", ORIGIN, NEXT],
  ["localhost", "a name with a port", "localhost:8000/public/log", LOG],
  ["umlaut", "a name beyond ASCII", "b\u00fccher.example/log", LOG],
]) {
  vkeys.push({
    name, desc, inputs: { vkey: vkeyOf(origin, key) },
    want: { name: origin, keyId: hex(keyId(origin, key)), publicKey: hex(raw(key)) }, source: BY_NODE,
  });
}
const VKEY = vkeyOf(ORIGIN, LOG);
const [, ID, KEY] = VKEY.split("+");
for (const [name, desc, vkey] of [
  ["empty", "nothing", ""], ["name-only", "a name alone", ORIGIN], ["no-name", "no name", vkeyOf("", LOG)],
  ["space", "a space in the name", vkeyOf("a b", LOG)], ["no-break-space", "any space", vkeyOf("a\u00a0b", LOG)],
  ["plus", "a plus in the name", `a+b+${ID}+${KEY}`], ["id-flipped", "another id", `${ORIGIN}+${ID.replace(/.$/, (d) => (d === "0" ? "1" : "0"))}+${KEY}`],
  ["id-upper", "an id in upper case", `${ORIGIN}+${ID.toUpperCase()}+${KEY}`], ["id-missing", "no id", `${ORIGIN}+${KEY}`],
  ["other-name", "the id belongs to another name", `other.example+${ID}+${KEY}`],
  ["cosignature", "a witness's kind of key", vkeyOf(ORIGIN, LOG, 4)], ["type-0", "a type that there is not", vkeyOf(ORIGIN, LOG, 0)],
  ["short", "31 bytes", `${ORIGIN}+${ID}+${Buffer.concat([Buffer.from([1]), raw(LOG).subarray(1)]).toString("base64")}`],
  ["long", "33 bytes", `${ORIGIN}+${ID}+${Buffer.concat([Buffer.from([1]), raw(LOG), Buffer.from([0])]).toString("base64")}`],
  ["base64url", "another alphabet", `${ORIGIN}+${ID}+${KEY.replaceAll("+", "-").replaceAll("/", "_")}-`],
  ["new-line", "a new line behind", `${VKEY}\n`], ["space-before", "a space before", ` ${VKEY}`],
]) {
  vkeys.push({ name: `refused-${name}`, desc, inputs: { vkey }, wantErr: "key_malformed", source: BY_HAND });
}
writeCases("vkey", vkeys);

// --- Notes --------------------------------------------------------------------------------------

const notes = [];
const lineOf = (name, id, signature) =>
  `\u2014 ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
const signed = (text, key, name = ORIGIN) => lineOf(name, keyId(name, key), sign(null, Buffer.from(text), key));
const ROOT = treeHash(0, 300).toString("base64");
const TEXT = `${ORIGIN}\n300\n${ROOT}\n`;
const GOOD = signed(TEXT, LOG);
const NOTE = `${TEXT}\n${GOOD}`;

function accepted(name, desc, { note, keys = [VKEY], signedBy = keys, text = TEXT, extra = {} }) {
  notes.push({
    name, desc, inputs: { note, vkeys: keys },
    want: { text, signedBy, origin: ORIGIN, size: 300, root: hex(treeHash(0, 300)), ...extra },
    source: BY_NODE,
  });
}

const refused = (name, desc, wantErr, note, keys = [VKEY]) =>
  notes.push({ name: `refused-${name}`, desc, inputs: { note, vkeys: keys }, wantErr, source: BY_HAND });

const NEXT_VKEY = vkeyOf(ORIGIN, NEXT);
accepted("signed", "a signed head", { note: NOTE });
accepted("two-keys", "both keys, as in a rotation", { note: NOTE + signed(TEXT, NEXT), keys: [VKEY, NEXT_VKEY] });
accepted("two-keys-one-known", "a reader who knows the old key", { note: NOTE + signed(TEXT, NEXT) });
accepted("two-keys-other-known", "a reader who knows the new key", { note: NOTE + signed(TEXT, NEXT), keys: [NEXT_VKEY] });
accepted("two-known-one-signed", "one of two known keys", { note: NOTE, keys: [NEXT_VKEY, VKEY], signedBy: [VKEY] });
accepted("witness", "a line of somebody else", { note: NOTE + lineOf("witness.example", bytes("01020304"), Buffer.alloc(72, 7)) });
accepted("same-name-other-id", "a line of the same name with another id", { note: NOTE + lineOf(ORIGIN, bytes("01020304"), Buffer.alloc(64, 7)) });
accepted("twice", "the same line twice", { note: NOTE + GOOD });
const EXTENDED = `${TEXT}something else\n`;
accepted("extension", "an extension line is signed and says nothing", { note: `${EXTENDED}\n${signed(EXTENDED, LOG)}`, text: EXTENDED });

for (const [name, desc, text] of [
  ["size", "another size", TEXT.replace("300", "301")], ["root", "another root", TEXT.replace(ROOT, treeHash(0, 299).toString("base64"))],
  ["origin", "another log", TEXT.replace("confirm", "conform")], ["line", "a line more", EXTENDED],
]) refused(`text-${name}`, `${desc}, under the old signature`, "note_unsigned", `${text}\n${GOOD}`);
refused("nobody", "a key that nobody signed with", "note_unsigned", NOTE, [NEXT_VKEY]);
refused("no-keys", "no key at all", "note_unsigned", NOTE, []);
refused("made-to-fit", "a signature by another key under the log's id", "note_unsigned",
  `${TEXT}\n${lineOf(ORIGIN, keyId(ORIGIN, LOG), sign(null, Buffer.from(TEXT), OTHER))}`);
refused("one-of-two-wrong", "one known key signed, another known one did not", "note_unsigned",
  NOTE + lineOf(ORIGIN, keyId(ORIGIN, NEXT), sign(null, Buffer.from(TEXT), OTHER)), [VKEY, NEXT_VKEY]);
refused("signature-short", "a signature that ends early", "note_unsigned",
  `${TEXT}\n${lineOf(ORIGIN, keyId(ORIGIN, LOG), sign(null, Buffer.from(TEXT), LOG).subarray(0, 63))}`);
refused("signature-flipped", "one bit of the signature", "note_unsigned",
  `${TEXT}\n${lineOf(ORIGIN, keyId(ORIGIN, LOG), Buffer.from(sign(null, Buffer.from(TEXT), LOG).map((b, i) => (i ? b : b ^ 1))))}`);
refused("other-name", "the key's bytes under another name", "note_unsigned", `${TEXT}\n${signed(TEXT, LOG, "other.example")}`);
for (const [name, desc, note] of [
  ["empty", "nothing", ""], ["no-signatures", "no signature", `${TEXT}\n`], ["no-blank", "no blank line", TEXT + GOOD],
  ["no-end", "the last line does not end", NOTE.slice(0, -1)], ["blank-behind", "a blank line behind", `${NOTE}\n`],
  ["hyphen", "another dash", NOTE.replace("\u2014", "-")], ["no-space", "no space behind the dash", NOTE.replace("\u2014 ", "\u2014")],
  ["tab", "a control character", NOTE.replace("300\n", "300\t\n")], ["carriage-return", "lines of another system", NOTE.replaceAll("\n", "\r\n")],
  ["nul", "U+0000", NOTE.replace("300", "300\0")], ["base64", "not base64", NOTE.replace(/=*\n$/, "*\n")],
  ["base64-bits", "a second spelling of the signature", NOTE.replace(/.=\n$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=\n`)],
  ["id-only", "no signature behind the id", `${TEXT}\n${lineOf(ORIGIN, keyId(ORIGIN, LOG), Buffer.alloc(0))}`],
  ["words-behind", "a third word", NOTE.replace(/\n$/, " more\n")], ["text-in-signatures", "text among the signatures", `${NOTE}hello\n`],
]) refused(name, desc, "note_malformed", note);
for (const [name, desc, text] of [
  ["head-two-lines", "no root", `${ORIGIN}\n300\n`], ["head-size-zeros", "leading zeros", TEXT.replace("300", "0300")],
  ["head-size-sign", "a sign", TEXT.replace("300", "+300")], ["head-size-minus", "negative", TEXT.replace("300", "-300")],
  ["head-size-hex", "not decimal", TEXT.replace("300", "0x1")], ["head-size-huge", "beyond 2^53", TEXT.replace("300", "9007199254740993")],
  ["head-size-none", "no size", TEXT.replace("300", "")], ["head-root-short", "31 bytes", TEXT.replace(ROOT, Buffer.alloc(31).toString("base64"))],
  ["head-root-bits", "a second spelling of the root", TEXT.replace(/.=\n$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=\n`)],
  ["head-origin-none", "no origin", `\n300\n${ROOT}\n`], ["head-blank", "a blank line among the lines", `${TEXT}\nmore\n`],
]) refused(name, `well signed, but ${desc}`, "note_malformed", `${text}\n${signed(text, LOG)}`);
if (!verify(null, Buffer.from(TEXT), createPublicKey(LOG), Buffer.from(GOOD.split(" ")[2], "base64").subarray(4))) throw new Error("signature");
writeCases("note", notes);

// --- Proofs that travel alone -------------------------------------------------------------------

const proofs = [];
const PROOF = path(7, 0, 300);
const proofText = (index, hashes, note) =>
  ["c2sp.org/tlog-proof@v1", `index ${index}`, ...hashes.map((h) => h.toString("base64")), "", note].join("\n");
for (const [name, desc, index, hashes] of [
  ["proof", "with its hashes", 7, PROOF], ["alone", "the only leaf needs none", 0, []],
]) {
  const inputs = { text: proofText(index, hashes, NOTE) };
  proofs.push({ name, desc, inputs, want: { index, hashes: hashes.map(hex), note: NOTE, rewritten: inputs.text }, source: BY_NODE });
}
const WHOLE = proofText(7, PROOF, NOTE);
proofs.push({
  name: "extra", desc: "extra data are passed over",
  inputs: { text: WHOLE.replace("\n", "\nextra AAAA\n") },
  want: { index: 7, hashes: PROOF.map(hex), note: NOTE, rewritten: WHOLE }, source: BY_NODE,
});
for (const [name, desc, text] of [
  ["empty", "nothing", ""], ["title", "another version", WHOLE.replace("@v1", "@v2")], ["no-index", "no index", WHOLE.replace("index 7\n", "")],
  ["index-zeros", "leading zeros", WHOLE.replace("index 7", "index 07")], ["index-minus", "negative", WHOLE.replace("index 7", "index -7")],
  ["hash-short", "31 bytes", proofText(7, [Buffer.alloc(31)], NOTE)], ["hash-long", "33 bytes", proofText(7, [Buffer.alloc(33)], NOTE)],
  ["hash-bits", "a second spelling of a hash", WHOLE.replace(/.=\n/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=\n`)],
  ["hash-words", "not base64", WHOLE.replace("\n\n", "\nhash\n\n")], ["no-note", "no note", WHOLE.split("\n\n")[0]],
]) {
  proofs.push({ name: `refused-${name}`, desc, inputs: { text }, wantErr: "note_malformed", source: BY_HAND });
}
writeCases("tlog-proof", proofs);
