import { NeedsToken, ask, keepToken, saveByToken, token } from "/shared/ask.js";
import { linkServices } from "/shared/services.js";
import { STEPS, heatmap, shape, timeline } from "/static/charts.js";

const METRICS = { roc_auc: "ROC-AUC", f1: "F1", accuracy: "Accuracy", average_precision: "PR-AUC", recall_top_decile: "Recall, top 10 %", business_value: "Value" };
const FINDINGS = { data_drift: "Data drift", model_drift: "Model drift", model_degradation: "Model degradation" };
const SENTENCES = { data_drift: "the inputs have drifted", model_drift: "outcomes no longer follow the inputs", model_degradation: "performance is below its limit" };
const MEANINGS = { data_drift: "Inputs and scores against the reference", model_drift: "Outcomes against what the inputs say", model_degradation: "Performance against its limits" };
const MARKS = { ok: "M5 11l4 4 8-9", found: "M11 4v9M11 17v.5", unknown: "M8 8a3 3 0 1 1 3 4v2M11 17v.5" };
const REPORT_EVERY = 15000;
const PIPELINE_EVERY = 5000;
const RUN_PATIENCE = 600000;
const ROWS = 18;

// The page of a model other than the first is below /models/<name>/, and so is its data.
const base = location.pathname.match(/^\/models\/[^/]+/)?.[0] ?? "";
const chosenRun = new URLSearchParams(location.search).get("run_id");
const state = { report: null, metric: "roc_auc", feature: null, all: false, silent: new Set() };
const byId = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");
const figure = (n, digits = 3) => (n === null || n === undefined ? "–" : n.toFixed(digits));

function make(tag, { text, className, ...rest } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), rest);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

function table(heads, rows) {
  const head = make("tr", {}, ...heads.map((text) => make("th", { text, scope: "col", className: ["verdict", "files"].includes(text) ? "text" : "" })));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell) => (cell instanceof Node ? make("td", {}, cell) : make("td", { text: cell })))));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
}

function age(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function chunks(period) {
  const names = { D: "Chunks are days", W: "Chunks are weeks", H: "Chunks are hours", "1H": "Chunks are hours" };
  if (names[period]) return names[period];
  const [, number, unit] = period.match(/^(\d*)(H|min)?$/);
  return `Chunks of ${count(Number(number || 1))} ${{ H: "hours", min: "minutes" }[unit] || "rows"}`;
}

const titleCase = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function notice(text) { byId("notice").hidden = !text; byId("notice").textContent = text || ""; }

function mark(kind) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 22 22"); svg.setAttribute("class", "mark"); svg.setAttribute("aria-hidden", "true");
  const shapes = { ok: ["circle", { cx: 11, cy: 11, r: 10 }], found: ["path", { d: "M11 1l11 20H0z" }], unknown: ["rect", { x: 1, y: 1, width: 20, height: 20, rx: 4 }] };
  const [name, attributes] = shapes[kind];
  const outline = document.createElementNS(svg.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) outline.setAttribute(key, value);
  outline.setAttribute("fill", "currentColor"); outline.setAttribute("opacity", ".16");
  const line = document.createElementNS(svg.namespaceURI, "path");
  for (const [key, value] of Object.entries({ d: MARKS[kind], fill: "none", stroke: "currentColor", "stroke-width": 2.2, "stroke-linecap": "round" })) line.setAttribute(key, value);
  if (kind === "found") line.setAttribute("transform", "translate(0 3) scale(1 .85)");
  svg.append(outline, line);
  return svg;
}

function drawVerdict(report) {
  const found = report.findings.filter((f) => f.state === "found");
  const unknown = report.findings.every((f) => f.state === "unknown");
  const text = found.length ? `Attention: ${found.map((f) => SENTENCES[f.name]).join(", and ")}.` : unknown ? "Not enough data to judge yet." : "The model holds.";
  const cards = report.findings.map((f) => {
    const words = { ok: "Not found", found: `Found since ${f.since && moment(f.since)}`, unknown: "Not known yet" }[f.state];
    const earlier = f.episodes.filter((e) => !e.open).map((e) => `earlier: ${moment(e.start)} to ${moment(e.end)}`);
    const lines = [...f.evidence, ...earlier.slice(-2)];
    return make("article", { className: `card ${f.state}` },
      make("div", { className: "dim", text: FINDINGS[f.name] }),
      make("div", { className: "state" }, mark(f.state), make("span", { text: words })),
      make("div", { className: "dim", text: MEANINGS[f.name] }),
      lines.length ? make("ul", {}, ...lines.map((line) => make("li", { text: line }))) : "");
  });
  byId("verdict").replaceChildren(make("p", { className: "headline", text }), ...cards);
}

