// Two lines of rates over the last two minutes, drawn as SVG.
import { number } from "./words.js";

const SPAN_S = 120;
const MEAN_S = 3;
const EDGE = { left: 48, right: 8, top: 12, bottom: 22 };
const SVG = "http://www.w3.org/2000/svg";

export class Chart {
  constructor(svg) {
    this.svg = svg;
    this.samples = [];
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  show(samples) {
    this.samples = samples;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.svg;
    if (!width || this.samples.length === 0) return;
    const lines = ["sent", "kafka"].map((name) => [name, rates(this.samples, name)]);
    const top = ceiling(Math.max(10, ...lines.flatMap(([, points]) => points.map((p) => p.rate))));
    const now = this.samples.at(-1).at;
    const x = (at) => EDGE.left + (1 - (now - at) / SPAN_S) * (width - EDGE.left - EDGE.right);
    const y = (rate) => height - EDGE.bottom - (rate / top) * (height - EDGE.top - EDGE.bottom);
    const parts = [0, 0.5, 1].flatMap((share) => grid(top * share, y(top * share), width));
    parts.push(
      text(EDGE.left, height - 4, "two minutes ago", "start"),
      text(width - EDGE.right, height - 4, "now", "end"),
    );
    for (const [name, points] of lines) {
      const path = points.map((p, i) => `${i ? "L" : "M"}${x(p.at).toFixed(1)} ${y(p.rate).toFixed(1)}`).join("");
      if (name === "sent" && points.length > 1) {
        const [first, last] = [x(points[0].at), x(points.at(-1).at)];
        parts.push(make("path", { class: "area", d: `${path}L${last} ${y(0)}L${first} ${y(0)}Z` }));
      }
      parts.push(make("path", { class: name, d: path || "M0 0" }));
    }
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...parts);
  }
}

function rates(samples, name) {
  const points = [];
  for (const [i, after] of samples.entries()) {
    const before = samples.slice(0, i).findLast((sample) => after.at - sample.at >= MEAN_S) ?? samples[0];
    const span = after.at - before.at;
    const known = before[name] != null && after[name] != null && span > 0;
    if (!known || samples.at(-1).at - after.at > SPAN_S) continue;
    points.push({ at: after.at, rate: Math.max(0, (after[name] - before[name]) / span) });
  }
  return points;
}

function ceiling(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 4, 6, 8, 10].find((step) => step * unit >= value);
}

function grid(value, y, width) {
  return [
    make("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }),
    text(EDGE.left - 8, y + 4, number(value), "end"),
  ];
}

function text(x, y, words, anchor) {
  const made = make("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}

function make(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
