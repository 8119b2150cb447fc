// All machines as the server told of them: a table in memory, changed by what comes.
import { known } from "./format.js";

// What decides on a machine's place, and on whether it is shown.
const PLACE = ["state", "since", "name", "host", "model", "version", "blame"];

export class Fleet {
  constructor() {
    Object.assign(this, { machines: new Map(), conditions: [], broker: "", prefix: "", link: "connecting", reason: "", refused: 0, offset: 0 });
  }

  now() {
    return Date.now() / 1000 + this.offset;
  }

  // Returns what has changed: machines that went, those whose facts or figures changed, and whether any changes its place.
  take(news) {
    this.offset = news.now - Date.now() / 1000;
    for (const name of ["broker", "prefix", "link", "reason", "refused", "conditions"]) this[name] = news[name];
    const before = new Set(news.all ? this.machines.keys() : news.gone);
    let moved = before.size > 0;
    for (const facts of news.facts) {
      const known = this.machines.get(facts.id);
      before.delete(facts.id);
      moved ||= !known || PLACE.some((name) => known[name] !== facts[name]);
      this.machines.set(facts.id, { ...known, ...facts });
    }
    for (const id of before) this.machines.delete(id);
    for (const [id, ratio, drift, seen] of news.pulses) {
      const machine = this.machines.get(id);
      if (machine) Object.assign(machine, { ratio, drift, seen });
    }
    return { gone: [...before], facts: news.facts.map((one) => one.id), pulses: news.pulses.map(([id]) => id), moved };
  }

  rank(state) {
    return this.conditions.findIndex(([name]) => name === state);
  }

  needsALook(state) {
    return Boolean(this.conditions.find(([name]) => name === state)?.[1]);
  }

  // Machines by state, the worst first; none for a state that no machine is in.
  counts() {
    const found = new Map(this.conditions.map(([name]) => [name, 0]));
    for (const { state } of this.machines.values()) found.set(state, found.get(state) + 1);
    return [...found].filter(([, number]) => number);
  }

  // Those in alarm by its start, the newest first; all others by name: an order that changes with no score.
  order = (a, b) => this.rank(a.state) - this.rank(b.state) || (a.state === "alarm" ? late(b) - late(a) : 0) || byName(a, b);
}

const NAMES = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const byName = (a, b) => NAMES.compare(a.name, b.name) || NAMES.compare(a.host, b.host) || a.id - b.id;
const late = ({ since }) => (known(since) ? since : 0);
