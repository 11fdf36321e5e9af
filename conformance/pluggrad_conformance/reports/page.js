"use strict";
// All text reaches the page as text, never as markup: names and messages come from anywhere.
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

function make(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// ---------------------------------------------------------------- reading the cells

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  let plain;
  if (typeof DecompressionStream === "function") {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    plain = new Uint8Array(await new Response(stream).arrayBuffer());
  } else {
    plain = inflate(bytes.subarray(10)); // after a gzip header without a name
  }
  return JSON.parse(new TextDecoder().decode(plain));
}

// RFC 1951, for browsers without DecompressionStream.
function inflate(input) {
  let out = new Uint8Array(input.length * 6), size = 0, at = 0, hold = 0, held = 0;
  const bits = (count) => {
    while (held < count) { hold |= input[at++] << held; held += 8; }
    const value = hold & ((1 << count) - 1);
    hold >>>= count; held -= count;
    return value;
  };
  const room = (more) => {
    if (size + more <= out.length) return;
    const larger = new Uint8Array(Math.max(out.length * 2, size + more));
    larger.set(out); out = larger;
  };
  const tree = (lengths) => {
    const counts = new Uint16Array(16), offsets = new Uint16Array(16), symbols = new Uint16Array(lengths.length);
    for (const length of lengths) counts[length]++;
    counts[0] = 0;
    for (let i = 1; i < 16; i++) offsets[i] = offsets[i - 1] + counts[i - 1];
    lengths.forEach((length, symbol) => { if (length) symbols[offsets[length]++] = symbol; });
    return { counts, symbols };
  };
  const symbol = ({ counts, symbols }) => {
    let code = 0, first = 0, index = 0;
    for (let length = 1; length < 16; length++) {
      code |= bits(1);
      const count = counts[length];
      if (code - count < first) return symbols[index + code - first];
      index += count; first = (first + count) << 1; code <<= 1;
    }
    throw new Error("the data of this page are damaged");
  };
  const base = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  const extra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  const distances = [], distanceBits = [];
  for (let i = 0, from = 1; i < 30; i++) { distanceBits[i] = i < 4 ? 0 : (i >> 1) - 1; distances[i] = from; from += 1 << distanceBits[i]; }
  const fixed = Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8));
  for (let last = 0; !last;) {
    last = bits(1);
    const kind = bits(2);
    if (kind === 0) {
      hold = held = 0;
      const length = input[at] | (input[at + 1] << 8);
      at += 4; room(length);
      out.set(input.subarray(at, at + length), size);
      at += length; size += length;
      continue;
    }
    let literals = tree(fixed), far = tree(new Array(30).fill(5));
    if (kind === 2) {
      const n = bits(5) + 257, m = bits(5) + 1, k = bits(4) + 4, lengths = new Array(19).fill(0);
      for (let i = 0; i < k; i++) lengths[order[i]] = bits(3);
      const codes = tree(lengths), all = [];
      while (all.length < n + m) {
        const code = symbol(codes);
        if (code < 16) all.push(code);
        else {
          const value = code === 16 ? all[all.length - 1] : 0;
          for (let i = code === 16 ? 3 + bits(2) : code === 17 ? 3 + bits(3) : 11 + bits(7); i; i--) all.push(value);
        }
      }
      literals = tree(all.slice(0, n)); far = tree(all.slice(n));
    }
    for (let code; (code = symbol(literals)) !== 256;) {
      room(258);
      if (code < 256) { out[size++] = code; continue; }
      let length = base[code - 257] + bits(extra[code - 257]);
      const place = symbol(far), back = distances[place] + bits(distanceBits[place]);
      for (; length; length--, size++) out[size] = out[size - back];
    }
  }
  return out.subarray(0, size);
}

// ---------------------------------------------------------------- the cells

let data, column, words, total, rank, usual;
const squares = []; // { button, row, operation, backend, cells, shown }

const word = (name, cell) => words[name][column[name][cell]];
const outcome = (cell) => word("outcome", cell);
const number = (x) => (x === null ? "–" : typeof x === "string" ? x : x === 0 ? "0" : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(1) : String(x));

