// Charts as plain SVG. Each takes an element and data, and redraws itself.

const NS = "http://www.w3.org/2000/svg";
export const STEPS = [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3];

export function node(name, attributes = {}, parent = null, text = null) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

export function heatClass(ratio) {
  let step = 0;
  while (step + 1 < STEPS.length && ratio >= STEPS[step + 1]) step += 1;
  return `var(--h${step})`;
}

const tip = () => document.getElementById("tip");

export function showTip(event, text) {
  const box = tip();
  box.textContent = text;
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const x = Math.min(event.clientX + 14, window.innerWidth - width - 8);
  const y = event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 12 : event.clientY + 18;
  box.style.left = `${Math.max(8, x)}px`;
  box.style.top = `${Math.max(8, y)}px`;
}

export function hideTip() { tip().hidden = true; }

function canvas(element, width, height, label) {
  element.replaceChildren();
  return node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, element);
}

function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9; value += step) found.push(value);
  return found;
}

// points: [{key, rows, labelled, reliable, before, figures: {reference|realised|estimated: {value, error}}}]
export function timeline(element, points, { limit, versions, label }) {
  const width = Math.max(340, element.clientWidth || 900);
  const narrow = width < 560;
  const height = narrow ? 300 : 340;
  const box = { left: 46, right: 14, top: 26, bottom: 78 };
  const svg = canvas(element, width, height, label);
  const bands = points.flatMap((p) => Object.values(p.figures)).flatMap((f) => [f.value - 1.96 * f.error, f.value + 1.96 * f.error]);
  if (limit !== undefined) bands.push(limit);
  if (!bands.length) { node("text", { x: 20, y: 40 }, svg, "Nothing to show yet"); return; }
  let [low, high] = [Math.min(...bands), Math.max(...bands)];
  const margin = (high - low) * 0.06 || 0.05;
  [low, high] = [low - margin, high + margin];
  const x = (i) => box.left + ((i + 0.5) * (width - box.left - box.right)) / points.length;
  const y = (v) => box.top + ((high - v) * (height - box.top - box.bottom)) / (high - low);
  const before = points.filter((p) => p.before).length;
  if (before) {
    node("rect", { class: "before", x: box.left, y: box.top, width: x(before - 0.5) - box.left, height: height - box.top - box.bottom }, svg);
    if (!narrow) node("text", { x: box.left + 6, y: box.top + 15 }, svg, "reference");
  }
  for (const value of ticks(low, high, narrow ? 4 : 5)) {
    node("line", { class: "grid", x1: box.left, x2: width - box.right, y1: y(value), y2: y(value) }, svg);
    node("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, svg, Number(value.toFixed(3)));
  }
  marks(svg, points, versions, x, box, height);
  for (const kind of ["reference", "estimated", "realised"]) series(svg, points, kind, x, y);
  if (limit !== undefined) {
    node("line", { class: "limit-line", x1: box.left, x2: width - box.right, y1: y(limit), y2: y(limit) }, svg);
    points.forEach((p, i) => {
      const figure = p.figures.realised || p.figures.estimated;
      if (figure && figure.value < limit) node("circle", { class: "low", cx: x(i), cy: y(figure.value), r: 6 }, svg);
    });
  }
  counts(svg, points, x, height, box);
  hover(svg, points, x, box, width, height);
}

function marks(svg, points, versions, x, box, height) {
  for (const version of versions) {
    const place = points.findIndex((p) => !p.before && p.start >= version.score_from);
    if (place < 0) continue;
    node("line", { class: "version-line", x1: x(place - 0.5), x2: x(place - 0.5), y1: box.top - 6, y2: height - box.bottom }, svg);
    node("text", { class: "strong", x: x(place - 0.5) + 3, y: box.top - 10 }, svg, `v${version.number}`);
  }
}

function series(svg, points, kind, x, y) {
  const runs = [];
  points.forEach((p, i) => {
    const figure = p.figures[kind];
    if (!figure) return;
    const last = runs.at(-1);
    if (last && last.at(-1).i === i - 1) last.push({ i, p, figure }); else runs.push([{ i, p, figure }]);
  });
  for (const run of runs) {
    const up = run.map(({ i, figure }) => `${x(i)},${y(figure.value + 1.96 * figure.error)}`);
    const down = run.map(({ i, figure }) => `${x(i)},${y(figure.value - 1.96 * figure.error)}`).reverse();
    node("polygon", { class: `band ${kind}`, points: [...up, ...down].join(" ") }, svg);
    node("polyline", { class: `line ${kind}`, points: run.map(({ i, figure }) => `${x(i)},${y(figure.value)}`).join(" ") }, svg);
    if (points.length <= 120) for (const { i, p, figure } of run)
      node("circle", { class: `dot ${kind} ${p.reliable ? "" : "small"}`, cx: x(i), cy: y(figure.value), r: p.reliable ? 2.6 : 3.4 }, svg);
  }
}

function counts(svg, points, x, height, box) {
  const most = Math.max(...points.map((p) => p.rows), 1);
  const base = height - 30;
  const width = Math.max(1, (x(1) - x(0)) * 0.72) || 6;
  points.forEach((p, i) => {
    const tall = (30 * p.rows) / most;
    const known = (30 * p.labelled) / most;
    node("rect", { class: "count", x: x(i) - width / 2, y: base - tall, width, height: tall }, svg);
    node("rect", { class: "count known", x: x(i) - width / 2, y: base - known, width, height: known }, svg);
  });
  node("text", { x: box.left - 8, y: base - 8, "text-anchor": "end" }, svg, "rows");
  const every = Math.ceil(points.length / (svg.viewBox.baseVal.width / 78));
  points.forEach((p, i) => { if (i % every === 0) node("text", { x: x(i), y: height - 10, "text-anchor": "middle" }, svg, p.key.slice(5)); });
}

function hover(svg, points, x, box, width, height) {
  const line = node("line", { class: "cursor-line", y1: box.top, y2: height - 30, visibility: "hidden" }, svg);
  const area = node("rect", { x: box.left, y: 0, width: width - box.left - box.right, height, fill: "transparent" }, svg);
  area.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect();
    const at = ((event.clientX - frame.left) * width) / frame.width;
    const i = Math.max(0, Math.min(points.length - 1, Math.round(((at - box.left) * points.length) / (width - box.left - box.right) - 0.5)));
    line.setAttribute("x1", x(i)); line.setAttribute("x2", x(i)); line.setAttribute("visibility", "visible");
    const p = points[i];
    const lines = [p.key, ...Object.entries(p.figures).map(([kind, f]) => `${kind} ${f.value.toFixed(3)} ± ${(1.96 * f.error).toFixed(3)}`),
      `${p.rows.toLocaleString("en")} rows, ${p.labelled.toLocaleString("en")} with outcome`];
    if (!p.reliable) lines.push(p.complete ? "too few rows to judge" : "still filling, not judged yet");
    showTip(event, lines.join("\n"));
  });
  area.addEventListener("pointerleave", () => { line.setAttribute("visibility", "hidden"); hideTip(); });
}

