// The last five minutes of the score, drawn as it comes. Time is that of arrival: a replay may run faster than life.
import { Chart } from "./chart.js";
import { scoreScale } from "./axis.js";
import { known } from "./format.js";
import * as api from "./api.js";

const SPAN = 300, MOST = 1500;

export class Strip {
  constructor(host) {
    this.chart = new Chart(host, "Score in the last five minutes", { still: true });
    this.clear();
  }

  clear() {
    this.data = { times: [], lowest: [], mean: [], highest: [] };
    this.from = null;
  }

  // What happened before the page was opened.
  async fill(machine, time, arrived) {
    const own = this.data, found = await api.trend(machine, time - SPAN, time, 300).catch(() => null);
    if (!found || this.data !== own) return;
    const keep = found.times.findIndex((one) => one >= time - 0.5);
    const rows = keep < 0 ? found.times.length : keep;
    const shift = arrived - time;
    this.data.times.unshift(...found.times.slice(0, rows).map((one) => one + shift));
    for (const name of ["lowest", "mean", "highest"]) this.data[name].unshift(...found[name].slice(0, rows));
  }

  add(snapshot, arrived) {
    // After a pause, as of a page that was hidden, what was missed is asked for.
    const isBehind = arrived - (this.data.times.at(-1) ?? arrived) > 5;
    if ((this.from !== snapshot.machine || isBehind) && known(snapshot.time)) {
      this.clear();
      this.from = snapshot.machine;
      this.fill(snapshot.machine, snapshot.time, arrived);
    }
    this.push(arrived, snapshot.score, snapshot.peak);
    this.threshold = snapshot.threshold ?? this.threshold;
    const { times } = this.data;
    while (times.length > MOST || (times.length && times[0] < arrived - SPAN - 5)) {
      for (const column of Object.values(this.data)) column.shift();
    }
  }

  push(time, score, peak) {
    this.data.times.push(time);
    this.data.mean.push(score);
    this.data.lowest.push(score);
    this.data.highest.push(peak);
  }

  draw(now) {
    const limit = this.threshold ?? 1;
    const scale = scoreScale(Math.max(0, ...this.data.highest.filter(known)), limit);
    this.chart.show({ since: now - SPAN, until: now, data: this.data, scale, limit, empty: "No score yet" });
  }
}
