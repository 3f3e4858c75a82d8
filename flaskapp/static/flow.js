// The flow as boxes with live counts; a line to a box runs while its count grows.
import { number, short } from "./words.js";

const STATIONS = [
  { step: "sent", title: "Simulator", at: [1, 1], from: "" },
  { step: "mysql", title: "MySQL", at: [2, 1], from: "side", waiting: (c) => c("outbox") },
  { step: "kafka", title: "Kafka", at: [3, 1], from: "side",
    waiting: (c) => c("kafka") - c("bronze") - c("quarantine") },
  { step: "bronze", title: "Bronze", at: [4, 1], from: "side" },
  { step: "quarantine", title: "Quarantine", at: [4, 2], from: "above", branch: true },
  { step: "silver", title: "Silver", at: [5, 1], from: "side" },
  { step: "gold", title: "Gold", at: [6, 1], from: "side" },
  { step: "predictions", title: "Predictions", at: [7, 1], from: "side" },
  { step: "outcomes", title: "Outcomes", at: [7, 2], from: "above", branch: true },
  { step: "mysql predictions", title: "In MySQL", at: [8, 1], from: "side" },
  { step: "kafka predictions", title: "On Kafka", at: [8, 2], from: "above", branch: true },
];

export class Flow {
  constructor(root) {
    this.last = {};
    this.boxes = STATIONS.map((station) => ({ ...station, ...build(root, station) }));
  }

  show(steps) {
    const count = (name) => steps[name]?.count ?? 0;
    for (const box of this.boxes) {
      const step = steps[box.step];
      const value = step?.count ?? null;
      const grown = value === null ? 0 : value - (this.last[box.step] ?? value);
      const waiting = box.waiting && steps.bronze?.count !== undefined ? box.waiting(count) : 0;
      box.element.toggleAttribute("data-absent", value === null || value === 0);
      box.element.toggleAttribute("data-moving", grown > 0);
      const known = value ?? this.last[box.step];
      box.count.textContent = known == null ? (step ? "unknown" : "not yet") : short(known);
      box.unit.textContent = value === null && known != null ? "no answer" : step?.unit ?? "";
      box.move.textContent = grown > 0 ? `+${number(grown)}` : waiting > 0 ? `${short(waiting)} wait` : "";
      this.last[box.step] = known ?? undefined;
    }
  }
}

function build(root, station) {
  const element = document.createElement("div");
  element.className = station.branch ? "box branch" : "box";
  element.dataset.step = station.step;
  if (station.from) element.dataset.from = station.from;
  const [column, row] = station.at;
  element.style.setProperty("--column", column);
  element.style.setProperty("--row", row);
  const [title, count, unit, move] = ["h3", "span", "span", "span"].map((tag) => document.createElement(tag));
  title.textContent = station.title;
  [count.className, unit.className, move.className] = ["count", "unit", "move"];
  element.append(title, count, unit, move);
  root.append(element);
  return { element, count, unit, move };
}
