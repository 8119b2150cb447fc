// The past: score, and a sensor if one was chosen, over minutes to weeks.
import { $, make, reveal, say, set } from "./dom.js";
import { Chart } from "./chart.js";
import { linear, scoreScale } from "./axis.js";
import { duration, known, number, score, stamp, unit } from "./format.js";
import { alarmTitle, verdictOf } from "./words.js";
import { zoomable } from "./gestures.js";
import * as api from "./api.js";

const RANGES = [["10 min", 600], ["1 h", 3600], ["24 h", 86400], ["7 d", 604800], ["30 d", 2592000]];
const LEAST = 10, MOST = 400 * 86400, WAIT_MS = 150, RECENT = 160;
const NONE = { times: [], lowest: [], mean: [], highest: [], threshold: [] };

export class Past {
  constructor() {
    this.chart = new Chart($("trend"), "Score over time");
    this.hint = "Drag or use the arrow keys to move; + and \u2212, pinch or Ctrl + wheel to zoom; 0 for now";
    this.sensor = null;
    this.alarms = [];
    this.buttons();
    for (const chart of [this.chart]) this.steer(chart);
    this.reset("", []);
    new ResizeObserver(() => this.draw()).observe($("trend"));
  }

  reset(machine, facts) {
    Object.assign(this, { machine, facts, span: 3600, until: null, data: NONE, sensorData: NONE, fetched: null, recent: [] });
    this.choose(null);
  }

  buttons() {
    $("ranges").append(...RANGES.map(([text, span]) =>
      make("button", { type: "button", "data-span": span, onclick: () => this.go(span, null) }, text)));
    const act = (text, name, work) => make("button", { type: "button", "aria-label": name, title: name, onclick: work }, text);
    this.back = make("button", { type: "button", onclick: () => this.home() }, "Back to now");
    $("steps").append(this.back, act("←", "Earlier", () => this.pan(-0.5)), act("→", "Later", () => this.pan(0.5)),
      act("+", "Zoom in", () => this.zoom(0.5, 0.5)), act("\u2212", "Zoom out", () => this.zoom(2, 0.5)));
  }

  steer(chart) {
    zoomable(chart.svg, { zoom: (factor, share) => this.zoom(factor, share), pan: (share) => this.pan(share), home: () => this.home() });
    chart.svg.addEventListener("pointermove", (event) => {
      const box = chart.svg.getBoundingClientRect();
      this.read(chart, chart.nearest((event.clientX - box.left) / box.width));
    });
    chart.svg.addEventListener("pointerleave", () => this.read(chart, null));
  }

  // The readings' own time now: their clock may differ from this computer's.
  get end() {
    return this.until ?? this.now;
  }

  // The history lags some seconds behind: its end is drawn from what came live.
  add({ time, score, peak, threshold }) {
    if (!known(time) || !known(score) || this.recent.at(-1)?.time >= time) return;
    this.recent.push({ time, mean: score, lowest: score, highest: peak, threshold });
    if (this.recent.length > RECENT) this.recent.shift();
  }

  get whole() {
    const end = this.data.times.at(-1) ?? 0, step = this.span / 300;
    const fresh = this.recent.filter((one) => one.time > end + step);
    if (!fresh.length || fresh.length === this.recent.length && this.recent.length === RECENT && this.data.times.length) return this.data;
    const column = (name) => [...this.data[name], ...fresh.map((one) => one[name])];
    return { times: [...this.data.times, ...fresh.map((one) => one.time)], lowest: column("lowest"), mean: column("mean"), highest: column("highest"), threshold: column("threshold") };
  }

  tick(now) {
    this.now = now;
    const pause = Math.min(60, Math.max(1, this.span / 300));
    if (this.until !== null) return;
    if (this.fetched === null || now - this.fetched > pause || now < this.fetched) this.fetch(0);
    else if (this.span <= 3600) this.draw();
  }

  home() {
    this.go(this.span, null);
  }

  go(span, until) {
    this.span = Math.min(MOST, Math.max(LEAST, span));
    this.until = until === null || until >= this.now ? null : until;
    this.draw();
    this.fetch(WAIT_MS);
  }

  zoom(factor, share) {
    const span = Math.min(MOST, Math.max(LEAST, this.span * factor));
    const isNow = this.until === null && share > 0.35 && factor < 1 ? share > 0.9 : this.until === null;
    this.go(span, isNow ? null : this.end - (this.span - span) * (1 - share));
  }

  pan(share) {
    this.go(this.span, this.end + share * this.span);
  }

  // Shows an alarm with some time around it.
  focus(alarm) {
    const end = alarm.ended ?? this.now, length = Math.max(60, end - alarm.started);
    this.go(length * 3, Math.min(this.now, end + length));
    this.chart.svg.focus({ preventScroll: true });
    reveal($("past-title"), "start");
  }