// As wide as the longest title needs, if there is that much space.
function labelWidth(rows, most) {
  const longest = Math.max(...rows.map((row) => row.title.length));
  return Math.max(64, Math.min(most, 20 + 7.4 * longest));
}

// Shortens a text in its middle, where names differ least, until it fits.
function fit(text, title, width) {
  for (let letters = title.length - 1; letters > 4 && text.getComputedTextLength() > width; letters -= 1)
    text.textContent = `${title.slice(0, Math.ceil(letters / 2))}…${title.slice(title.length - Math.floor(letters / 2))}`;
  if (text.textContent !== title) node("title", {}, text, title);
}

// rows: [{name, cells: [limit ratio]}], keys: chunk keys. One stop for the tab key; arrows move inside.
export function heatmap(element, rows, keys, { chosen, choose }) {
  const narrow = (element.clientWidth || 800) < 560;
  const tall = narrow ? 21 : 19;
  const width = element.clientWidth || 800;
  const label = labelWidth(rows, narrow ? 0.42 * width : 0.34 * width);
  const cell = (width - label) / Math.max(keys.length, 1);
  const svg = canvas(element, width, rows.length * tall + 24, "Drift of each feature over time");
  svg.setAttribute("role", "listbox");
  rows.forEach((row, r) => {
    const group = node("g", { class: `row ${row.name === chosen ? "chosen" : ""}`, tabindex: row.name === chosen ? 0 : -1, role: "option", "aria-selected": row.name === chosen, "aria-label": `${row.title}: latest ${row.cells.at(-1).toFixed(2)} of its limit` }, svg);
    fit(node("text", { x: label - 10, y: r * tall + 14, "text-anchor": "end" }, group, row.title), row.title, label - 12);
    row.cells.forEach((ratio, c) => {
      const box = node("rect", { x: label + c * cell, y: r * tall + 1, width: Math.max(cell - 1, 0.8), height: tall - 2 }, group);
      box.style.fill = heatClass(ratio);
      box.addEventListener("pointermove", (event) => showTip(event, `${row.title}\n${keys[c]}: ${ratio.toFixed(2)} of its limit`));
    });
    node("rect", { class: "frame", x: label, y: r * tall + 0.5, width: width - label - 1, height: tall - 1 }, group);
    group.addEventListener("click", () => choose(row.name));
    group.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1, Enter: 0, " ": 0 }[event.key];
      const next = rows[r + step];
      if (!next) return;
      event.preventDefault();
      choose(next.name);
      element.querySelector(".row.chosen")?.focus();
    });
  });
  svg.addEventListener("pointerleave", hideTip);
  const every = Math.ceil(keys.length / ((width - label) / 64));
  keys.forEach((key, c) => { if (c % every === 0 && label + c * cell + 36 <= width) node("text", { x: label + c * cell, y: rows.length * tall + 18 }, svg, key.slice(5)); });
}