const given = (x) => (x === null ? "" : number(x));

function unusual(cell) {
  return usual.map(([axis, plain]) => [axis, word(axis, cell), plain]).filter(([, value, plain]) => value !== plain);
}
const key = (cell) => [word("operation", cell), word("backend", cell), word("dtype", cell), ...unusual(cell).map(([axis, value]) => `${axis}=${value}`)].join("|");
const label = (cell) => [word("dtype", cell), ...unusual(cell).map(([axis, value]) => (axis === "form" ? value : `${axis} ${value}`))].join(" · ");
const mark = (name, known) => make("span", { class: `mark ${data.tones[name]}${known ? " known" : ""}`, "aria-hidden": "true" }, data.marks[name]);
const reason = (cell) => (data.failures[cell] ? data.failures[cell].reason : undefined);
const order = (cell) => (outcome(cell) === "pass" ? 2 : reason(cell) ? 1 : 0);
const byWorst = (a, b) => order(a) - order(b) || rank[outcome(a)] - rank[outcome(b)] || a - b;

// ---------------------------------------------------------------- filters

const form = $("#filters");
let kept = [], texts = [], shownRows = 0;

function fill(name, values) {
  form.elements[name].append(...values.map((value) => make("option", { value }, String(value))));
}

function prepareFilters() {
  fill("kind", Object.keys(data.kinds));
  fill("backend", words.backend);
  fill("dtype", words.dtype);
  fill("outcome", data.severity.filter((name) => column.outcome.includes(words.outcome.indexOf(name))));
  fill("order", [...words.order].sort());
  fill("mode", words.mode);
  fill("axis", ["usual in all", ...usual.map(([axis]) => axis).filter((axis) => words[axis].length > 1)]);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("change", apply);
  let waiting;
  form.elements.text.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
}

function filter() {
  const wanted = (name) => form.elements[name].value;
  const tests = [];
  for (const name of ["backend", "dtype", "outcome", "order", "mode"]) {
    if (wanted(name) === "") continue;
    const place = words[name].findIndex((value) => String(value) === wanted(name)), values = column[name];
    tests.push((cell) => values[cell] === place);
  }
  if (wanted("kind")) {
    const names = new Set(data.kinds[wanted("kind")].map((name) => words.operation.indexOf(name)));
    tests.push((cell) => names.has(column.operation[cell]));
  }
  if (wanted("axis")) {
    const axis = wanted("axis");
    tests.push(axis === "usual in all" ? (cell) => !unusual(cell).length : (cell) => word(axis, cell) !== data.axes[axis]);
  }
  if (form.elements.bad.checked) tests.push((cell) => outcome(cell) !== "pass");
  if (form.elements.open.checked) tests.push((cell) => data.bad.includes(outcome(cell)) && !reason(cell));
  const search = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (search.length) {
    if (!texts.length) for (let cell = 0; cell < total; cell++) texts.push(`${key(cell)} ${outcome(cell)} ${word("detail", cell)}`.toLowerCase());
    tests.push((cell) => search.every((part) => texts[cell].includes(part)));
  }
  kept = [];
  for (let cell = 0; cell < total; cell++) if (tests.every((test) => test(cell))) kept.push(cell);
  return tests.length > 0;
}

function apply() {
  const filtered = filter();
  const keeps = new Uint8Array(total);
  for (const cell of kept) keeps[cell] = 1;
  const rows = new Set(), tables = new Map();
  for (const square of squares) {
    square.shown = filtered ? square.cells.filter((cell) => keeps[cell]) : square.cells;
    draw(square);
    if (square.shown.length) rows.add(square.row);
  }
  for (const row of new Set(squares.map((square) => square.row))) {
    row.hidden = !rows.has(row);
    const table = row.closest("table");
    tables.set(table, (tables.get(table) || 0) + !row.hidden);
  }
  for (const [table, count] of tables) {
    table.hidden = !count;
    $(".of", table).textContent = count;
  }
  $("#nothing").hidden = rows.size > 0;
  const said = ["text", "kind", "backend", "dtype", "outcome", "order", "mode", "axis"].filter((name) => form.elements[name].value !== "").map((name) => `${name} ${form.elements[name].value}`);
  if (form.elements.bad.checked) said.push("not pass");
  if (form.elements.open.checked) said.push("to explain");
  $("#filtered").hidden = !filtered; // what a print says of the filters that were set
  $("#filtered").textContent = `Only cells with ${said.join(", ")}: ${kept.length} of ${total}.`;
  $("output", form).textContent = filtered ? `${kept.length} of ${total} cells, ${rows.size} operations` : `${total} cells`;
  kept.sort(byWorst);
  shownRows = 0;
  $("#cells tbody").replaceChildren();
  more();
  rove();
}

