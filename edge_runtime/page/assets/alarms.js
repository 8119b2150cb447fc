// The alarms of a machine, and what was said of them.
import { $, make, say } from "./dom.js";
import { known, moment } from "./format.js";
import { alarmNames, alarmPeak, alarmTitle, saidOf, valueText, verdictOf } from "./words.js";
import { sign } from "./signs.js";

const FIRST = 4;

export class Alarms {
  constructor({ openMark, focus }) {
    Object.assign(this, { openMark, focus, most: FIRST });
    $("more").addEventListener("click", () => {
      this.most += 20;
      this.show(this.list, this.now);
      $("alarms").children[this.most - 20]?.querySelector("button")?.focus();
    });
  }

  reset() {
    this.most = FIRST;
    this.key = "";
  }

  show(list, now) {
    Object.assign(this, { list, now });
    const open = list.some((one) => !known(one.ended)), minute = open ? Math.floor(now / 10) : 0;
    const key = JSON.stringify([list, this.most, minute]);
    if (key === this.key) return;
    this.key = key;
    const held = document.activeElement?.closest?.("#alarms button")?.id;
    const items = list.slice(0, this.most).map((one) => this.item(one, now));
    $("alarms").replaceChildren(...(items.length ? items : [make("li", { class: "none" }, "None so far.")]));
    say($("alarms-count"), list.length ? String(list.length) : "");
    $("more").hidden = list.length <= this.most;
    if (held) $(held)?.focus();
  }

  item(alarm, now) {
    const verdict = verdictOf(alarm);
    const worst = alarm.blamed[0];
    const buttons = make("div", { class: "buttons" },
      make("button", { type: "button", id: `say-${alarm.id}`, onclick: () => this.openMark(alarm) }, alarm.marks.length ? "Change …" : "Say what it was …"),
      make("button", { type: "button", class: "quiet", id: `show-${alarm.id}`, onclick: () => this.focus(alarm) }, "Show in chart"));
    const said = alarm.marks.map((one) => make("p", { class: "said" }, saidOf(one)));
    return make("li", { class: "alarm", "data-id": alarm.id },
      make("span", { class: "mark" }, sign(verdict || (known(alarm.ended) ? "ended" : "alarm"))),
      make("div", {}, make("h3", {}, alarmTitle(alarm, now), make("span", {}, alarmPeak(alarm))),
        make("p", {}, worst ? valueText(worst) : "No single sensor stands out.",
          alarm.blamed.length > 1 ? `; also ${alarmNames({ blamed: alarm.blamed.slice(1) })}` : null), ...said, buttons));
  }

  ignoring(list, names) {
    const box = $("ignored");
    box.hidden = !names.length;
    const until = (name) => Math.max(...list.flatMap((one) => one.marks).filter((one) => one.kind === "ignore" && one.sensor === name).map((one) => one.until ?? 0));
    box.replaceChildren(...names.map((name) => make("li", {}, `${name} is ignored until ${moment(until(name) || null)}.`)));
  }
}
