// The page: asks the service once a second, and draws what it answers.
import { NeedsToken, ask, keepToken, saveByToken, token } from "/shared/ask.js";
import { linkServices } from "/shared/services.js";
import { Chart } from "./chart.js";
import { Flow } from "./flow.js";
import { ago, number, seconds } from "./words.js";

const POLL_MS = 1000;
const PATIENCE_MS = 5000;
const REPLAY_MS = 10000;
const RATE_WINDOW_S = 5;
const find = (id) => document.getElementById(id);
const form = find("form");
const chart = new Chart(find("chart"));
const domain = document.querySelector("main").dataset.domain;
const flow = new Flow(find("flow"), JSON.parse(find("flow").dataset.stations));
const table = document.querySelector("table[data-columns]");
const columns = JSON.parse(table.dataset.columns);
const samples = [];
let lastAnswer = null;

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function figure(id, value, unit = "") {
  find(id).replaceChildren(value, ...(unit ? [element("small", unit)] : []));
}

function showHealth(health) {
  const words = { ok: "all well", degraded: "degraded", down: "no answer" };
  const pill = find("health");
  pill.dataset.state = health.status;
  pill.textContent = words[health.status];
  find("problem").hidden = !health.problem;
  if (find("problem").textContent !== (health.problem ?? "")) find("problem").textContent = health.problem ?? "";
  if (!health.backlog) {
    figure("lag", "–");
    find("lag-note").textContent = "not known: the database does not answer";
    return;
  }
  figure("lag", ...seconds(health.backlog.seconds));
  const waiting = health.backlog.rows;
  find("lag-note").textContent =
    health.relay.error ? `${number(waiting)} rows wait: Kafka does not answer`
    : waiting ? `${number(waiting)} rows on their way` : "nothing waits";
}

function showSilence() {
  const since = lastAnswer ? `since ${lastAnswer.toLocaleTimeString()}` : "so far";
  showHealth({ status: "down", problem: `The service has not answered ${since}; what stands here is from before.` });
  find("lag-note").textContent = "not known: the service does not answer";
  figure("rate", "–");
}

function showLedger(ledger) {
  const counts = Object.fromEntries(ledger.steps.map((step) => [step.name, step]));
  samples.push({ at: performance.now() / 1000, sent: counts.sent?.count, kafka: counts.kafka?.count });
  while (samples.length > 130) samples.shift();
  flow.show(ledger.steps);
  chart.show(samples);
  const now = samples.at(-1);
  const before = samples.findLast((sample) => now.at - sample.at >= RATE_WINDOW_S) ?? samples[0];
  const span = now.at - before.at;
  const known = span > 0 && now.sent != null && before.sent != null;
  figure("rate", known ? number(Math.round((now.sent - before.sent) / span)) : "–");
}

// One stream runs at a time, so a page shows those of the other domains as well.
function modeOf(stream) {
  return stream.domain === domain ? stream.mode : `${stream.domain} ${stream.mode}`;
}

function showStreams(streams) {
  const sends = streams.filter((stream) => stream.mode !== "history");
  const latest = sends[0];
  const running = latest && ["running", "degraded"].includes(latest.state);
  find("start").disabled = Boolean(running);
  find("stop").disabled = !running;
  if (latest) {
    const total = latest.request.num_batches;
    figure("stream-state", `${modeOf(latest)} ${latest.state}`);
    find("stream-progress").max = total;
    find("stream-progress").value = latest.sent_batches;
    find("stream-note").textContent =
      latest.error && running ? latest.error
      : `${number(latest.sent_batches)} of ${number(total)} batches, ${number(latest.sent_rows)} rows`;
  }
  find("streams").replaceChildren(...streams.map(streamLine));
}

