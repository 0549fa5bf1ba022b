"""The script of the page of facts: one page of rows at a time, whatever their number."""

SCRIPT = r"""
"use strict";
const PAGE = 200;
const {kinds, texts, columns, answer} = JSON.parse(document.getElementById("data").textContent);
const [says, wanted, other] = answer;
const lower = texts.map(text => text.toLowerCase());
const total = columns[0].length, all = Uint32Array.from({length: total}, (_, row) => row);
const find = document.getElementById("find"), body = document.querySelector("tbody");
const selects = [...document.querySelectorAll("select")];
const heads = [...document.querySelectorAll("th")];
let sorted = all, shown = all, start = 0;

// texts in the order of a dictionary, numbers within them by value; worked out when first needed
let ranks = null;
function rankOfTexts() {
  if (!ranks) {
    const compare = new Intl.Collator(undefined, {numeric: true}).compare;
    ranks = new Uint32Array(texts.length);
    texts.map((_, n) => n).sort((a, b) => compare(texts[a], texts[b])).forEach((n, rank) => { ranks[n] = rank; });
  }
  return ranks;
}

function sort(column, direction) {
  heads.forEach((head, n) => head.setAttribute("aria-sort", n === column ? direction : "none"));
  if (direction === "none") { sorted = all; return; }
  const values = columns[column], sign = direction === "ascending" ? 1 : -1;
  const isText = kinds[column] === "text", rank = isText ? rankOfTexts() : null;
  const isEmpty = value => isText ? value === 0 : value === null;
  sorted = all.slice().sort((a, b) => {
    const x = values[a], y = values[b];
    if (isEmpty(x) || isEmpty(y)) return isEmpty(x) - isEmpty(y) || a - b;  // empty ones last
    return sign * (isText ? rank[x] - rank[y] : x - y) || a - b;
  });
}

function filter() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const picked = selects.filter(select => select.value !== "")
    .map(select => [columns[select.dataset.column], Number(select.value)]);
  // a word is looked for in each text once, not in each row
  const having = words.map(word => lower.map(text => text.includes(word)));
  const has = (row, n) => columns.some((values, column) => kinds[column] === "text"
    ? having[n][values[row]] : kinds[column] === "number" && String(values[row]) === words[n]);
  shown = sorted.filter(row => picked.every(([values, value]) => values[row] === value)
    && words.every((_, n) => has(row, n)));
}

function cell(row, column) {
  const td = document.createElement("td"), value = columns[column][row];
  if (kinds[column] === "text") td.textContent = texts[value];
  else td.className = "number";
  if (kinds[column] === "percent" && value !== null) td.textContent = (100 * value).toFixed(1) + "%";
  if (kinds[column] === "number") td.textContent = value;
  if (column === says) {
    const begins = target => {
      const text = lower[columns[target][row]];
      return text && lower[value].startsWith(text);
    };
    td.className = begins(wanted) ? "wanted" : begins(other) ? "true" : "";
  }
  return td;
}

function draw() {
  const rows = [...shown.subarray(start, start + PAGE)].map(row => {
    const tr = document.createElement("tr");
    tr.append(...columns.map((_, column) => cell(row, column)));
    return tr;
  });
  body.replaceChildren(...rows);
  const from = shown.length ? start + 1 : 0, number = new Intl.NumberFormat("en");
  document.getElementById("count").textContent =
    `rows ${number.format(from)}–${number.format(start + rows.length)} of ${number.format(shown.length)}`;
  for (const name of ["first", "previous"]) document.getElementById(name).disabled = start === 0;
  for (const name of ["next", "last"]) document.getElementById(name).disabled = start + PAGE >= shown.length;
}

function show() { filter(); start = 0; draw(); }
function turn(id, to) { document.getElementById(id).onclick = () => { start = to(); draw(); }; }

for (const select of selects) {
  const values = [...new Set(columns[select.dataset.column])].filter(value => value !== 0);
  for (const value of values) select.add(new Option(texts[value], value));
  select.onchange = show;
}
find.oninput = show;
document.querySelector("form").onsubmit = event => event.preventDefault();
document.querySelector("form").onreset = () => setTimeout(show);
heads.forEach((head, column) => {
  head.querySelector("button").onclick = () => {
    const next = {none: "ascending", ascending: "descending", descending: "none"};
    sort(column, next[head.getAttribute("aria-sort")]);
    show();
  };
});
turn("first", () => 0);
turn("previous", () => Math.max(0, start - PAGE));
turn("next", () => start + PAGE);
turn("last", () => PAGE * Math.floor((shown.length - 1) / PAGE));
show();
"""
