// The answer: is the machine well, and if not, why.
import { $, make, say, set } from "./dom.js";
import { clock, duration, known, moment, percent, score, times } from "./format.js";
import { sensorText, saidOf } from "./words.js";
import { sign } from "./signs.js";

const ANSWERS = {
  well: (name) => `${name} is well`,
  alarm: (name) => `${name} needs a look`,
  stale: (name) => `${name} is not being watched`,
  down: (name) => `${name} is not being watched`,
  learning: (name) => `${name} is being learnt`,
  starting: (name) => `${name}: waiting for the first readings`,
  lost: () => "No connection to saelite",
};

export class Verdict {
  constructor(openMark) {
    this.openMark = openMark;
    this.shown = "";
  }

  // Returns the state as it is shown: `lost` hides what may no longer hold.
  show(page) {
    const { snapshot, link, now } = page;
    const state = link === "lost" ? "lost" : snapshot?.state ?? "starting";
    if (state !== this.shown) {
      this.shown = state;
      $("sign").replaceChildren(sign(state));
    }
    set($("verdict"), "data-state", state === "lost" || state === "down" ? "stale" : state);
    say($("answer"), ANSWERS[state](page.name));
    say($("because"), this.because(state, page, now));
    this.figure(state, snapshot);
    this.alarm(state, page);
    return state;
  }

  because(state, { snapshot, alarms, alarm, heard }, now) {
    if (state === "lost") return `Last heard at ${clock(heard)}. Trying again; what is shown below is from then.`;
    if (state === "down") return snapshot.down;
    if (state === "alarm") {
      if (!alarm) return "An alarm has started.";
      const peak = Math.max(alarm.peak ?? 0, snapshot.peak ?? 0);
      return `Alarm since ${clock(alarm.started)} (${duration(now - alarm.started)}). Highest score ${times(peak, snapshot.threshold)} the threshold.`
        + (snapshot.stale ? " No readings arrive any more." : "");
    }
    if (state === "stale") {
      const last = snapshot.last_reading;
      return known(last) ? `No readings for ${duration(page_age(snapshot))}. The last one came at ${clock(last)}.` : "No readings have arrived yet.";
    }
    if (state === "learning") return learningText(snapshot);
    if (state === "starting") return "saelite is running; the first readings fill its window.";
    const last = alarms?.[0];
    const before = last ? `Last alarm: ${moment(last.started)}${last.blamed[0] ? `, ${last.blamed[0].sensor}` : ""}.` : "No alarm so far.";
    return [...silent(snapshot), before].join(" ");
  }

  figure(state, snapshot) {
    const value = state === "lost" ? null : snapshot?.score, limit = snapshot?.threshold;
    say($("score"), score(value));
    say($("of-threshold"), known(limit) ? `score · alarm above ${score(limit)}` : "score");
    const meter = $("meter"), share = known(value) && limit ? Math.min(1, value / limit / 2) : 0;
    // The threshold stands in the middle; beyond twice the threshold the meter is full.
    meter.firstElementChild.style.width = `${100 * share}%`;
    set(meter, "aria-valuemax", known(limit) ? 2 * limit : 1);
    set(meter, "aria-valuenow", known(value) ? Math.min(value, 2 * limit) : 0);
    set(meter, "aria-valuetext", known(value) ? `${score(value)}, alarm above ${score(limit)}` : "no score");
  }

  alarm(state, { alarm, units }) {
    const box = $("now");
    box.hidden = state !== "alarm" || !alarm;
    if (box.hidden) return;
    const key = JSON.stringify(alarm);
    if (key === this.key) return;
    this.key = key;
    const focused = box.contains(document.activeElement) ? document.activeElement.dataset.kind : null;
    const blamed = alarm.blamed.map((one) => make("li", {}, make("b", {}, one.sensor), make("span", {}, sensorText(one, units))));
    const why = make("div", {}, blamed.length ? make("ul", { "aria-label": "Sensors to blame" }, ...blamed) : make("p", {}, "No single sensor stands out."));
    if (alarm.marks.length) why.append(make("p", { class: "said" }, saidOf(alarm.marks.at(-1))));
    const act = (kind, text, style) => make("button", { type: "button", class: style, "data-kind": kind, onclick: () => this.openMark(alarm, kind) }, text);
    box.replaceChildren(why, make("div", { class: "buttons" },
      act("real", "It is real", "loud"), act("false_alarm", "False alarm", ""), act("ignore", "Ignore a sensor …", "")));
    if (focused) box.querySelector(`[data-kind="${focused}"]`)?.focus();
  }
}

function learningText({ learn_s: lasts, counts }) {
  const before = "No alarm is announced until its normal work is known.", left = (counts.to_learn ?? 100) / 100;
  return known(lasts) ? `${percent(1 - left)} of ${duration(lasts)}, about ${duration(left * lasts)} to go. ${before}` : before;
}

function silent(snapshot) {
  if (!snapshot.silent.length) return [];
  const [first, ...others] = snapshot.silent;
  return [`No values from ${first}${others.length ? ` and ${others.length} more` : ""}.`];
}

const page_age = (snapshot) => snapshot.now - snapshot.last_reading;
