// Writes vectors/payload/: JSON texts, and the canonical bytes and hash they have or the code with
// which they are refused. What is accepted is computed by JSON.stringify(JSON.parse(text)); what is
// refused is stated by hand, case for case.
//
//   node vectors/generate/payload.mjs [vectors folder]
import { BY_HAND, BY_NODE, sha256, writeCases } from "./cases.mjs";

const CANONICAL_SHOWN_MAX = 2000;
const cases = [];

/** A text that is accepted; given as a string, or as [piece, times] pairs where it is long. */
function accepts(name, desc, text) {
  const canonical = JSON.stringify(JSON.parse(whole(text)));
  const bytes = Buffer.from(canonical);
  const want = { bytes: bytes.length, sha256: sha256(bytes).toString("hex") };
  if (canonical.length <= CANONICAL_SHOWN_MAX) want.canonical = canonical;
  cases.push({ name, desc, inputs: inputs(text), want, source: BY_NODE });
}

/** A text that is refused with a code; a Buffer where the bytes matter. */
function refuses(code, name, desc, text) {
  const short = code.replace("payload_", "").replaceAll("_", "-");
  const source = BY_HAND;
  cases.push({ name: `refused-${short}-${name}`, desc, inputs: inputs(text), wantErr: code, source });
}

function inputs(text) {
  if (Buffer.isBuffer(text)) return { textBase64: text.toString("base64") };
  return Array.isArray(text) ? { textParts: text } : { text };
}

function whole(text) {
  return Array.isArray(text) ? text.map(([piece, times]) => piece.repeat(times)).join("") : text;
}

const number = (literal) => `{"n":${literal}}`;
const bytes = (hex) => Buffer.from(hex.replaceAll(" ", ""), "hex");
/** {"s":"…"} around bytes given in hexadecimal. */
const textOf = (hex) => Buffer.concat([Buffer.from('{"s":"'), bytes(hex), Buffer.from('"}')]);

/** Whether a number and the shortest form of what it is read as are one decimal value. */
function isShortest(literal) {
  return decimal(literal) === decimal(String(Number(literal)));
}

