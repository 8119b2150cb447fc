// Zoom and pan of the charts, with the gestures of the live page (`zoomable`, which stands before this script).
"use strict";
const WIDE = 10000, HIGH = 1000, LEAST = WIDE / 2000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

function step(least, isClock) {
  if (isClock && least >= 1 && least <= 86400) return STEPS.find((one) => one >= least);
  const unit = isClock && least > 86400 ? 86400 : 1;
  const decade = 10 ** Math.floor(Math.log10(least / unit));
  return unit * decade * [1, 2, 5, 10].find((times) => times * decade * unit >= least * (1 - 1e-9));
}

function label(chart, at, every, length) {
  const { kind, epoch, high } = chart.dataset;
  if (kind === "window") return Math.round(at).toLocaleString("en");
  if (kind === "clock") {
    const text = new Date((Number(epoch) + at) * 1000).toISOString();
    if (every >= 86400) return text.slice(0, 10);
    const day = length > 86400 ? text.slice(5, 10) + " " : "";
    return day + text.slice(11, every >= 60 ? 16 : every >= 1 ? 19 : 23);
  }
  const [unit, name] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(
    ([size, what]) => high >= { d: 2 * size, h: 3 * size, min: 5 * size, s: 0 }[what]);
  return (at / unit).toFixed(every < unit ? 2 : 1) + "\u00a0" + name;
}

function show(chart, x, width) {
  const svg = chart.querySelector("svg"), { kind } = chart.dataset;
  svg.setAttribute("viewBox", `${x} 0 ${width} ${HIGH}`);
  const low = Number(chart.dataset.low), whole = Number(chart.dataset.high) - low;
  const from = low + (whole * x) / WIDE, length = (whole * width) / WIDE;
  const round = step(length / (chart.clientWidth < 480 ? 3 : 5), kind !== "window");
  const every = kind === "window" ? Math.max(1, round) : round;
  const shift = kind === "clock" ? Number(chart.dataset.epoch) % every : 0;
  const across = chart.querySelector(".across");
  across.replaceChildren();
  for (let at = Math.ceil((from + shift) / every) * every - shift; at <= from + length; at += every) {
    const tick = document.createElement("span");
    tick.textContent = label(chart, at, every, length);
    tick.style.left = `${(100 * (at - from)) / length}%`;
    across.append(tick);
  }
}

for (const chart of document.querySelectorAll(".zoom")) {
  const svg = chart.querySelector("svg");
  const part = () => svg.viewBox.baseVal;
  const together = () => document.querySelectorAll(`.zoom[data-group="${CSS.escape(chart.dataset.group)}"]`);
  const go = (x, width) => {
    const wide = Math.min(WIDE, Math.max(LEAST, width));
    const left = Math.min(WIDE - wide, Math.max(0, x));
    for (const one of together()) show(one, left, wide);
  };
  const zoom = (factor, share = 0.5) => {
    const { x, width } = part();
    go(x + width * share * (1 - factor), width * factor);
  };
  show(chart, 0, WIDE);
  window.addEventListener("resize", () => show(chart, part().x, part().width));
  zoomable(svg, { zoom, pan: (share) => go(part().x + share * part().width, part().width), home: () => go(0, WIDE) });
  const figure = chart.closest("figure");
  if (figure.querySelector(".buttons")) continue;
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  for (const [text, name, act] of [
    ["+", "zoom in", () => zoom(0.5)], ["\u2212", "zoom out", () => zoom(2)],
    ["\u2190", "earlier", () => go(part().x - part().width / 3, part().width)],
    ["\u2192", "later", () => go(part().x + part().width / 3, part().width)], ["all", "whole time", () => go(0, WIDE)],
  ]) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: text, title: name, onclick: act });
    button.setAttribute("aria-label", name);
    buttons.append(button);
  }
  figure.prepend(buttons);
}
