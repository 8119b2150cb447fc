// The table of all assets: sorted, searched and shown a page at a time, from the JSON beside it.
"use strict";
const { columns, rows } = JSON.parse(document.getElementById("data").textContent);
const table = document.getElementById("assets");
const head = table.tHead.rows[0];
const body = table.tBodies[0];
const search = document.getElementById("search");
const order = document.getElementById("order");
const more = document.getElementById("more");
const PAGE = 50;
let sorted = -1;
let isDescending = false;
let shown = PAGE;

const element = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};
const value = (row, at) => (columns[at].number ? row.cells[at] && row.cells[at][0] : row.cells[at]);
const text = (row, at) => (columns[at].number ? (row.cells[at] ? row.cells[at][1] : "–") : row.cells[at]);

// Assets without a figure come last, whichever way the others go.
function compared(one, other) {
  if (sorted < 0) return other.grave - one.grave || one.cells[0].localeCompare(other.cells[0], undefined, { numeric: true });
  const [a, b] = [value(one, sorted), value(other, sorted)];
  if (a === null || b === null) return (a === null) - (b === null);
  const difference = columns[sorted].number ? a - b : a.localeCompare(b, undefined, { numeric: true });
  return isDescending ? -difference : difference;
}

// An asset whose whole name is asked for is shown alone, though others' names begin like it.
function found() {
  const asked = search.value.trim().toLowerCase();
  const named = rows.filter((row) => row.cells[0].toLowerCase() === asked);
  const words = asked.split(/\s+/).filter(Boolean);
  return (named.length ? named : rows.filter((row) => matches(row, words))).sort(compared);
}

function matches(row, words) {
  const all = [...row.cells.filter((cell) => typeof cell === "string"), ...row.told.flat()].join(" ").toLowerCase();
  return words.every((word) => all.includes(word));
}

function told(row) {
  const cell = element("td");
  cell.colSpan = columns.length;
  const list = element("dl");
  const figures = columns.flatMap((column, at) => (column.number ? [[column.name, text(row, at)]] : []));
  for (const [name, said] of [...row.told, ...figures]) list.append(element("dt", name), element("dd", said));
  cell.append(list);
  const line = element("tr", undefined, "told");
  line.append(cell);
  return line;
}

function lineOf(row) {
  const line = element("tr", undefined, `grave-${row.grave}`);
  columns.forEach((column, at) => {
    const cell = element("td", at ? text(row, at) : undefined, column.number ? "number" : "");
    if (at < 2) cell.classList.add("key");
    if (at === sorted) cell.classList.add("sorted");
    line.append(cell);
  });
  const button = element("button", row.cells[0]);
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) line.nextSibling.remove();
    else line.after(told(row));
  });
  line.cells[0].append(button);
  return line;
}

function show() {
  const all = found();
  body.replaceChildren(...all.slice(0, shown).map(lineOf));
  document.getElementById("count").textContent = `${Math.min(shown, all.length)} of ${all.length} assets`;
  more.hidden = shown >= all.length;
  [...head.cells].forEach((cell, at) => {
    if (at === sorted) cell.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
  order.value = String(sorted);
}

function sort(at, isTurned) {
  isDescending = at === sorted && isTurned ? !isDescending : at >= 0 && columns[at].number;
  sorted = at;
  shown = PAGE;
  show();
}

order.append(new Option("what is worth a look", "-1"));
columns.forEach((column, at) => {
  const cell = element("th", undefined, column.number ? "number" : "");
  cell.scope = "col";
  if (at < 2) cell.classList.add("key");
  const button = element("button", column.name);
  button.type = "button";
  button.addEventListener("click", () => sort(at, true));
  cell.append(button);
  head.append(cell);
  order.append(new Option(column.name, String(at)));
});
order.addEventListener("change", () => sort(Number(order.value), false));
search.addEventListener("input", () => {
  shown = PAGE;
  show();
});
more.addEventListener("click", () => {
  shown += PAGE;
  show();
});
document.getElementById("turn").addEventListener("click", () => sorted >= 0 && sort(sorted, true));
for (const link of document.querySelectorAll("[data-asset]")) {
  link.addEventListener("click", () => {
    search.value = link.dataset.asset;
    show();
  });
}
show();
