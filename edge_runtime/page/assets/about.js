// Health, drift, counts and the model, for whoever wants to know more.
import { $, make } from "./dom.js";
import { clock, count, duration, known, stamp } from "./format.js";

const HIDDEN = new Set(["alarms", "to_learn"]);
const BAD = new Set(["lost", "skipped", "stuck", "silent", "undelivered", "refused_models"]);

export class About {
  show(snapshot, facts, now) {
    const key = JSON.stringify([snapshot.counts, snapshot.drift, snapshot.stale, snapshot.silent, facts?.name, Math.floor(now / 2)]);
    if (key === this.key) return;
    this.key = key;
    const groups = [["Health", health(snapshot, facts, now)], ["Readings", counts(snapshot)]];
    if (facts?.model.length) groups.push(["Model", facts.model]);
    $("facts").replaceChildren(...groups.map(([title, rows]) => make("div", {}, make("h3", {}, title), make("dl", {}, ...rows.map(row)))));
  }
}

function row([name, text, isBad]) {
  return make("div", {}, make("dt", {}, name), make("dd", { class: isBad ? "bad" : null }, text));
}

function health({ stale, silent, last_reading, time, drift, stale_after }, facts, now) {
  const limit = facts?.drift_limit, isFar = known(drift) && known(limit) && drift > limit;
  const rows = [["Readings", stale ? "none arrive" : known(last_reading) ? "arriving" : "none yet", stale]];
  if (known(last_reading)) rows.push(["Last reading arrived", `${clock(last_reading)}, ${duration(now - last_reading)} ago`]);
  if (known(time) && known(last_reading) && Math.abs(time - last_reading) > 60) rows.push(["Its own time", stamp(time)]);
  rows.push(["Silent sensors", silent.length ? silent.slice(0, 5).join(", ") + (silent.length > 5 ? ` and ${silent.length - 5} more` : "") : "none", silent.length > 0]);
  if (known(drift)) rows.push(["Drift", `${drift.toPrecision(2)}${known(limit) ? ` (normal up to ${limit.toPrecision(2)})` : ""}${isFar ? ": unlike training" : ""}`, isFar]);
  if (known(stale_after)) rows.push(["Stale after", duration(stale_after)]);
  if (facts?.host) rows.push(["Watched by", facts.host]);
  return rows;
}

function counts({ counts: found }) {
  const rows = Object.entries(found).filter(([name]) => !HIDDEN.has(name));
  if (!rows.length) return [["Read", "none yet"]];
  return rows.map(([name, value]) => [name.replaceAll("_", " ").replace(/^./, (one) => one.toUpperCase()), count(value), BAD.has(name)]);
}
