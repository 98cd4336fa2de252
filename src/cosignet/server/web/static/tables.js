// Lists of objects as tables, the same rule as core/cardvalue.py.
import { element, flag, magnitude, nameNodes, valueNodes } from "./card.js";

const COLUMNS_MAX = 4; // fit on a phone
const FAR = 10; // times the median

const isObject = (value) => typeof value === "object" && value !== null;

/** The table of same-shaped objects; nothing if the list is not of such. */
export function table(rows) {
  return isTable(rows) ? made(rows) : undefined;
}

/** Whether all are objects with the same few names, in the same order, and no lists. */
function isTable(items) {
  const shapes = new Set(items.map((item) => (isObject(item) && !Array.isArray(item)
    && !Object.values(item).some(isObject) ? JSON.stringify(Object.keys(item)) : "")));
  const names = items.length > 1 && shapes.size === 1 && [...shapes][0];
  return names && JSON.parse(names).length > 0 && JSON.parse(names).length <= COLUMNS_MAX;
}

function made(rows) {
  const keys = Object.keys(rows[0]);
  const odd = keys.map((key) => outliers(rows.map((row) => row[key])));
  const isOdd = (at) => odd.some((column) => column[at]);
  const all = [...rows.keys()];
  const order = [...all.filter(isOdd), ...all.filter((at) => !isOdd(at))];
  const body = order.map((at) => element("tr", "", ["th", { scope: "row" }, String(at + 1)],
    ...keys.map((key, column) => element("td", "", ...valueNodes(rows[at][key]),
      ...(odd[column][at] ? [flag("differs", "flag differs")] : [])))));
  const caption = element("caption", "", "Rows that differ come first. Numbers tell the order.");
  return element("table", "", ...(order.join() === all.join() ? [] : [caption]),
    element("thead", "", element("tr", "", ["th", { scope: "col" }, "Row"],
      ...nameNodes(keys, "th", { scope: "col" }))),
    element("tbody", "", ...body));
}

/** Of each value, whether it differs from what most are, or is far above the median. */
function outliers(column) {
  const kinds = column.map((value) => JSON.stringify(value));
  const usual = kinds.find((kind) =>
    2 * kinds.filter((other) => other === kind).length > kinds.length);
  if (usual) return kinds.map((kind) => kind !== usual);
  const sizes = column.map(magnitude);
  const limit = FAR * sizes.toSorted((a, b) => a - b)[sizes.length >> 1];
  return sizes.map((size) => !sizes.includes(undefined) && size > limit);
}