// Values next to zero, on a scale of `span`, are zero.
function short(value, span = 0) {
  const size = Math.abs(value);
  if (size < span / 50 || size === 0) return "0";
  return size >= 1e5 || size < 1e-3 ? value.toExponential(0) : String(Number(value.toPrecision(2)));
}

// Histograms to scale: bins are equally wide, the reference filled, the latest chunks as an outline.
export function shape(element, column, title, tall = 130) {
  const width = Math.max(130, element.clientWidth || 300); const bottom = 18;
  const svg = canvas(element, width, tall + bottom, `${title}: shares then and now`);
  const bins = column.reference.length;
  const edges = column.edges.length > 1 ? column.edges : [column.edges[0], column.edges[0] + 1];
  const most = Math.max(...column.reference, ...column.recent, 1e-9);
  const step = width / bins;
  const y = (share) => tall - (0.96 * tall * share) / most;
  const outline = [];
  column.reference.forEach((share, i) => {
    const now = column.recent[i] ?? 0;
    node("rect", { class: "bar-then", x: i * step + 0.5, y: y(share), width: Math.max(step - 1, 0.5), height: tall - y(share) }, svg);
    outline.push(`${i * step},${y(now)}`, `${(i + 1) * step},${y(now)}`);
  });
  node("polyline", { class: "line-now", points: [`0,${tall}`, ...outline, `${width},${tall}`].join(" ") }, svg);
  column.reference.forEach((share, i) => {
    const zone = node("rect", { x: i * step, y: 0, width: step, height: tall, fill: "transparent" }, svg);
    const [from, to] = [short(edges[i]), short(edges[i + 1])];
    const range = i === 0 && bins > 1 ? `below ${to}` : i === bins - 1 && bins > 1 ? `${from} and above` : `${from} to ${to}`;
    zone.addEventListener("pointermove", (event) => showTip(event, `${range}\nreference ${(100 * share).toFixed(1)} %\nnow ${(100 * (column.recent[i] ?? 0)).toFixed(1)} %`));
  });
  svg.addEventListener("pointerleave", hideTip);
  node("line", { class: "grid", x1: 0, x2: width, y1: tall, y2: tall }, svg);
  const places = [0, bins / 2, bins];
  places.forEach((place, n) => node("text", { x: place * step, y: tall + 14, "text-anchor": ["start", "middle", "end"][n] }, svg, short(edges[0] + ((edges.at(-1) - edges[0]) * place) / bins, edges.at(-1) - edges[0])));
}
