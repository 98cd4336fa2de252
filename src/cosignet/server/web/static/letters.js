// Characters beyond plain Latin text, the same rule as core/cardtext.py: hidden, foreign, or
// running right to left.
import { isHidden, scriptOf } from "./characters.js";

export { isHidden };

const NO_SCRIPT = ".";
const LOOKS_LATIN = new RegExp("[АВЕЅІЈКМНОРСТУХҮӀԚԜаеорсухѕіјһҽӏԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹονρϲϳԼՏՍՕոսօհᎠᎡᎢᎪᎫᎳᎷᎻᏀᏃᏎᏙᏚᏞᏟᏢᏦᏴ"
  + "ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴㅇㅣ一丨]");
const BACKWARDS =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Mark each run that is of a foreign script, and each that runs right to left among others. */
export function mark(runs, runsForward) {
  for (const run of runs) run.script = isHidden(run.code) ? NO_SCRIPT : scriptOf(run.code);
  markForeign(runs);
  const isBackwards = (run) => run?.isPlain && BACKWARDS.test(run.character);
  const isForward = runsForward
    || runs.some((run) => run.script !== NO_SCRIPT && !isBackwards(run));
  if (!isForward) return;
  const isTurned = (run) => isBackwards(run) && !run.isForeign;
  runs.forEach((run, at) => {
    run.isTurned = isTurned(run) || (run.character === " " && run.count === 1
      && isTurned(runs[at - 1]) && isTurned(runs[at + 1]));
  });
}

/** Mark look-alikes whose script nothing else shows to be meant, and strangers in a word. */
function markForeign(runs) {
  const looks = ({ script, character }) => script === "W" || LOOKS_LATIN.test(character);
  const meant = new Set(runs.filter((run) => !looks(run)).map(({ script }) => script));
  if (meant.has("J")) meant.add("W");
  let word = [];
  for (const run of [...runs, { script: NO_SCRIPT, character: "" }]) {
    run.isForeign = looks(run) && !meant.has(run.script);
    if (run.script !== NO_SCRIPT) {
      word.push(run);
      continue;
    }
    const scripts = new Set(word.map(({ script }) => script));
    if (scripts.size > 1 && !["JL", "JW"].includes([...scripts].sort().join(""))) {
      const home = scripts.has("L") ? "L" : word[0].script;
      for (const one of word) one.isForeign ||= one.script !== home;
    }
    word = [];
  }
}