  choose(name) {
    this.sensor = name;
    this.sensorData = NONE;
    const figure = $("sensor-trend");
    figure.hidden = name === null;
    figure.replaceChildren();
    this.sensorChart = null;
    if (name === null) return;
    const title = make("span", { class: "ellipsis" }, name);
    figure.append(make("div", { class: "chart-title" }, title, make("button", { type: "button", class: "quiet", onclick: () => this.choose(null) }, "Close")));
    this.sensorChart = new Chart(figure, name);
    this.steer(this.sensorChart);
    this.fetch(0);
    reveal(figure, "nearest");
  }

  fetch(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), wait);
  }

  async load() {
    if (!this.machine || !known(this.now)) return;
    const { machine, sensor, span } = this;
    const points = Math.max(60, Math.min(600, Math.round(this.chart.svg.clientWidth / 2)));
    // Rounded, so that pages which look at the same time ask the same.
    const step = span / points, until = Math.ceil(this.end / step) * step + step, since = until - span - 2 * step;
    this.fetched = this.now;
    try {
      const asked = [api.trend(machine, since, until, points + 3)];
      if (sensor !== null) asked.push(api.sensors(machine, [sensor], since, until, points + 3));
      const [data, sensors] = await Promise.all(asked);
      if (machine !== this.machine) return;
      this.data = data;
      if (sensor === this.sensor && sensors) this.sensorData = sensors[sensor];
      this.problem = "";
    } catch (error) {
      this.problem = error.message;
    }
    this.draw();
  }

  draw() {
    if (!known(this.now)) return;
    const until = this.end, since = until - this.span;
    const data = this.whole;
    const highest = data.highest.filter((value, row) => known(value) && data.times[row] >= since - this.span / 100 && data.times[row] <= until);
    const limit = data.threshold.findLast(known) ?? 1;
    const spans = this.alarms.map((one) => [one.started, one.ended ?? this.now, verdictOf(one) || "open", alarmTitle(one, this.now)]);
    const empty = this.problem || "Nothing was recorded in this time";
    this.chart.show({ since, until, data, spans, scale: scoreScale(Math.max(0, ...highest), limit), limit: data.threshold, empty });
    this.chart.describe(this.summary(since, until, highest, limit));
    if (this.sensorChart) this.drawSensor(since, until, spans, empty);
    for (const button of $("ranges").children) set(button, "aria-pressed", Number(button.dataset.span) === this.span && this.until === null);
    this.back.hidden = this.until === null;
    if (this.reading === undefined || this.reading === null) say($("readout"), this.until === null ? `The last ${duration(this.span)}` : `${stamp(since)} to ${stamp(until)}`);
  }

  drawSensor(since, until, spans, empty) {
    const data = this.sensorData, fact = this.facts.find((one) => one.name === this.sensor) ?? {};
    const rows = data.times.map((time, row) => row).filter((row) => data.times[row] >= since && data.times[row] <= until && known(data.mean[row]));
    const low = Math.min(...rows.map((row) => data.lowest[row])), high = Math.max(...rows.map((row) => data.highest[row]));
    const margin = 0.08 * (high - low) || Math.abs(high) * 0.01 || 1;
    const scale = rows.length ? linear(low - margin, high + margin, 3) : linear(0, 1, 2);
    this.sensorChart.show({ since, until, data, spans, scale, empty });
    this.sensorChart.describe(rows.length ? `${this.sensor}: from ${number(low, fact.deviation)} to ${number(high, fact.deviation)}${unit(fact.unit)}` : `${this.sensor}: ${empty}`);
  }

  summary(since, until, highest, limit) {
    if (!highest.length) return `Score from ${stamp(since)} to ${stamp(until)}: nothing recorded.`;
    const inAlarm = this.alarms.filter((one) => one.started < until && (one.ended ?? this.now) > since).length;
    return `Score from ${stamp(since)} to ${stamp(until)}: highest ${score(Math.max(...highest))}, threshold ${score(limit)}, ${inAlarm} alarm${inAlarm === 1 ? "" : "s"}. ${this.hint}.`;
  }

  read(chart, row) {
    this.reading = row;
    for (const one of [this.chart, this.sensorChart]) one?.point(one === chart ? row : null);
    if (row === null) return this.draw();
    const { times, mean, highest, lowest } = chart.data;
    const fact = this.facts.find((one) => one.name === this.sensor) ?? {};
    const text = chart === this.chart
      ? `score ${score(mean[row])}, highest ${score(highest[row])}`
      : `${number(mean[row], fact.deviation)}${unit(fact.unit)}, from ${number(lowest[row], fact.deviation)} to ${number(highest[row], fact.deviation)}`;
    say($("readout"), `${stamp(times[row])}: ${text}`);
  }
}
