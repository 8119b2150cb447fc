// One sensor: what it reads, what the others lead to expect, its share of the blame, and the last two minutes.
import { draw, make, say, set } from "./dom.js";
import { known, number, percent, unit } from "./format.js";

const FAR = 3, LEAST_SHARE = 0.01;

// How far a sensor's level is from what is expected, in usual deviations; null where that is not known.
export function distance(sensor) {
  const { level, expected, deviation } = sensor;
  return known(level) && known(expected) && deviation > 0 ? (level - expected) / deviation : null;
}

export function offWord(sensor) {
  const far = distance(sensor);
  return far === null || Math.abs(far) < FAR ? "" : far > 0 ? "high" : "low";
}

export const OFF_SIGNS = { high: "▲", low: "▼", "": "" };

export class Tile {
  constructor(name, open) {
    this.name = make("button", { type: "button", class: "name", title: name, onclick: () => open(name) }, name);
    this.blame = make("span", { class: "blame" });
    this.value = make("span");
    this.unit = make("small");
    this.verb = make("span", { class: "verb" });
    this.expected = make("div", { class: "expected" });
    this.bar = make("i");
    this.spark = draw("path", { d: "" });
    this.usual = draw("rect", { class: "usual", y: 3, height: 10, rx: 3 });
    this.mark = draw("path", { class: "value" });
    this.gauge = draw("svg", { class: "gauge", viewBox: "0 0 120 16", preserveAspectRatio: "none", "aria-hidden": "true" },
      draw("path", { class: "rail", d: "M0 8H120" }), this.usual, this.mark);
    this.element = make("li", { class: "tile" },
      make("div", { class: "top" }, this.name, this.verb),
      make("div", { class: "middle" }, make("div", { class: "value" }, this.value, this.unit),
        draw("svg", { class: "spark", viewBox: "0 0 100 32", preserveAspectRatio: "none", "aria-hidden": "true" }, this.spark)),
      this.expected,
      this.gauge,
      make("div", { class: "blame-row" }, make("div", { class: "share", "aria-hidden": "true" }, this.bar), this.blame));
  }

  show(sensor, trace) {
    const off = offWord(sensor);
    set(this.element, "data-off", Boolean(off));
    set(this.element, "data-blamed", sensor.blamed);
    say(this.value, sensor.silent ? "no value" : number(sensor.value, sensor.deviation));
    say(this.unit, sensor.silent ? "" : unit(sensor.unit));
    say(this.verb, off ? `${OFF_SIGNS[off]} ${off}` : "");
    say(this.expected, expectation(sensor));
    say(this.blame, sensor.ignored ? "ignored" : sensor.share >= LEAST_SHARE ? `${percent(sensor.share)} of score` : "");
    this.blame.className = sensor.ignored ? "badge" : "blame";
    this.bar.parentElement.hidden = sensor.ignored;
    this.bar.style.width = `${100 * (sensor.share ?? 0)}%`;
    this.place(sensor, off);
    this.spark.setAttribute("d", sparkPath(trace, 2 * FAR * (sensor.deviation ?? 0)));
  }

  // The middle of the gauge is what is expected; the box around it three usual deviations, the ends seven.
  place(sensor, off) {
    const far = distance(sensor);
    this.gauge.style.visibility = far === null ? "hidden" : "";
    if (far === null) return;
    this.usual.setAttribute("x", 60 - (60 * FAR) / 7);
    this.usual.setAttribute("width", (120 * FAR) / 7);
    const x = 60 + Math.max(-54, Math.min(54, (60 * far) / 7));
    this.mark.setAttribute("d", off === "" ? `M${x - 2} 1h4v14h-4z` : far > 0 ? `M${x - 5} 1l9 7-9 7z` : `M${x + 5} 1l-9 7 9 7z`);
    set(this.mark, "data-off", Boolean(off));
  }
}

function expectation({ expected, deviation }) {
  return known(expected) && known(deviation) ? `expected ${number(expected, deviation)} ± ${number(deviation, deviation)}` : "";
}

// Small changes stay small: the height is never less than what is usual.
function sparkPath(values, usual) {
  const there = values.filter(known);
  if (there.length < 2) return "";
  const middle = (Math.min(...there) + Math.max(...there)) / 2;
  const span = Math.max(Math.max(...there) - Math.min(...there), usual) || 1, low = middle - span / 2;
  let pen = "M";
  return values.map((value, row) => {
    if (!known(value)) {
      pen = "M";
      return "";
    }
    const step = `${pen}${((100 * row) / (values.length - 1)).toFixed(1)} ${(30 - (28 * (value - low)) / span).toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}