function streamLine(stream) {
  const line = document.createElement("li");
  const rate = stream.rows_per_second ? `, ${number(Math.round(stream.rows_per_second))} a second` : "";
  line.append(
    element("b", `${modeOf(stream)}${stream.request.drift ? `, ${stream.request.drift.replace("_", " ")}` : ""}`),
    element("span", stream.state, { class: "state", "data-state": stream.state }),
    element("span", `${number(stream.sent_rows)} rows${rate}`, { class: "when" }),
    element("span", ago(stream.started_at), { class: "when", title: stream.stream_id }),
  );
  if (stream.error) line.append(element("span", stream.error, { class: "why" }));
  return line;
}

function cell(row, column) {
  const values = column.keys.map((key) => row[key]);
  if (column.kind === "time") return element("td", values[0].slice(0, 19).replace("T", " "));
  if (column.kind === "text") return element("td", values[0]);
  if (column.kind === "share") return element("td", values[0] == null ? "–" : values[0].toFixed(2), { class: "num" });
  return element("td", number(Math.round(values.reduce((a, b) => a + b, 0))), { class: "num" });
}

function showRows(rows) {
  find("no-rows").hidden = rows.length > 0;
  find("rows").replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr");
    line.append(...columns.map((column) => cell(row, column)));
    return line;
  }));
}

function askForToken(show, text = "") {
  find("token-form").hidden = !show;
  find("token-note").textContent = text;
}

async function load(path, show, options = {}) {
  const response = await ask(path, { timeout: PATIENCE_MS });
  if (response.ok || options.always) show(await response.json());
}

async function poll() {
  if (!document.hidden) {
    const asked = [
      load("/health", showHealth, { always: true }),
      load(`/ledger?domain=${domain}`, showLedger),
      load("/streams?limit=6", (found) => showStreams(found.streams)),
      load(`${table.dataset.rows}?limit=8`, showRows),
    ];
    const failures = (await Promise.allSettled(asked)).map((one) => one.reason);
    const refused = failures.find((error) => error instanceof NeedsToken);
    askForToken(Boolean(refused), refused && token() ? "That is not the token of this service." : "");
    if (failures.some((error) => error && !(error instanceof NeedsToken))) showSilence();
    else lastAnswer = new Date();
  }
  setTimeout(poll, POLL_MS);
}

async function showReplay() {
  try {
    await load(table.dataset.replay, ({ days_left: left, next_date: next }) => {
      find("replay-note").textContent = left ? `${left} days left, from ${next}` : "no days left";
    });
  } catch { /* the poll tells what is wrong */ }
}

async function send(path, body) {
  const note = find("answer");
  const tell = (text, isBad) => { note.toggleAttribute("data-bad", isBad); note.textContent = text; };
  try {
    const headers = { "Content-Type": "application/json" };
    const answer = await ask(path, { method: "POST", headers, body: JSON.stringify(body), timeout: 70000 });
    const found = await answer.json();
    tell(found.message ?? found.error, !answer.ok);
  } catch (error) {
    tell(error instanceof NeedsToken ? error.message : "The service does not answer.", true);
  }
}

function explainPlan() {
  const drift = form.elements.drift;
  if (!drift) return;
  const { text, live } = drift.selectedOptions[0].dataset;
  const isIdle = text && live === "false" && form.elements.mode.value === "live";
  find("plan-note").textContent = isIdle ? `${text}; without effect on rows dated now: choose replay` : text ?? "the rows as they are";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const mode = form.elements.mode.value;
  const body = { mode, domain };
  if (form.elements.drift?.value) body.drift = form.elements.drift.value;
  const names = ["batch_size", "num_batches", "interval", ...(mode === "replay" ? ["days_per_batch"] : [])];
  for (const name of names) body[name] = form.elements[name].valueAsNumber;
  send("/start_stream", body);
});
form.addEventListener("change", explainPlan);
find("stop").addEventListener("click", () => send("/stop_stream", {}));
find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(event.target.elements.token.value);
  askForToken(false);
  if (table.dataset.replay) showReplay();
});
document.addEventListener("click", saveByToken);
linkServices().catch(() => {});
poll();
if (table.dataset.replay) {
  showReplay();
  setInterval(showReplay, REPLAY_MS);
}