// Ages go on while the page is open; those of an earlier run stay as they were at its time.
function latestScore(report) {
  const seconds = chosenRun ? report.freshness.age_seconds : (Date.now() - Date.parse(report.freshness.scored_at)) / 1000;
  return `${age(Math.max(0, seconds))} ${chosenRun ? "old then" : "ago"}`;
}

const moment = (text) => text.slice(0, 16).replace("T", " ");

// How far estimates of a metric were off where the outcome came in later.
function pastError(performance, metric, digits = 3) {
  const error = (performance.estimate_errors || {})[metric];
  return error === undefined ? "" : ` ± ${figure(error, digits)} in the past`;
}

function drawFigures(report) {
  const { performance: p, labels: l } = report;
  const value = p.realised.business_value === undefined ? `estimated${pastError(p, "business_value", 2)}, ` : "";
  const entries = [
    ["ROC-AUC realised", figure(p.realised.roc_auc), `reference ${figure(p.reference.roc_auc)}`],
    ["ROC-AUC estimated", figure(p.estimated.roc_auc), p.estimate_error === null ? "no outcome to compare with" : `off by ${figure(p.estimate_error)} on average in the past`],
    ["PR-AUC realised", figure(p.realised.average_precision), `reference ${figure(p.reference.average_precision)}`],
    ["Recall in the top decile", figure(p.realised.recall_top_decile), `reference ${figure(p.reference.recall_top_decile)}`],
    ["F1 realised", figure(p.realised.f1), `estimated ${figure(p.estimated.f1)}${pastError(p, "f1")}`],
    ["Calibration error", figure(p.realised.calibration_error), "0 is perfect"],
    [titleCase(report.words.became_positive), l ? `${(100 * l.recent).toFixed(1)} %` : "–", l ? `reference ${(100 * l.reference).toFixed(1)} %${Math.abs(l.deviations) > 3 ? ", drifted" : ""}` : "no outcome known yet"],
    ["Value per prediction", figure(p.realised.business_value ?? p.estimated.business_value, 2), `${value}reference ${figure(p.reference.business_value, 2)}`],
    ["Predictions", count(report.rows), `${Math.round((100 * report.labelled) / report.rows)} % with a known outcome`],
    ["Latest score", latestScore(report), `up to ${moment(report.freshness.last_date)}`],
  ];
  byId("figures").replaceChildren(...entries.map(([name, value, note]) => make("div", { className: "figure" },
    make("span", { className: "dim", text: name }), make("b", { text: value }), make("span", { className: "dim", text: note }))));
}

function points(report, metric) {
  const point = (values, before, reliable, complete = true) => {
    const figures = {};
    const add = (kind, figure) => { if (figure) figures[kind] = figure; };
    if (before) add("reference", values.realised[metric]);
    else { add("realised", values.realised[metric]); add("estimated", values.estimated[metric]); }
    return { key: values.key, start: values.start, rows: values.rows, labelled: before ? 0 : values.labelled, before, reliable, complete, figures };
  };
  return [...report.reference.chunks.map((c) => point(c, true, true)), ...report.chunks.map((c) => point(c.values, false, c.verdict.reliable, c.verdict.complete))];
}

function drawPerformance(report) {
  byId("metrics").replaceChildren(...Object.entries(METRICS).map(([name, text]) => {
    const button = make("button", { text, type: "button", role: "tab", onclick: () => { state.metric = name; drawPerformance(report); } });
    button.setAttribute("aria-selected", String(name === state.metric));
    return button;
  }));
  const limit = report.limits.performance[state.metric];
  byId("performance-note").textContent = `${chunks(report.period)}; bands of 95 %. Outcomes arrive with a delay; until then performance is estimated${pastError(report.performance, state.metric)}.${report.performance.caveat ? ` ${report.performance.caveat}` : ""}`;
  timeline(byId("performance"), points(report, state.metric), { limit, versions: report.versions, label: `${METRICS[state.metric]} over time, realised and estimated` });
}

// Small chunks scatter more, so their limits are wider.
const toleranceOf = (report, values) => Math.max(1, Math.sqrt(report.limits.usual_rows / Math.max(values.rows, 1)));

const titled = (name) => (name === "probability_1" ? "scores" : name);