function draw(square) {
  const cells = square.shown, counts = {};
  for (const cell of cells) counts[outcome(cell)] = (counts[outcome(cell)] || 0) + 1;
  const worst = data.severity.find((name) => counts[name]);
  const known = worst && worst !== "pass" && cells.every((cell) => outcome(cell) !== worst || reason(cell));
  const state = worst ? `${worst} ${known} ${counts[worst]}/${cells.length}` : "";
  if (square.state === state) return;
  square.state = state;
  const button = square.button;
  button.style.visibility = worst ? "" : "hidden";
  if (!worst) return;
  button.className = data.tones[worst] + (known ? " known" : "");
  button.setAttribute("aria-label", `${square.operation} on ${square.backend}: ${worst}, ${counts[worst]} of ${cells.length} cells${known ? ", explained" : ""}`);
  const rest = counts[worst] === cells.length ? null : make("s", {}, `/${cells.length}`);
  button.replaceChildren(make("b", {}, data.marks[worst]), " ", make("i", {}, String(counts[worst]), rest || ""));
}

function more() {
  const body = $("#cells tbody");
  for (const cell of kept.slice(shownRows, shownRows + 100)) {
    body.append(make("tr", {},
      make("td", {}, mark(outcome(cell), reason(cell)), ` ${outcome(cell)}`),
      make("td", {}, make("button", { type: "button", onclick: () => openCell(cell) }, `${word("operation", cell)} · ${word("backend", cell)} · ${label(cell)}`)),
      make("td", {}, given(column.error[cell])), make("td", {}, given(column.ratio[cell])),
      make("td", {}, (reason(cell) ? `Explained: ${reason(cell)}. ` : "") + word("detail", cell).slice(0, 300))));
  }
  shownRows = Math.min(kept.length, shownRows + 100);
  $("#more").hidden = shownRows >= kept.length;
  $("#more").textContent = `Show 100 more of ${kept.length - shownRows}`;
}

// ---------------------------------------------------------------- walking the matrix by keys

let here = null;

function prepareSquares() {
  const place = new Map();
  for (let cell = 0; cell < total; cell++) {
    const name = column.operation[cell] * words.backend.length + column.backend[cell];
    if (!place.has(name)) place.set(name, []);
    place.get(name).push(cell);
  }
  let operation = 0;
  for (const row of $$("#squares tbody tr")) {
    $$("td", row).forEach((box, backend) => {
      const button = $("button", box);
      if (!button) return;
      const square = { button, row, backend: words.backend[backend], column: backend, operation: words.operation[operation], cells: place.get(operation * words.backend.length + backend) || [], state: null };
      button.tabIndex = -1;
      button.addEventListener("click", () => openSquare(square));
      button.addEventListener("focus", () => { if (here) here.button.tabIndex = -1; here = square; button.tabIndex = 0; });
      button.square = square;
      squares.push(square);
    });
    operation++;
  }
  $("#squares").addEventListener("keydown", walk);
}

function rove() { // one square is in the order of the Tab key, the arrow keys reach the others
  const found = here && here.shown.length ? here : squares.find((square) => square.shown.length);
  for (const square of squares) square.button.tabIndex = square === found ? 0 : -1;
}