/** One spelling for every spelling of a decimal value: digits without zeros at either end. */
function decimal(literal) {
  const [, sign, whole, fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(literal);
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (!significant) return "0";
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign}${significant}e${power}`;
}

// --- Accepted -----------------------------------------------------------------------------------

accepts("empty", "an object without fields", "{}");
accepts("plain", "everything JSON can say, written plainly",
  '{"service":"api","replicas":3,"ratio":0.5,"dry_run":false,"force":true,"note":null,"tags":["a","b"],"limits":{"cpu":2}}');
accepts("nested-empties", "empty containers stay", '{"a":{},"b":[],"c":[{},[],[[]]]}');
accepts("white-space", "all four kinds of white space, wherever it may be",
  ' \t\r\n{ "a" \n:\t[ 1 ,\r\n 2 ] , "b" : { } , "c":[ ] }\n\n');
accepts("white-space-in-text", "white space inside texts stays", '{" a ":"  two  spaces  "}');
accepts("words-as-text", "NaN, Infinity and numbers beyond the bound are fine as texts",
  '{"a":"NaN","b":"-Infinity","c":"9007199254740993","d":"1e400"}');
accepts("same-key-elsewhere", "one key in several objects is not a duplicate",
  '{"a":{"a":1},"b":[{"a":1},{"a":1}]}');
accepts("keys-by-case", "keys that differ only in case are two keys", '{"Amount":1,"amount":2,"AMOUNT":3}');
accepts("keys-by-normalisation", "keys that look alike but are composed differently are two keys",
  '{"\u00e9":1,"e\u0301":2}');

for (const [name, literal, desc] of [
  ["point-zero", "1.0", "1.0 is 1"],
  ["exponent", "1e2", "1e2 is 100"],
  ["exponent-upper", "1E2", "an upper-case exponent"],
  ["exponent-plus", "1e+2", "an exponent with a plus sign"],
  ["exponent-minus", "100e-2", "an exponent that makes an integer smaller"],
  ["exponent-zero", "7e0", "an exponent of nothing"],
  ["exponent-minus-zero", "7e-0", "an exponent of minus nothing"],
  ["exponent-leading-zeros", "1e002", "an exponent with leading zeros"],
  ["exponent-fraction", "1.5e3", "a fraction that an exponent makes whole"],
  ["trailing-zero", "1.10", "1.10 is 1.1"],
  ["zero", "0", "zero"],
  ["minus-zero", "-0", "-0 is 0"],
  ["minus-zero-point", "-0.0", "-0.0 is 0"],
  ["minus-zero-exponent", "-0e5", "-0e5 is 0"],
  ["zero-exponent-max", "0e400", "zero with the largest exponent that is read"],
  ["zero-exponent-min", "0e-400", "zero with the smallest exponent that is read"],
  ["negative", "-12.5", "a negative fraction"],
  ["one-tenth", "0.1", "no binary fraction, but the shortest form of one"],
  ["sum", "0.30000000000000004", "the seventeen digits of 0.1 + 0.2"],
  ["max", "9007199254740991", "2^53 - 1"],
  ["min", "-9007199254740991", "-(2^53 - 1)"],
  ["max-point-zero", "9007199254740991.0", "2^53 - 1 with a fraction of zero"],
  ["max-exponent", "9.007199254740991e15", "2^53 - 1 with an exponent"],
  ["max-all-exponent", "9007199254740991000e-3", "2^53 - 1 written larger, then divided"],
  ["power-15", "1e15", "10^15 in full"],
  ["half-high", "4503599627370495.5", "the largest number with a half"],
  ["quarter", "123456789.25", "a quarter"],
  ["dyadic", "123456789012.125", "twelve digits and an eighth"],
  ["thousandth", "0.001", "0.001"],
  ["micro", "0.000001", "the smallest power of ten written without an exponent"],
  ["micro-exponent", "1e-6", "1e-6 is written without an exponent"],
  ["micro-digits", "1.234e-6", "digits after a millionth"],
  ["tenth-micro", "1e-7", "the largest power of ten written with an exponent"],
  ["tenth-micro-in-full", "0.0000001", "0.0000001 gets an exponent"],
  ["tenth-micro-digits", "0.000000123456789", "digits after a ten-millionth"],
  ["e-5", "1e-5", "a power where Python begins to write exponents"],
  ["e-4", "0.0001", "a power where Python writes none"],
  ["small-negative", "-2.5e-7", "a negative number with an exponent"],
  ["e-10", "1e-10", "an exponent of two digits"],
  ["e-100", "1.5e-100", "an exponent of three digits"],
  ["normal-min", "2.2250738585072014e-308", "the smallest normal number"],
  ["subnormal-max", "2.225073858507201e-308", "the largest subnormal number"],
  ["smallest", "5e-324", "the smallest number there is"],
  ["smallest-other", "50e-325", "the smallest number, its point moved"],
  ["power-of-two", "5.684341886080802e-14", "2^-44, whose neighbours are not equally far"],
  ["power-of-two-small", "9.5367431640625e-7", "2^-20"],
  ["shortest-hard", "9.5e-322", "a subnormal number with few bits"],
  ["seventeen-digits", "0.12345678901234568", "as many digits as are ever needed"],
  ["third", "0.3333333333333333", "a third"],
  ["two-thirds", "-0.6666666666666666", "minus two thirds"],
]) {
  if (!isShortest(literal)) throw new Error(`${literal} is not what it is read as`);
  accepts(`number-${name}`, desc, number(literal));
}

accepts("number-zeros-after-point", "300 zeros after the point", [['{"n":1.', 1], ["0", 300], ["}", 1]]);
accepts("number-zeros-after-digits", "300 zeros after the last digit",
  [['{"n":0.30000000000000004', 1], ["0", 300], ["}", 1]]);
accepts("number-zeros-before-digits", "1e-301 without an exponent", [['{"n":0.', 1], ["0", 300], ["1}", 1]]);
accepts("number-zeros-divided", "300 zeros that the exponent takes away",
  [['{"n":1', 1], ["0", 300], ["e-300}", 1]]);
accepts("number-zeros-in-exponent", "300 zeros before the exponent's digit",
  [['{"n":1e', 1], ["0", 300], ["2}", 1]]);
accepts("number-smallest-in-full", "the smallest number without an exponent",
  [['{"n":0.', 1], ["0", 323], ["5}", 1]]);
accepts("number-longest", "a number of 400 characters", [['{"n":0.1', 1], ["0", 397], ["}", 1]]);

accepts("escape-needless", "an escape that is not needed", '{"\\u0041":"\\u0042\\u00e9\\u20AC"}');
accepts("escape-solidus", "a solidus needs no escape", '{"a\\/b":"\\/","c":"\\u002f"}');
accepts("escape-short", "control characters with a short escape keep it",
  '{"a":"\\b\\t\\n\\f\\r","b":"\\u0008\\u0009\\u000a\\u000c\\u000d","\\n":"\\u000D"}');
accepts("escape-control", "the others are written in four lower-case digits",
  '{"a":"\\u0000\\u0001\\u0007\\u000b\\u000B\\u000e\\u001b\\u001F","\\u0000":1}');
accepts("escape-quote", "quotes and backslashes", '{"a\\"b":"\\u0022","c\\\\d":"\\u005C\\\\n"}');
accepts("escape-apostrophe", "what only HTML would escape is not escaped", `{"a":"'<>&\\u003c\\u0027"}`);
accepts("delete-character", "U+007F and the C1 controls are not escaped", '{"a":"\u007f\\u007f\u0080\\u009f\\u0085"}');
accepts("line-separators", "U+2028 and U+2029 are not escaped",
  '{"a":"\u2028\u2029","b":"\\u2028\\u2029","\u2028":"key"}');
accepts("emoji", "characters beyond the sixteen-bit plane, one of them joined",
  '{"\u{1f600}":"\u{1f469}\u200d\u{1f4bb} \u{1f1eb}\u{1f1f7}"}');
accepts("emoji-escaped", "an escaped surrogate pair is one character", '{"\\ud83d\\ude00":"\\uD83D\\uDE00"}');
accepts("last-code-point", "U+10FFFF, plain and escaped", '{"a":"\u{10ffff}","b":"\\udbff\\udfff"}');
accepts("beside-surrogates", "the code points next to the surrogates", '{"a":"\ud7ff\ue000","b":"\\ud7ff\\ue000"}');
accepts("noncharacters", "noncharacters are characters here", '{"a":"\ufffe\uffff","b":"\\ufdd0"}');
accepts("replacement-character", "U+FFFD that somebody wrote", '{"a":"\ufffd"}');
accepts("byte-order-mark-inside", "U+FEFF inside a text is kept", '{"\ufeff":"\ufeffa\\ufeff"}');
accepts("invisible", "invisible and bidirectional characters are kept; the card shows them",
  '{"a":"\u200b\u202e\u2066\u00ad\u00a0"}');
accepts("not-normalised", "no text is normalised", '{"a":"\u00e9","b":"e\u0301","c":"\u212b","d":"\ufb01"}');

// Keys with a backslash, each after a first key of its own: see README, "A defect of V8".
accepts("keys-backslash", "a backslash as a key", '{"before backslash":1,"\\\\":2}');
accepts("keys-backslash-escaped", "a backslash as a key, by its number", '{"before number":1,"\\u005c":2}');
accepts("keys-backslash-n", "a backslash and a letter are no line break", '{"before n":1,"\\\\n":2,"\\n":3}');
accepts("keys-one-escape", "keys of one escaped character",
  '{"before escapes":1,"\\n":2,"\\u001b":3,"\\"":4,"\\/":5,"\\u0041":6,"\\u2028":7}');
accepts("keys-integer-like", "array indices first, ascending; all others as written",
  '{"b":1,"10":2,"9":3,"a":4,"0":5,"1":6}');
accepts("keys-not-integer-like", "what is no array index stays where it is",
  '{"z":1,"01":2,"-1":3,"1.0":4,"1e3":5,"+1":6," 1":7,"1 ":8,"00":9,"-0":10,"":11,"5":12}');
accepts("keys-index-bound", "the last array index is 2^32 - 2",
  '{"x":1,"4294967296":2,"4294967295":3,"4294967294":4,"4294967293":5,"9999999999":6,"0":7}');
accepts("keys-31-bits", "an index beyond 31 bits is one", '{"x":1,"2147483648":2,"2147483647":3,"2147483646":4}');
accepts("keys-by-length", "indices are ordered as numbers, not as texts",
  '{"1000000000":1,"999999999":2,"100":3,"20":4,"3":5}');
accepts("keys-huge", "a key beyond every index", '{"18446744073709551616":1,"7":2,"99999999999999999999":3}');
accepts("keys-other-digits", "digits of other scripts are no index",
  '{"\u0663":1,"\uff11":2,"\u00b2":3,"2":4}');
accepts("keys-escaped-digits", "an escaped index is one", '{"b":1,"\\u0031\\u0030":2,"\\u0039":3}');
accepts("keys-nested", "the order holds in every object",
  '{"b":[{"b":1,"2":{"b":0,"1":1,"0":2},"1":3}],"0":{"x":1,"0":2}}');
accepts("keys-proto", "__proto__ is a key like any other", '{"b":1,"__proto__":{"admin":true},"1":2}');
accepts("keys-proto-value", "__proto__ with a plain value", '{"__proto__":5}');
accepts("keys-proto-escaped", "__proto__ with an escape", '{"a":{"\\u005f_proto__":null},"__proto__":[]}');
accepts("keys-of-objects", "names that objects inherit",
  '{"toString":1,"constructor":{"prototype":2},"hasOwnProperty":3,"valueOf":4,"toJSON":5,"length":6}');
accepts("keys-empty", "the empty key", '{"":{"":""}}');

accepts("depth-64-arrays", "64 levels: an object and 63 arrays", [['{"a":', 1], ["[", 63], ["]", 63], ["}", 1]]);
accepts("depth-64-objects", "64 levels of objects", [['{"a":', 63], ["{}", 1], ["}", 63]]);
accepts("depth-64-mixed", "64 levels, objects and arrays in turn",
  [['{"a":[', 32], ["1", 1], ["]}", 32]]);
accepts("depth-64-value", "a value is no level of its own", [['{"a":', 64], ['"x"', 1], ["}", 64]]);
accepts("values-500", "500 values", [['{"a":[0', 1], [",0", 499], ["]}", 1]]);
accepts("values-500-empty", "500 empty containers: each is a value",
  [['{"a":[{}', 1], [",[],{}", 249], [",[]]}", 1]]);
accepts("values-500-spread", "500 values in 250 objects: only what is empty or no container counts",
  [['{"a":[{"a":0,"b":1}', 1], [',{"a":0,"b":1}', 249], ["]}", 1]]);
accepts("bytes-65536", "64 KiB", [['{"a":"', 1], ["x", 65528], ['"}', 1]]);
accepts("bytes-65536-multibyte", "64 KiB in fewer characters",
  [['{"a":"', 1], ["\u00e9", 32764], ['"}', 1]]);
accepts("bytes-65536-escaped", "64 KiB of which many are escapes",
  [['{"a":"', 1], ["\\n", 32764], ['"}', 1]]);
accepts("bytes-65536-white-space", "64 KiB, and a longer text around them",
  [[" ", 1000], ['{"a": "', 1], ["x", 65528], ['" }', 1]]);
accepts("bytes-65536-shrunk", "64 KiB, written with escapes that are not needed",
  [['{"a":"', 1], ["x", 60000], ["\\u0078", 5528], ['"}', 1]]);

// --- Refused ------------------------------------------------------------------------------------

const duplicate = refuses.bind(null, "payload_duplicate_key");
duplicate("plain", "a key named twice", '{"a":1,"a":2}');
duplicate("same-value", "twice with the same value", '{"a":1,"a":1}');
duplicate("thrice", "three times", '{"a":1,"a":2,"b":3,"a":4}');
duplicate("apart", "with others between", '{"a":1,"b":2,"c":3,"a":4}');
duplicate("nested", "in an inner object", '{"x":{"a":1,"a":2}}');
duplicate("in-array", "in an object in an array", '{"x":[0,{"a":1,"a":2}]}');
duplicate("deep", "in an object that a later duplicate would hide", '{"x":{"a":1,"a":2},"y":0}');
duplicate("escaped", "the same key after unescaping", '{"a":1,"\\u0061":2}');
duplicate("escaped-solidus", "the same key with an escaped solidus", '{"a/b":1,"a\\/b":2}');
duplicate("escaped-pair", "the same key as a surrogate pair", '{"\u{1f600}":1,"\\ud83d\\ude00":2}');
duplicate("escaped-case", "escapes that differ in case", '{"\\u00E9":1,"\\u00e9":2}');
duplicate("integer-like", "the same index", '{"1":1,"\\u0031":2}');
duplicate("proto", "__proto__ twice", '{"__proto__":1,"__proto__":2}');
duplicate("empty", "the empty key twice", '{"":1,"":2}');
duplicate("containers", "an object merged over another", '{"a":{"b":1},"a":{"c":2}}');
duplicate("in-refused-array", "in a text that is no object either", '[{"a":1,"a":2}]');

const large = refuses.bind(null, "payload_number_too_large");
for (const [name, literal, desc] of [
  ["next", "9007199254740992", "2^53"],
  ["next-negative", "-9007199254740992", "-2^53"],
  ["odd", "9007199254740993", "2^53 + 1, which reads as 2^53"],
  ["half", "9007199254740991.5", "half more than 2^53 - 1"],
  ["point-zero", "9007199254740992.0", "2^53 with a fraction of zero"],
  ["exponent", "9.007199254740992e15", "2^53 with an exponent"],
  ["e16", "1e16", "10^16"],
  ["e16-in-full", "10000000000000000", "10^16 in full"],
  ["e16-negative", "-10000000000000000", "-10^16 in full"],
  ["e20", "100000000000000000000", "the last power of ten that is written in full"],
  ["e21", "1e21", "the first power of ten that is written with an exponent"],
  ["e21-in-full", "1000000000000000000000", "10^21 in full"],
  ["double-max", "1.7976931348623157e308", "the largest double"],
  ["beyond-doubles", "1e309", "what JSON.parse reads as Infinity"],
  ["beyond-doubles-negative", "-1e309", "what JSON.parse reads as -Infinity"],
  ["e400", "1e400", "the largest exponent that is read"],
]) large(name, desc, number(literal));
large("nested", "in an inner array", '{"a":{"b":[1,2,9007199254740992]}}');
large("digits", "400 digits", [['{"n":', 1], ["9", 400], ["}", 1]]);
large("many-digits", "5,000 digits, more than Python's int() reads", [['{"n":', 1], ["9", 5000], ["}", 1]]);

const inexact = refuses.bind(null, "payload_number_inexact");
for (const [name, literal, desc] of [
  ["digits", "0.1234567890123456789", "more digits than a double keeps"],
  ["negative", "-0.1234567890123456789", "the same below zero"],
  ["pi", "3.14159265358979323846", "pi, too well known"],
  ["one-more", "1.0000000000000000001", "a trace above 1"],
  ["one-less", "0.99999999999999999999", "a trace below 1"],
  ["half-way", "1.00000000000000011102230246251565404236316680908203125",
    "exactly half way to the next double"],
  ["exact-binary", "0.1000000000000000055511151231257827021181583404541015625",
    "the exact value of the double 0.1, which is not its shortest form"],
  ["other-digits", "0.30000000000000005", "a neighbour's digits that read as 0.30000000000000004"],
  ["max-half", "9007199254740990.5", "a half where doubles have none"],
  ["max-rounds", "9007199254740990.9", "a fraction that rounds up to 2^53 - 1"],
  ["quarter", "4503599627370497.25", "a quarter where doubles have halves"],
  ["binary-quarter", "2251799813685247.25", "a quarter that a double holds, but its shortest form is .2"],
  ["smallest", "4.9406564584124654e-324", "seventeen digits of the smallest double"],
  ["vanishes", "2e-324", "what reads as 0"],
  ["vanishes-negative", "-1e-400", "what reads as -0"],
  ["rounds-up", "3e-324", "what reads as 5e-324"],
  ["power-of-two", "5.6843418860808015e-14", "2^-44 with a digit more than its shortest form"],
  ["exponent", "12345678901234567891e-10", "digits that the exponent does not bring into range"],
]) {
  if (isShortest(literal)) throw new Error(`${literal} is what it is read as`);
  inexact(name, desc, number(literal));
}
inexact("trailing-zeros", "the surplus digit after 300 zeros", [['{"n":1.', 1], ["0", 300], ["1}", 1]]);
inexact("in-array", "in an array", '{"a":[0.1,0.12345678901234567890]}');

const long = refuses.bind(null, "payload_number_too_long");
long("literal", "a number of 401 characters", [['{"n":0.1', 1], ["0", 398], ["}", 1]]);
long("literal-tiny", "300 zeros, then 300 digits", [['{"n":0.', 1], ["0", 300], ["1", 300], ["}", 1]]);
long("literal-exponent", "an exponent of 400 zeros", [['{"n":1e', 1], ["0", 400], ["}", 1]]);
for (const [name, literal, desc] of [
  ["exponent", "1e401", "an exponent beyond 400"],
  ["exponent-negative", "1e-401", "an exponent below -400"],
  ["exponent-upper", "1E+999", "an exponent with a sign"],
  ["exponent-zero", "0e401", "zero, but its exponent is not read"],
  ["exponent-huge", "1e999999999", "an exponent that would fill the memory"],
  ["exponent-huge-negative", "-1e-99999999999999999999", "an exponent beyond every machine's"],
]) long(name, desc, number(literal));

const nan = refuses.bind(null, "payload_not_a_number");
nan("nan", "NaN", number("NaN"));
nan("infinity", "Infinity", number("Infinity"));
nan("infinity-negative", "-Infinity", number("-Infinity"));
nan("nested", "NaN in an inner array", '{"a":{"b":[1,NaN]}}');

const surrogate = refuses.bind(null, "payload_lone_surrogate");
surrogate("high", "a high surrogate alone", '{"a":"\\ud83d"}');
surrogate("low", "a low surrogate alone", '{"a":"\\ude00"}');
surrogate("first", "the first of them", '{"a":"\\ud800"}');
surrogate("last", "the last of them, in upper case", '{"a":"\\uDFFF"}');
surrogate("reversed", "a pair the wrong way round", '{"a":"\\ude00\\ud83d"}');
surrogate("high-high-low", "one before a whole pair", '{"a":"\\ud83d\\ud83d\\ude00"}');
surrogate("pair-low", "one after a whole pair", '{"a":"\\ud83d\\ude00\\ude00"}');
surrogate("split", "a pair with a letter between", '{"a":"\\ud83dx\\ude00"}');
surrogate("split-escape", "a pair with an escape between", '{"a":"\\ud83d\\u0041\\ude00"}');
surrogate("before-character", "one before a whole character", '{"a":"\\ud83d\u{1f600}"}');
surrogate("key", "in a key", '{"\\ud83d":1}');
surrogate("key-nested", "in an inner key", '{"a":[{"b\\udc00":1}]}');
surrogate("two-texts", "a pair in two texts", '{"a":["\\ud83d","\\ude00"]}');

const utf8 = refuses.bind(null, "payload_not_utf8");
utf8("continuation", "a continuation byte alone", textOf("80"));
utf8("overlong-2", "an overlong form of NUL", textOf("c0 80"));
utf8("overlong-2-letter", "an overlong form of a letter", textOf("c1 81"));
utf8("overlong-3", "an overlong form of three bytes", textOf("e0 80 af"));
utf8("overlong-4", "an overlong form of four bytes", textOf("f0 80 80 af"));
utf8("surrogate", "a surrogate's bytes", textOf("ed a0 80"));
utf8("surrogate-pair", "a surrogate pair's bytes (CESU-8)", textOf("ed a0 bd ed b8 80"));
utf8("truncated-2", "two bytes of which one is there", textOf("c3"));
utf8("truncated-3", "three bytes of which two are there", textOf("e2 82"));
utf8("truncated-4", "four bytes of which three are there", textOf("f0 9f 98"));
utf8("truncated-end", "a character cut at the end of the text",
  Buffer.concat([Buffer.from("{}"), bytes("c3")]));
utf8("beyond", "beyond U+10FFFF", textOf("f4 90 80 80"));
utf8("five-bytes", "the first byte of a form of five bytes", textOf("f8 88 80 80 80"));
utf8("ff", "a byte that is never there", textOf("ff"));
utf8("latin-1", "ISO 8859-1", Buffer.from('{"s":"\u00e9"}', "latin1"));
utf8("key", "in a key", Buffer.concat([Buffer.from('{"'), bytes("c3 28"), Buffer.from('":1}')]));
utf8("utf-16", "UTF-16 with its byte order mark", Buffer.from('\ufeff{"a":1}', "utf16le"));
utf8("before-json", "before anything else is looked at", Buffer.concat([Buffer.from("nonsense "), bytes("fe")]));

const mark = refuses.bind(null, "payload_byte_order_mark");
mark("object", "before an object", Buffer.from('\ufeff{"a":1}'));
mark("alone", "and nothing else", Buffer.from("\ufeff"));
mark("twice", "twice", Buffer.from("\ufeff\ufeff{}"));
mark("not-json", "before something that is no JSON", Buffer.from("\ufeff{"));

const notObject = refuses.bind(null, "payload_not_object");
notObject("array", "an array", "[]");
notObject("array-of-object", "an array around an object", '[{"a":1}]');
notObject("text", "a text", '"{}"');
notObject("number", "a number", "1");
notObject("minus-zero", "a number that is normalised", " -0.0 ");
notObject("true", "true", "true");
notObject("null", "null", "null");

const deep = refuses.bind(null, "payload_too_deep");
deep("arrays", "65 levels: an object and 64 arrays", [['{"a":', 1], ["[", 64], ["]", 64], ["}", 1]]);
deep("objects", "65 levels of objects", [['{"a":', 64], ["{}", 1], ["}", 64]]);
deep("mixed", "65 levels, objects and arrays in turn", [['{"a":[', 32], ["{}", 1], ["]}", 32]]);
deep("beside", "65 levels beside a flat field", [['{"flat":1,"a":', 1], ["[", 64], ["1", 1], ["]", 64], ["}", 1]]);
deep("500", "500 levels", [['{"a":', 500], ["1", 1], ["}", 500]]);
deep("20000", "20,000 levels", [['{"a":', 1], ["[", 20000], ["]", 20000], ["}", 1]]);

const many = refuses.bind(null, "payload_too_many_values");
many("array", "501 values in an array", [['{"a":[0', 1], [",0", 500], ["]}", 1]]);
many("empty", "501 empty containers", [['{"a":[{}', 1], [",[],{}", 250], ["]}", 1]]);
many("spread", "501 values in 250 objects and one", [['{"a":[{"a":0,"b":1}', 1], [',{"a":0,"b":1}', 249], [',{"c":2}]}', 1]]);

const tooLarge = refuses.bind(null, "payload_too_large");
tooLarge("bytes", "64 KiB and one byte", [['{"a":"', 1], ["x", 65529], ['"}', 1]]);
tooLarge("multibyte", "64 KiB and two bytes in fewer characters", [['{"a":"', 1], ["\u00e9", 32765], ['"}', 1]]);
tooLarge("key", "in a key", [['{"', 1], ["k", 65531], ['":1}', 1]]);
tooLarge("escapes", "escapes count as they are written", [['{"a":"', 1], ["\\u0001", 10922], ['"}', 1]]);

const notJson = refuses.bind(null, "body_not_json");
for (const [name, text, desc] of [
  ["empty", "", "nothing"],
  ["blank", " \n", "white space only"],
  ["unclosed", '{"a":1', "an object that does not end"],
  ["unclosed-array", '{"a":[1}', "an array that does not end"],
  ["unclosed-text", '{"a":"b}', "a text that does not end"],
  ["closed-twice", '{"a":1}}', "an object that ends twice"],
  ["trailing-comma", '{"a":1,}', "a comma after the last field"],
  ["trailing-comma-array", '{"a":[1,]}', "a comma after the last item"],
  ["leading-comma", '{,"a":1}', "a comma before the first field"],
  ["double-comma", '{"a":1,,"b":2}', "two commas"],
  ["comma-missing", '{"a":1 "b":2}', "no comma"],
  ["colon-missing", '{"a" 1}', "no colon"],
  ["value-missing", '{"a":}', "no value"],
  ["comment-block", '{"a":1/* one */}', "a comment"],
  ["comment-line", '{"a":1}// one', "a comment at the end"],
  ["comment-hash", '# one\n{"a":1}', "a comment at the start"],
  ["single-quotes", "{'a':1}", "single quotes"],
  ["single-quotes-value", "{\"a\":'b'}", "single quotes around a value"],
  ["bare-key", "{a:1}", "a key without quotes"],
  ["number-key", "{1:1}", "a number as a key"],
  ["leading-zero", number("01"), "a leading zero"],
  ["leading-zero-negative", number("-01"), "a leading zero after the sign"],
  ["leading-zeros-point", number("00.1"), "two zeros before the point"],
  ["plus", number("+1"), "a plus sign"],
  ["point-first", number(".5"), "no digit before the point"],
  ["point-last", number("1."), "no digit after the point"],
  ["point-exponent", number("1.e5"), "no digit between point and exponent"],
  ["exponent-empty", number("1e"), "no digit in the exponent"],
  ["exponent-sign", number("1e+"), "a sign and no digit in the exponent"],
  ["exponent-fraction", number("1e1.5"), "a fraction in the exponent"],
  ["minus", number("-"), "a minus sign alone"],
  ["minus-twice", number("--1"), "two minus signs"],
  ["minus-space", number("- 1"), "a space after the sign"],
  ["hexadecimal", number("0x10"), "hexadecimal"],
  ["underscore", number("1_000"), "an underscore between digits"],
  ["other-digits", number("\u0661"), "digits of another script"],
  ["other-digits-after", number("1\u0662"), "digits of another script after a digit"],
  ["nan-minus", number("-NaN"), "NaN with a sign"],
  ["infinity-plus", number("+Infinity"), "Infinity with a plus sign"],
  ["infinity-short", number("inf"), "another spelling of infinity"],
  ["undefined", number("undefined"), "undefined"],
  ["true-upper", number("True"), "Python's True"],
  ["none", number("None"), "Python's None"],
  ["word-short", number("tru"), "a word that does not end"],
  ["control-tab", '{"a":"\t"}', "a tab in a text"],
  ["control-new-line", '{"a":"one\ntwo"}', "a line break in a text"],
  ["control-nul", '{"a":"\u0000"}', "NUL in a text"],
  ["control-unit-separator", '{"a":"\u001f"}', "the last control character in a text"],
  ["control-key", '{"a\n":1}', "a line break in a key"],
  ["nul-after", '{"a":1}\u0000', "NUL after the end"],
  ["escape-unknown", '{"a":"\\x41"}', "an escape that JSON has not"],
  ["escape-apostrophe", '{"a":"\\\'"}', "an escaped apostrophe"],
  ["escape-short", '{"a":"\\u004"}', "an escape of three digits"],
  ["escape-sign", '{"a":"\\u+041"}', "an escape with a sign"],
  ["escape-underscore", '{"a":"\\u0_41"}', "an escape with an underscore"],
  ["escape-space", '{"a":"\\u 041"}', "an escape with a space"],
  ["escape-braces", '{"a":"\\u{41}"}', "an escape as in ECMAScript"],
  ["escape-upper", '{"a":"\\U0041"}', "an escape with an upper-case U"],
  ["escape-end", '{"a":"\\', "an escape that does not end"],
  ["escape-line", '{"a":"\\\n"}', "a line that is continued"],
  ["space-no-break", '{"a":\u00a01}', "a no-break space between tokens"],
  ["space-line-separator", '{"a":\u20281}', "a line separator between tokens"],
  ["space-form-feed", '{"a":\f1}', "a form feed between tokens"],
  ["space-vertical-tab", '{"a":\v1}', "a vertical tab between tokens"],
  ["mark-inside", '{"a":\ufeff1}', "a byte order mark between tokens"],
  ["mark-after-space", ' \ufeff{"a":1}', "a byte order mark that is not the first thing"],
  ["second-value", '{"a":1} {"b":2}', "two texts"],
  ["second-value-line", '{"a":1}\n1', "another value on the next line"],
  ["trailing-word", '{"a":1} x', "a word after the end"],
  ["trailing-semicolon", '{"a":1};', "a semicolon after the end"],
  ["parentheses", '({"a":1})', "parentheses"],
  ["prefix", ")]}',\n{}", "a prefix against script inclusion"],
  ["utf-16-without-mark", '{\u0000}\u0000', "UTF-16 without its byte order mark"],
]) notJson(name, desc, text);

writeCases("payload", cases);
