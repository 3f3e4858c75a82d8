// A domain's flow as boxes with live counts; a line to a box runs while its count grows.
import { number, short } from "./words.js";

export class Flow {
  constructor(root, stations) {
    this.last = {};
    let column = 0;
    let row = 1;
    this.boxes = stations.map((station, i) => {
      if (station.branch && i > 0) row += 1;
      else [column, row] = [column + 1, 1];
      return { ...station, ...build(root, station, column, row) };
    });
    root.style.setProperty("--columns", column);
  }

  show(steps) {
    const counts = Object.fromEntries(steps.map((step) => [step.name, step]));
    const count = (name) => counts[name]?.count ?? 0;
    for (const box of this.boxes) {
      const step = counts[box.name];
      const value = step?.count ?? null;
      const grown = value === null ? 0 : value - (this.last[box.name] ?? value);
      const isKnown = box.taken_by.length > 0 && box.taken_by.every((name) => counts[name]?.count != null);
      const waiting = isKnown ? count(box.name) - box.taken_by.reduce((sum, name) => sum + count(name), 0) : 0;
      box.element.toggleAttribute("data-absent", value === null || value === 0);
      box.element.toggleAttribute("data-moving", grown > 0);
      const known = value ?? this.last[box.name];
      box.count.textContent = known == null ? (step ? "unknown" : "not yet") : short(known);
      box.unit.textContent = value === null && known != null ? "no answer" : step?.unit ?? "";
      box.move.textContent = grown > 0 ? `+${number(grown)}` : waiting > 0 ? `${short(waiting)} wait` : "";
      this.last[box.name] = known ?? undefined;
    }
  }
}

function build(root, station, column, row) {
  const element = document.createElement("div");
  element.className = station.branch ? "box branch" : "box";
  element.dataset.step = station.name;
  if (row > 1) element.dataset.from = "above";
  else if (column > 1) element.dataset.from = "side";
  element.style.setProperty("--column", column);
  element.style.setProperty("--row", row);
  const [title, count, unit, move] = ["h3", "span", "span", "span"].map((tag) => document.createElement(tag));
  title.textContent = station.title;
  [count.className, unit.className, move.className] = ["count", "unit", "move"];
  element.append(title, count, unit, move);
  root.append(element);
  return { element, count, unit, move };
}