function walk(event) {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const square = event.target.square;
  if (!square || !steps[event.key]) return;
  event.preventDefault();
  const [down, right] = steps[event.key];
  const rows = $$("#squares tbody tr").filter((row) => row.offsetParent !== null);
  let row = rows.indexOf(square.row), at = square.column;
  for (let i = 0; i < rows.length + words.backend.length; i++) {
    row += down; at += right;
    const button = rows[row] && rows[row].children[at + 1] && $("button", rows[row].children[at + 1]);
    if (!rows[row] || at < 0 || at >= words.backend.length) return;
    if (button && button.square.shown.length) { button.focus(); return; }
  }
}

// ---------------------------------------------------------------- the panel: a square, its cells

const panel = $("#panel");
const wide = window.matchMedia("(min-width: 1200px)");
let opener = null;

function openSquare(square, open = -1, all = false) {
  for (const other of squares) other.button.removeAttribute("aria-current");
  square.button.setAttribute("aria-current", "true");
  $("#panel-title").textContent = `${square.operation} on ${square.backend}`;
  const some = !all && square.shown.length && (open < 0 || square.shown.includes(open)) ? square.shown : square.cells;
  const cells = [...some].sort(byWorst), body = $("#panel-body");
  const rest = square.cells.length - cells.length;
  body.replaceChildren(
    make("p", { class: "note-line" }, rest ? `${cells.length} of ${square.cells.length} cells, as the filters say. ` : `${cells.length} cells, the worst first. `,
      rest ? make("button", { type: "button", class: "plain", onclick: () => openSquare(square, -1, true) }, "Show all") : null),
    ...cells.map((cell) => row(cell, cell === open || (open < 0 && cells.length === 1))));
  if (!panel.open) {
    opener = document.activeElement;
    steadily(square.button, () => {
      if (wide.matches) panel.show(); else panel.showModal();
      document.body.classList.add("panelled");
    });
  }
  panel.scrollTop = 0;
  $("#panel-title").focus({ preventScroll: true });
  const opened = $("[aria-expanded=true]", body);
  if (opened && open >= 0) opened.scrollIntoView({ block: "center" });
  remember(open >= 0 ? key(open) : `${square.operation}|${square.backend}`);
}

function openCell(cell) {
  const square = squares.find((s) => s.operation === word("operation", cell) && s.backend === word("backend", cell));
  openSquare(square, cell);
}

function steadily(element, change) { // the page is laid out anew, and the element stays in place
  const before = element.getBoundingClientRect().top;
  change();
  window.scrollBy(0, element.getBoundingClientRect().top - before);
}

function closePanel() {
  const current = $("#squares [aria-current]") || $("#matrix");
  steadily(current, () => document.body.classList.remove("panelled"));
  for (const square of squares) square.button.removeAttribute("aria-current");
  remember("");
  if (opener && opener.isConnected) opener.focus({ preventScroll: true });
}

function remember(place) {
  try { history.replaceState(null, "", place ? `#${encodeURIComponent(place)}` : "#"); } catch { /* some viewers forbid it */ }
}

function row(cell, open) {
  const name = outcome(cell), box = make("div", { class: "cell" });
  const error = column.error[cell] === null ? "" : `${number(column.error[cell])} eps`;
  const button = make("button", { type: "button", "aria-expanded": "false" }, mark(name, reason(cell)),
    make("span", {}, label(cell), make("span", { class: "num" }, ` ${name}`)), make("span", { class: "num" }, error));
  const toggle = () => {
    const expand = button.getAttribute("aria-expanded") === "false";
    button.setAttribute("aria-expanded", String(expand));
    if (expand) { box.append(inside(cell)); remember(key(cell)); } else $(".inside", box).remove();
  };
  button.addEventListener("click", toggle);
  box.append(button);
  if (open) { button.setAttribute("aria-expanded", "true"); box.append(inside(cell)); }
  return box;
}

