// The dialogue in which somebody says what an alarm was.
import { $, make, say } from "./dom.js";
import { alarmNames, alarmTitle } from "./words.js";
import * as api from "./api.js";

const HOUR = 3600, LASTS = [["an hour", HOUR], ["8 hours", 8 * HOUR], ["a day", 24 * HOUR], ["a week", 168 * HOUR], ["30 days", 720 * HOUR]];
const NAME = "saelite-who";

export class MarkDialog {
  constructor({ saved }) {
    this.saved = saved;
    this.dialog = $("mark");
    $("mark-cancel").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => this.opener?.isConnected ? this.opener.focus() : $("alarms-title").scrollIntoView({ block: "nearest" }));
    $("mark-form").addEventListener("change", () => this.adjust());
    $("mark-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    $("mark-until").replaceChildren(...LASTS.map(([text, seconds]) => make("option", { value: seconds }, `in ${text}`)));
    $("mark-until").value = String(24 * HOUR);
  }

  open({ machine, alarm, sensors, now, kind = "" }) {
    Object.assign(this, { machine, alarm, opener: document.activeElement });
    say($("mark-of"), [alarmTitle(alarm, now), alarmNames(alarm)].filter(Boolean).join(": "));
    const blamed = alarm.blamed.map((one) => one.sensor), others = sensors.filter((one) => !blamed.includes(one));
    $("mark-sensor").replaceChildren(...[...blamed, ...others].map((one) => make("option", { value: one }, one)));
    for (const radio of $("mark-form").elements.kind) radio.checked = radio.value === kind;
    $("mark-note").value = "";
    $("mark-who").value = localStorage.getItem(NAME) ?? "";
    say($("mark-problem"), "");
    this.adjust();
    this.dialog.showModal();
    (kind ? $("mark-who") : $("mark-form").elements.kind[0]).focus();
  }

  adjust() {
    $("ignore-what").hidden = $("mark-form").elements.kind.value !== "ignore";
  }

  async save() {
    const kind = $("mark-form").elements.kind.value;
    const content = { machine: this.machine, alarm: this.alarm.id, kind, who: $("mark-who").value.trim(), note: $("mark-note").value.trim() };
    if (kind === "ignore") Object.assign(content, { sensor: $("mark-sensor").value, lasts: Number($("mark-until").value) });
    try {
      await api.mark(content);
    } catch (error) {
      say($("mark-problem"), `Not saved. ${error.message}`);
      return;
    }
    localStorage.setItem(NAME, content.who);
    this.dialog.close();
    this.saved(kind);
  }
}
