// A line over time with its range, limits and marked spans: SVG in a box of 1000 by 300 that is stretched to its place.
import { draw, make } from "./dom.js";
import { known } from "./format.js";
import { timeTicks } from "./axis.js";

const WIDE = 1000, HIGH = 300;

export class Chart {
  constructor(host, label, { still = false } = {}) {
    this.svg = draw("svg", {
      viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": label,
      tabindex: still ? null : "0",
    });
    this.up = make("div", { class: "up", "aria-hidden": "true" });
    this.across = make("div", { class: "across", "aria-hidden": "true" });
    this.empty = make("p", { class: "empty" });
    this.cross = draw("path", { class: "cross" });
    this.box = make("div", { class: still ? "chart still" : "chart" }, this.up, this.svg, this.empty, this.across);
    host.append(this.box);
  }

  describe(text) {
    this.svg.setAttribute("aria-label", text);
  }

  // data: times, lowest, mean, highest; scale: share(value) and ticks; spans: [start, end, style, title];
  // band: [low, high]; limit: a value or an array like the data's.
  show({ since, until, data, scale, spans = [], band = null, limit = null, empty = "" }) {
    Object.assign(this, { since, until, data, scale });
    const x = (time) => (WIDE * (time - since)) / (until - since);
    const y = (value) => HIGH * (1 - Math.min(1.02, Math.max(-0.02, scale.share(value))));
    const shapes = scale.ticks.map(([value]) => draw("path", { class: "grid", d: `M0 ${y(value)}H${WIDE}` }));
    if (band) shapes.push(draw("rect", { class: "expected", x: 0, width: WIDE, y: y(band[1]), height: Math.max(1, y(band[0]) - y(band[1])) }));
    shapes.push(...spans.flatMap((span) => spanShapes(span, x)));
    shapes.push(draw("path", { class: "band", d: bandPath(data, x, y) }));
    shapes.push(draw("path", { class: "line", d: linePath(data.times, data.mean, x, y) }));
    if (limit !== null) shapes.push(...limitShapes(data, limit, x, y));
    this.svg.replaceChildren(...shapes, this.cross);
    this.empty.textContent = data.times.length ? "" : empty;
    this.label(scale, since, until);
  }

  label(scale, since, until) {
    const most = Math.max(2, Math.floor(this.svg.clientWidth / 95));
    this.across.replaceChildren(...timeTicks(since, until, most).map(([at, text]) => {
      const share = (at - since) / (until - since);
      return place(make("span", {}, text), "left", Math.min(0.97, Math.max(0.03, share)));
    }));
    this.up.replaceChildren(...scale.ticks.map(([value, text]) => place(make("span", {}, text), "bottom", scale.share(value))));
  }

  // The point nearest to a share of the width; null if there is none.
  nearest(share) {
    if (!this.data?.times.length) return null;
    const at = this.since + share * (this.until - this.since);
    let best = null;
    this.data.times.forEach((time, row) => {
      if (known(this.data.mean[row]) && (best === null || Math.abs(time - at) < Math.abs(this.data.times[best] - at))) best = row;
    });
    return best;
  }

  point(row) {
    const x = row === null ? -9 : (WIDE * (this.data.times[row] - this.since)) / (this.until - this.since);
    this.cross.setAttribute("d", `M${x} 0V${HIGH}`);
  }
}

function place(element, side, share) {
  element.style.setProperty(side, `${100 * share}%`);
  return element;
}

function spanShapes([start, end, style, title], x) {
  const left = Math.max(-5, x(start)), width = Math.max(3, Math.min(WIDE + 5, x(end)) - left);
  if (left > WIDE || left + width < 0) return [];
  return [
    draw("rect", { class: `span ${style}`, x: left, y: 0, width, height: HIGH }, draw("title", {}, title)),
    draw("rect", { class: `roof ${style}`, x: left, y: 0, width, height: 6 }),
  ];
}

function linePath(times, values, x, y) {
  let pen = "M", path = "";
  times.forEach((time, row) => {
    if (!known(values[row])) {
      pen = "M";
      return;
    }
    path += `${pen}${x(time).toFixed(1)} ${y(values[row]).toFixed(1)}`;
    // A point alone has no length: a round end makes it a dot.
    if (pen === "M") path += "h0";
    pen = "L";
  });
  return path;
}

function bandPath({ times, lowest, highest }, x, y) {
  let runs = [], run = [];
  times.forEach((time, row) => {
    if (known(lowest[row]) && known(highest[row])) run.push(row);
    else if (run.length) [runs, run] = [[...runs, run], []];
  });
  if (run.length) runs.push(run);
  const point = (row, values) => `${x(times[row]).toFixed(1)} ${y(values[row]).toFixed(1)}`;
  return runs.map((rows) =>
    `M${rows.map((row) => point(row, highest)).join("L")}L${rows.reverse().map((row) => point(row, lowest)).join("L")}Z`).join("");
}

// The limit, and once more, in another colour and weight, what of the highest is above it.
function limitShapes({ times, highest }, limit, x, y) {
  const at = (row) => (Array.isArray(limit) ? limit[row] : limit);
  const above = highest.map((value, row) => (known(value) && value > at(row) ? value : null));
  const last = Array.isArray(limit) ? limit.findLast(known) : limit;
  const d = Array.isArray(limit) && limit.some((one) => known(one) && one !== last)
    ? linePath(times, limit, x, y) : known(last) ? `M0 ${y(last)}H${WIDE}` : "";
  return [draw("path", { class: "above", d: linePath(times, above, x, y) }), draw("path", { class: "threshold", d })];
}