function inside(cell) {
  const name = outcome(cell), failure = data.failures[cell] || {}, box = make("div", { class: "inside" });
  box.append(make("p", {}, make("b", {}, name), `: ${data.meanings[name]}.`));
  if (reason(cell)) box.append(make("p", {}, make("b", {}, "Explained"), `: ${reason(cell)}.`));
  if (word("detail", cell)) box.append(make("pre", { class: "wrap" }, word("detail", cell)));
  const facts = [`${word("quantity", cell)} of order ${word("order", cell)}`];
  if (column.error[cell] !== null) facts.push(`error ${number(column.error[cell])} eps`);
  if (column.ratio[cell] !== null) facts.push(`${number(column.ratio[cell])} tolerances`);
  facts.push(`${number(column.seconds[cell])} s`);
  box.append(make("p", {}, facts.join(" · ")));
  const said = data.oracles[cell];
  if (said.length) {
    const rows = [];
    for (let i = 0; i < said.length; i += 3) {
      const [oracle, verdict, note] = words.oracle[said[i]];
      rows.push(make("tr", {}, make("td", {}, oracle), make("td", {}, verdict), make("td", { class: "r" }, number(said[i + 1])), make("td", { class: "r" }, number(said[i + 2]))));
      if (note) rows.push(make("tr", { class: "said" }, make("td", { colspan: 4 }, note)));
    }
    const head = ["oracle", "verdict", "error in eps", "in tolerances"].map((text, i) => make("th", { scope: "col", class: i > 1 ? "r" : null }, text));
    box.append(make("h3", {}, "Oracles"), make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
  }
  const properties = word("properties", cell);
  if (properties.length) {
    box.append(make("h3", {}, "Properties"), make("ul", {}, ...properties.map(([what, held, note]) =>
      make("li", { class: held ? null : "fails" }, `${held ? "✓" : "✗"} ${what}${held ? "" : " does not hold"}${note ? `: ${note}` : ""}`))));
  }
  if (failure.minimal) box.append(make("h3", {}, "Smallest input that shows it"), make("pre", { class: "wrap" }, JSON.stringify(failure.minimal)));
  box.append(make("h3", {}, "Again"), code(`pluggrad conformance repro '${key(cell)}'`));
  if (failure.script) box.append(make("h3", {}, `Script (repro/${failure.id}.py)`), code(failure.script));
  return box;
}

function code(text) {
  const button = make("button", { type: "button", class: "plain", onclick: async () => {
    try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(button.previousSibling); button.textContent = "Selected: copy it"; }
  } }, "Copy");
  return make("div", {}, make("pre", text.includes("\n") ? {} : { class: "wrap" }, text), button);
}

function preparePanel() {
  $("#close").addEventListener("click", () => panel.close());
  panel.addEventListener("close", closePanel);
  panel.addEventListener("click", (event) => { // beside the sheet, on the backdrop
    if (event.target === panel && event.clientX < panel.getBoundingClientRect().left) panel.close();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && panel.open) panel.close(); });
  $("#more").addEventListener("click", more);
  window.addEventListener("beforeprint", () => { $("#legend").open = true; });
}

function openFromAddress() {
  const place = decodeURIComponent(location.hash.slice(1));
  if (!place.includes("|")) return;
  const square = squares.find((s) => place === `${s.operation}|${s.backend}` || place.startsWith(`${s.operation}|${s.backend}|`));
  if (!square) return;
  square.button.scrollIntoView({ block: "center" });
  openSquare(square, square.cells.find((cell) => key(cell) === place) ?? -1);
}

(async () => {
  data = await unpack($("#data").textContent);
  column = data.columns; words = data.dictionaries; total = column.outcome.length;
  words.oracle ??= []; usual = Object.entries(data.axes);
  rank = Object.fromEntries(data.severity.map((name, i) => [name, i]));
  prepareFilters(); prepareSquares(); preparePanel(); apply();
  if (matchMedia("(max-width: 900px)").matches) $("#legend").open = false;
  document.documentElement.classList.add("js");
  document.documentElement.dataset.ready = Math.round(performance.now());
  openFromAddress();
})().catch((error) => {
  document.documentElement.classList.remove("js");
  $("#squares").before(make("p", { class: "warning" }, `The cells of this page cannot be read (${error.message}). The tables are complete without them.`));
});
