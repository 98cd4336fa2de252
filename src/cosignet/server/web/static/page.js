// What every page's script needs: finding elements, choosing and filling in their words.

export const byId = (name) => document.getElementById(name);

/** Of the elements that carry data-for, let only `name` be seen. */
export function show(container, name) {
  container.dataset.state = name;
  for (const element of container.querySelectorAll("[data-for]")) {
    element.hidden = element.dataset.for !== name;
  }
}

/** Give the focus to what is told; where that stands over the page, the page stays as it is. */
export function attend(element) {
  const isOver = getComputedStyle(element.parentElement).position === "sticky";
  element.focus({ preventScroll: isOver });
}

/** Write a text into every element that carries this data-fill. */
export function fill(name, text) {
  for (const element of document.querySelectorAll(`[data-fill="${name}"]`)) {
    element.textContent = text;
  }
}

/** Tell the person something that passes, or nothing. */
export function say(...sentences) {
  const text = sentences.filter(Boolean).join(" ");
  byId("note").textContent = text;
  byId("note").hidden = text === "";
}
