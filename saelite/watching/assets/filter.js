// What is shown: machines of one state, or all, whose name, host, topic or model holds what is typed.
import { $, make, say, set } from "./dom.js";
import { capital, count } from "./format.js";
import { sign, WORDS } from "./signs.js";

export class Filter {
  constructor(changed) {
    Object.assign(this, { changed, state: "", words: [], chips: new Map() });
    $("search").addEventListener("input", () => {
      this.words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
      changed();
    });
  }

  passes(machine) {
    if (this.state && machine.state !== this.state) return false;
    if (!this.words.length) return true;
    const text = `${machine.name} ${machine.topic} ${machine.host} ${machine.model} v${machine.version} ${machine.blame}`.toLowerCase();
    return this.words.every((word) => text.includes(word));
  }

  show(counts, total) {
    const wanted = [["", total], ...counts];
    if (this.state && !counts.some(([state]) => state === this.state)) wanted.push([this.state, 0]);
    for (const state of this.chips.keys()) {
      if (!wanted.some(([name]) => name === state)) {
        this.chips.get(state).remove();
        this.chips.delete(state);
      }
    }
    wanted.forEach(([state, number], place) => this.chip(state, number, place));
  }

  chip(state, number, place) {
    let chip = this.chips.get(state);
    if (!chip) {
      chip = make("button", { type: "button", "data-state": state, onclick: () => this.choose(state) }, state ? sign(state) : "",
        make("span", {}, state ? capital(WORDS[state]) : "All"), make("b"));
      this.chips.set(state, chip);
    }
    if ($("chips").children[place] !== chip) $("chips").insertBefore(chip, $("chips").children[place] ?? null);
    say(chip.lastElementChild, count(number));
    set(chip, "aria-pressed", state === this.state);
  }

  choose(state) {
    this.state = state === this.state ? "" : state;
    for (const [name, chip] of this.chips) set(chip, "aria-pressed", name === this.state);
    this.changed();
  }
}
