// The page: asks the service once a second, and draws what it answers.
import { Chart } from "./chart.js";
import { Flow } from "./flow.js";
import { ago, number, seconds } from "./words.js";

const POLL_MS = 1000;
const RATE_WINDOW_S = 5;
const find = (id) => document.getElementById(id);
const form = find("form");
const chart = new Chart(find("chart"));
const flow = new Flow(find("flow"));
const samples = [];

async function ask(path, options = {}) {
  const response = await fetch(path, options);
  const body = await response.json();
  return { ok: response.ok, status: response.status, body };
}

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
  pill.title = health.relay?.error ?? health.database ?? "";
  if (!health.backlog) return;
  figure("lag", ...seconds(health.backlog.seconds));
  const waiting = health.backlog.rows;
  const trouble = health.relay.error;
  find("lag-note").textContent =
    trouble ? `${number(waiting)} rows wait: Kafka does not answer`
    : waiting ? `${number(waiting)} rows on their way` : "nothing waits";
  find("token-field").hidden = !health.token_required;
}

function showLedger(ledger) {
  const counts = Object.fromEntries(ledger.steps.map((step) => [step.name, step]));
  samples.push({ at: performance.now() / 1000, sent: counts.sent?.count, kafka: counts.kafka?.count });
  while (samples.length > 130) samples.shift();
  flow.show(counts);
  chart.show(samples);
  const now = samples.at(-1);
  const before = samples.findLast((sample) => now.at - sample.at >= RATE_WINDOW_S) ?? samples[0];
  const span = now.at - before.at;
  const known = span > 0 && now.sent != null && before.sent != null;
  figure("rate", known ? number(Math.round((now.sent - before.sent) / span)) : "–");
}

function showStreams(streams) {
  const sends = streams.filter((stream) => stream.mode !== "history");
  const latest = sends[0];
  const running = latest && ["running", "degraded"].includes(latest.state);
  find("start").disabled = Boolean(running);
  find("stop").disabled = !running;
  if (latest) {
    const total = latest.request.num_batches;
    figure("stream-state", `${latest.mode} ${latest.state}`);
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
    element("b", `${stream.mode}${stream.request.drift ? `, ${stream.request.drift.replace("_", " ")}` : ""}`),
    element("span", stream.state, { class: "state", "data-state": stream.state }),
    element("span", `${number(stream.sent_rows)} rows${rate}`, { class: "when" }),
    element("span", ago(stream.started_at), { class: "when", title: stream.stream_id }),
  );
  if (stream.error) line.append(element("span", stream.error, { class: "why" }));
  return line;
}

function showRows(rows) {
  find("rows").replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr");
    const texts = row.DP_MOSMS_COUNT + row.DP_MTSMS_COUNT;
    const figures = [row.DP_MOC_COUNT, Math.round(row.DP_MOC_DURATION + row.DP_MTC_DURATION),
      row.DP_MTC_COUNT, texts, row.DP_DATA_COUNT, Math.round(row.DP_DATA_VOLUME)];
    line.append(element("td", row.DP_DATE.slice(0, 19).replace("T", " ")), element("td", row.DP_MSISDN));
    line.append(...figures.map((value) => element("td", number(value), { class: "num" })));
    return line;
  }));
}

async function poll() {
  if (!document.hidden) {
    try {
      const [health, ledger, streams, rows] =
        await Promise.all([ask("/health"), ask("/ledger"), ask("/streams?limit=6"), ask("/data?limit=8")]);
      showHealth(health.body);
      if (ledger.ok) showLedger(ledger.body);
      if (streams.ok) showStreams(streams.body.streams);
      if (rows.ok) showRows(rows.body);
    } catch {
      showHealth({ status: "down" });
    }
  }
  setTimeout(poll, POLL_MS);
}

async function send(path, body) {
  const headers = { "Content-Type": "application/json" };
  const token = form.elements.token.value;
  if (token) headers.Authorization = `Bearer ${token}`;
  const note = find("answer");
  try {
    const answer = await ask(path, { method: "POST", headers, body: JSON.stringify(body) });
    note.toggleAttribute("data-bad", !answer.ok);
    note.textContent = answer.body.message ?? answer.body.error;
  } catch {
    note.toggleAttribute("data-bad", true);
    note.textContent = "The service does not answer.";
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const mode = form.elements.mode.value;
  const body = { mode, drift: form.elements.drift.value || null };
  const names = ["batch_size", "num_batches", "interval", ...(mode === "replay" ? ["days_per_batch"] : [])];
  for (const name of names) body[name] = form.elements[name].valueAsNumber;
  send("/start_stream", body);
});
find("stop").addEventListener("click", () => send("/stop_stream", {}));
poll();