function drawDrift(report) {
  byId("scale").replaceChildren(...STEPS.map((step, i) => {
    const swatch = document.createElement("i");
    swatch.style.background = `var(--h${i})`;
    return make("li", {}, swatch, document.createTextNode(String(step)));
  }));
  const columns = state.all ? report.columns : report.columns.slice(0, ROWS);
  state.feature = state.feature && report.columns.some((c) => c.name === state.feature) ? state.feature : columns[0].name;
  const rows = columns.map((c) => ({ name: c.name, title: titled(c.name), cells: report.chunks.map((chunk) => chunk.verdict.limit_ratios[c.name] ?? 0) }));
  heatmap(byId("heat"), rows, report.chunks.map((c) => c.values.key), { chosen: state.feature, choose: (name) => { state.feature = name; drawDrift(report); } });
  if (report.columns.length > ROWS) {
    const text = state.all ? "Show those that moved most" : `Show all ${report.columns.length} columns`;
    byId("heat").append(make("button", { text, type: "button", className: "quiet", onclick: () => { state.all = !state.all; drawDrift(report); } }));
  }
  drawFeature(report, report.columns.find((c) => c.name === state.feature));
}

function drawFeature(report, column) {
  const box = make("div", { className: "chart" });
  const { values } = report.chunks.findLast((c) => c.verdict.reliable) || report.chunks.at(-1);
  const latest = make("p", { className: "dim" }, "Latest ", make("b", { className: column.strength > 1 ? "over" : "", text: `${figure(column.strength, 2)} of its limit` }), ` (${values.key.slice(5)}), worst ${figure(column.worst, 2)}`);
  const tolerance = toleranceOf(report, values);
  const distances = Object.entries(values.drift[column.name]).map(([method, value]) => [method.replaceAll("_", " "), figure(value), method in report.limits.distances[column.name] ? figure(tolerance * report.limits.distances[column.name][method]) : "–"]);
  const extra = [["missing", values.missing[column.name]], ["outside", values.outside[column.name]]].filter(([, share]) => share).map(([name, share]) => `${(100 * share).toFixed(1)} % ${name}`);
  byId("feature").replaceChildren(make("h3", { text: titled(column.name) }), latest, box,
    make("div", { className: "scroll" }, table(["Distance", "value", "limit"], distances)),
    make("p", { className: "dim", text: [Math.abs(column.importance) >= 0.0005 ? `Importance ${figure(column.importance)} in the model.` : "", ...extra].join(" ") }));
  if (column.edges.length) shape(box, column, titled(column.name));
}

function drawShapes(report) {
  const score = report.columns.filter((c) => c.name === "probability_1");
  const moved = report.columns.filter((c) => c.name !== "probability_1" && c.edges.length).slice(0, 3);
  const boxes = [...score, ...moved].map((column) => [column, make("div", { className: "chart" })]);
  byId("shapes").replaceChildren(...boxes.map(([column, box]) => make("div", { className: "shape" },
    make("h3", { text: titled(column.name) }), make("p", { className: "dim", text: `${figure(column.strength, 2)} of its limit` }), box)));
  for (const [column, box] of boxes) shape(box, column, titled(column.name));
}

function drawNotes(report) {
  const rows = report.slices.map((s) => [s.name, count(s.rows), figure(s.score), figure(s.label_rate), figure(s.roc_auc)]);
  byId("slices").replaceChildren(rows.length ? table(["Slice", "rows", "mean score", report.words.became_positive, "ROC-AUC"], rows) : make("p", { className: "dim", text: "There are no attributes to slice these rows by." }));
  byId("quality").replaceChildren(...(report.quality.length ? report.quality : ["Nothing missing, nothing out of range, the usual volume."]).map((text) => make("li", { text })));
}

function draw(report) {
  state.report = report;
  byId("subtitle").textContent = `Model version ${report.model_version} · ${moment(report.start_date)} to ${moment(report.end_date)} · run ${report.finished_at.slice(0, 16).replace("T", " ")} UTC`;
  notice(report.warning);
  drawVerdict(report); drawFigures(report); drawPerformance(report); drawDrift(report); drawShapes(report); drawNotes(report);
}

async function loadModels() {
  const { models } = await (await ask("/models")).json();
  const here = models.find((model) => model.path === `${base}/`);
  document.title = here ? `${here.title} model monitoring` : "Model monitoring";
  byId("title").textContent = document.title;
  byId("models").hidden = models.length < 2;
  byId("models").replaceChildren(...models.map((model) => {
    const link = make("a", { href: model.path, text: model.title, title: model.model });
    if (model === here) link.setAttribute("aria-current", "page");
    return link;
  }));
}

// Asked before the first report, since a browser writes every 404 to its console.
async function isAnyRun() {
  const answer = await ask(`${base}/runs?limit=1`);
  return !answer.ok || (await answer.json()).runs.length > 0;
}

