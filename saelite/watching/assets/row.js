// One machine: its name, how it is and why, its score, drift, model, and when it was heard.
import { make, say, set } from "./dom.js";
import { capital, duration, known, moment, number, percent, score } from "./format.js";
import { sign, WORDS } from "./signs.js";

const JUST_NOW_S = 15, FULL = 2;
const REGISTRY = { probation: "on probation", refused: "newer one refused", expired: "registry expired", failing: "no registry" };

export class Row {
  constructor() {
    this.icon = make("span", { class: "icon" });
    this.name = make("span", { class: "name" });
    this.link = make("a", { class: "name", target: "_blank", rel: "noreferrer" });
    this.host = make("span", { class: "host" });
    this.word = make("b");
    this.since = make("span", { class: "since" });
    this.why = make("span", { class: "why" });
    this.ratio = make("span");
    this.bar = make("i");
    this.drift = make("span", { role: "cell", class: "drift num" });
    this.model = make("span", { class: "name" });
    this.version = make("span", { class: "host" });
    this.seen = make("span", { role: "cell", class: "seen num" });
    this.element = make("div", { class: "row", role: "row" },
      make("span", { role: "cell", class: "who" }, this.icon, make("span", { class: "both" }, this.name, this.link, this.host)),
      make("span", { role: "cell", class: "how" }, make("span", { class: "what" }, this.word, this.since), this.why),
      make("span", { role: "cell", class: "score num" }, this.ratio, make("span", { class: "level", "aria-hidden": "true" }, this.bar)),
      this.drift,
      make("span", { role: "cell", class: "model both" }, this.model, this.version),
      this.seen);
  }

  facts(machine, now) {
    if (this.element.dataset.state !== machine.state) {
      this.element.dataset.state = machine.state;
      this.icon.replaceChildren(sign(machine.state));
    }
    for (const [element, isShown] of [[this.name, !machine.page], [this.link, machine.page]]) {
      element.hidden = !isShown;
      say(element, machine.name);
      set(element, "title", machine.topic);
    }
    if (machine.page) set(this.link, "href", machine.page);
    say(this.host, machine.host);
    say(this.word, capital(WORDS[machine.state]));
    say(this.why, whyOf(machine));
    say(this.model, machine.model || "–");
    say(this.version, [machine.version ? `version ${machine.version}` : "", REGISTRY[machine.registry]].filter(Boolean).join(", "));
    this.pulse(machine, now);
  }

  // What changes with every reading, and with time alone.
  pulse(machine, now) {
    const { ratio, drift, limit, seen, since, state } = machine;
    const isOld = state === "offline" || state === "stale" || !machine.online;
    set(this.element, "data-old", isOld);
    say(this.ratio, known(ratio) ? `${score(ratio)}\u00a0×` : "–");
    const level = `${known(ratio) ? Math.min(100, (100 * ratio) / FULL) : 0}%`;
    if (this.bar.style.width !== level) this.bar.style.width = level;
    set(this.bar, "data-over", known(ratio) && ratio > 1);
    say(this.drift, known(drift) ? two(drift) + (known(limit) ? ` / ${two(limit)}` : "") : "–");
    set(this.drift, "data-over", known(drift) && known(limit) && drift > limit);
    say(this.seen, seenText(seen, now));
    say(this.since, known(since) && state !== "well" && state !== "starting" ? `for ${duration(now - since)}` : "");
    set(this.since, "title", known(since) ? `since ${moment(since, now)}` : "");
  }
}

// Two digits are all that a drift deserves.
const two = (value) => (value >= 0.01 && value < 100 ? value.toPrecision(2) : number(Number(value.toPrecision(2))));

function seenText(seen, now) {
  if (!known(seen)) return "–";
  return now - seen < JUST_NOW_S ? "now" : `${duration(now - seen)} ago`;
}

function whyOf({ state, blame, online, learnt, limit }) {
  if (state === "alarm") return [blame, online ? "" : "now offline"].filter(Boolean).join(" · ") || "no single sensor stands out";
  if (state === "stale") return "it runs, but gets no readings";
  if (state === "drifting") return `works unlike in training: drift is normal up to ${two(limit)}`;
  if (state === "learning") return known(learnt) ? `${percent(learnt)} learnt` : "";
  return "";
}