async function loadReport() {
  const path = chosenRun ? `${base}/runs/${encodeURIComponent(chosenRun)}/report.json` : `${base}/report.json`;
  const answer = chosenRun || state.report || await isAnyRun() ? await ask(path) : null;
  if (!answer || answer.status === 404) { byId("subtitle").textContent = "No run yet"; document.body.dataset.empty = ""; return; }
  if (!answer.ok) throw new Error((await answer.json()).error);
  const report = await answer.json();
  delete document.body.dataset.empty;
  if (report.run_id !== state.report?.run_id) { draw(report); await loadRuns(); } else drawFigures(report);
}

async function loadRuns() {
  const { runs } = await (await ask(`${base}/runs?limit=12`)).json();
  const rows = runs.map((run) => {
    const verdicts = run.verdict === "ok" ? [make("span", { className: "pill ok", text: "✓ holds" })] : run.verdict.split(",").map((name) => make("span", { className: "pill found", text: `! ${FINDINGS[name] || name}` }));
    const files = ["report.html", "performance_report.csv", "drift_report.csv"].filter((name) => run.links[name]).map((name) => make("a", { href: new URL(run.links[name]).pathname, text: name.replace("_report", "") }));
    files.forEach((link) => { link.dataset.file = ""; });
    const time = make("a", { href: `${base}/?run_id=${run.run_id}`, text: run.finished_at.slice(0, 19).replace("T", " ") });
    return [run.links["report.json"] ? time : run.finished_at.slice(0, 19).replace("T", " "), `v${run.model_version}`, run.period, make("span", {}, ...verdicts.flatMap((v) => [v, " "])), make("span", {}, ...files.flatMap((f) => [f, " "]))];
  });
  byId("runs").replaceChildren(rows.length ? table(["Finished (UTC)", "model", "period", "verdict", "files"], rows) : make("p", { className: "dim", text: "No run yet." }));
}

async function loadPipeline() {
  const answer = await ask(`${base}/pipeline`);
  if (!answer.ok) return;
  const found = await answer.json();
  byId("phase").textContent = found.phase ? `${found.phase.phase} ${found.phase.detail || ""}` : "The streaming queries have not reported yet.";
  byId("stations").replaceChildren(...found.ledger.steps.map((step) => make("div", { className: "station" },
    make("b", { text: step.count === null ? "–" : count(step.count) }), make("span", { text: step.name }))));
  byId("notices").replaceChildren(...found.notices.slice(-3).map((text) => make("li", { text })));
  const rows = found.queries.map((q) => [q.query.replace(/_v\d+$/, "").replace("__", " → "), q.state, `${q.lag_seconds.toFixed(1)} s`, `${count(Math.round(q.rows_per_second))}/s`]);
  byId("queries").replaceChildren(rows.length ? table(["Query", "state", "behind", "rate"], rows) : "");
}

async function runNow() {
  const button = byId("run");
  button.disabled = true; button.textContent = "Running…";
  try {
    const answer = await ask(`${base}/run-monitoring`, { timeout: RUN_PATIENCE });
    const result = await answer.json();
    if (!answer.ok) { notice(result.error); return; }
    if (chosenRun) { location.href = `${base}/`; return; }
    await loadReport();
  } finally { button.disabled = false; button.textContent = "Run now"; }
}

function setTheme(theme) { document.documentElement.dataset.theme = theme; }

// What is not answered is said, and asked again, until it is; a run is only started by hand.
function quietly(load) {
  return () => load().then(() => {
    if (state.silent.delete(load) && !state.silent.size) notice(state.report?.warning);
  }, (error) => {
    if (error instanceof NeedsToken) { askForToken(); return; }
    if (load !== runNow) state.silent.add(load);
    notice(`The service does not answer: ${error.message}`);
  });
}

function askForToken() {
  byId("token-note").textContent = token() ? "That is not the token of this service." : "";
  byId("token-form").hidden = false;
}

function loadAll() { quietly(loadModels)(); quietly(loadReport)(); quietly(loadRuns)(); quietly(loadPipeline)(); }

setTheme(localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
byId("theme").addEventListener("click", () => { const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark"; localStorage.setItem("theme", next); setTheme(next); });
byId("run").addEventListener("click", quietly(runNow));
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(event.target.elements.token.value);
  byId("token-form").hidden = true;
  loadAll();
});
document.addEventListener("click", saveByToken);
linkServices().catch(() => {});
let resized;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => state.report && draw(state.report), 150); });
loadAll();
if (!chosenRun) setInterval(quietly(loadReport), REPORT_EVERY);
setInterval(() => { for (const load of new Set([loadPipeline, ...state.silent])) quietly(load)(); }, PIPELINE_EVERY);
document.body.dataset.ready = "true";
