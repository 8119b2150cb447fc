// All sensors: tiles for those to look at first, a compact list for the rest.
import { $, make, say, set } from "./dom.js";
import { known, number, unit } from "./format.js";
import { OFF_SIGNS, Tile, distance, offWord } from "./tile.js";
import * as api from "./api.js";

const MOST_TILES = 12, MOST_ROWS = 36, TRACE = 120, CALM_MS = 30000, ALARM_MS = 3000;

export class Sensors {
  constructor(open) {
    this.open = open;
    $("filter").addEventListener("input", () => this.arrange(true));
    $("all-sensors").addEventListener("click", () => {
      this.most = Infinity;
      this.lay();
      this.draw();
      $("rest").querySelectorAll("button")[MOST_ROWS]?.focus();
    });
    this.reset([]);
  }

  reset(facts) {
    this.sensors = facts.map((one) => ({ ...one, weight: 0, trace: [] }));
    [this.tiles, this.rows, this.order] = [new Map(), new Map(), []];
    this.arranged = 0;
    this.most = MOST_ROWS;
    $("filter").value = "";
    const isMany = facts.length > MOST_TILES;
    $("filter").hidden = !isMany;
    set($("tiles").closest(".columns"), "data-many", isMany);
  }

  take(snapshot, { alarm, ignored }) {
    const { values = [], levels = [], expected = [], shares = [] } = snapshot.sensors;
    const silent = new Set(snapshot.silent), blamed = new Set((snapshot.state === "alarm" && alarm?.blamed.map((one) => one.sensor)) || []);
    const second = Math.floor(Date.now() / 1000);
    this.sensors.forEach((one, place) => {
      Object.assign(one, { value: values[place], level: levels[place], expected: expected[place], share: shares[place],
        silent: silent.has(one.name), blamed: blamed.has(one.name), ignored: ignored.includes(one.name) });
      one.weight += 0.1 * ((one.share ?? 0) - one.weight);
      if (second !== this.second) {
        one.trace.push(snapshot.stale ? null : one.value ?? null);
        if (one.trace.length > TRACE) one.trace.shift();
      }
    });
    this.second = second;
    if (this.state !== snapshot.state) this.arranged = 0;
    this.state = snapshot.state;
    this.arrange(false);
    this.fill(snapshot);
  }

  // The two minutes before the page was opened, for tiles that are new.
  async fill(snapshot) {
    const fresh = this.shown.map(([one]) => one).filter((one) => !one.isFilled);
    if (!fresh.length || !known(snapshot.time)) return;
    for (const one of fresh) one.isFilled = true;
    const since = snapshot.time - TRACE, before = fresh[0].trace.length;
    const found = await api.sensors(snapshot.machine, fresh.map((one) => one.name), since, snapshot.time, TRACE).catch(() => ({}));
    for (const one of fresh) {
      const past = found[one.name]?.mean ?? [];
      one.trace.unshift(...past.slice(0, Math.max(0, past.length - before)));
      one.trace.splice(0, Math.max(0, one.trace.length - TRACE));
    }
  }

  // Tiles change places seldom, and never under somebody's pointer or focus.
  arrange(asked) {
    const now = Date.now(), pause = this.state === "alarm" ? ALARM_MS : CALM_MS;
    const box = $("sensors-title").closest("section");
    const isUsed = box.matches(":hover") || (box.contains(document.activeElement) && document.activeElement !== $("filter"));
    if (!asked && this.order.length && (now - this.arranged < pause || (isUsed && this.arranged))) return this.draw();
    this.arranged = now;
    const wanted = $("filter").value.trim().toLowerCase();
    const found = this.sensors.filter((one) => one.name.toLowerCase().includes(wanted));
    const isSorted = this.state === "alarm" || this.sensors.length > MOST_TILES;
    this.order = isSorted ? sorted(found) : found;
    this.lay();
    this.draw();
  }

  lay() {
    const first = this.order.slice(0, MOST_TILES), rest = this.order.slice(MOST_TILES);
    this.shown = first.map((one) => [one, this.tile(one.name)]);
    this.listed = rest.slice(0, this.most).map((one) => [one, this.row(one.name)]);
    $("all-sensors").hidden = rest.length <= this.most;
    say($("all-sensors"), `Show all ${rest.length}`);
    place($("tiles"), this.shown.map(([, tile]) => tile.element));
    place($("rest"), this.listed.map(([, row]) => row.element));
    $("rest-box").hidden = !rest.length;
    say($("rest-title"), `${rest.length} more`);
    const all = this.sensors.length;
    say($("sensors-count"), this.order.length === all ? `${all}${this.state === "alarm" || all > MOST_TILES ? ", most to blame first" : ""}` : `${this.order.length} of ${all}`);
    if (!this.order.length) place($("tiles"), [make("li", { class: "none" }, this.sensors.length ? "No sensor has such a name." : "No sensors.")]);
  }

  draw() {
    for (const [one, tile] of this.shown ?? []) tile.show(one, one.trace);
    for (const [one, row] of this.listed ?? []) row.show(one);
  }

  tile(name) {
    if (!this.tiles.has(name)) this.tiles.set(name, new Tile(name, this.open));
    return this.tiles.get(name);
  }

  row(name) {
    if (!this.rows.has(name)) this.rows.set(name, new Row(name, this.open));
    return this.rows.get(name);
  }
}

class Row {
  constructor(name, open) {
    this.value = make("span", { class: "num" });
    this.verb = make("span", { class: "verb" });
    this.button = make("button", { type: "button", title: name, onclick: () => open(name) }, make("span", { class: "ellipsis" }, name), this.value, this.verb);
    this.element = make("li", {}, this.button);
  }

  show(sensor) {
    const off = offWord(sensor);
    say(this.value, sensor.silent ? "no value" : number(sensor.value, sensor.deviation) + unit(sensor.unit));
    say(this.verb, OFF_SIGNS[off]);
    set(this.verb, "aria-label", off);
  }
}

// The first by blame; after them those that are off, and then the rest as the model names them: a list that stands still.
function sorted(sensors) {
  const first = [...sensors].sort(byBlame).slice(0, MOST_TILES), rest = sensors.filter((one) => !first.includes(one));
  const strange = (one) => one.silent || offWord(one) !== "";
  return [...first, ...rest.filter(strange), ...rest.filter((one) => !strange(one))];
}

const urgent = (one) => (one.blamed ? 4 : 0) + (one.silent ? 2 : 0) + one.weight;
const byBlame = (a, b) => urgent(b) - urgent(a) || Math.abs(distance(b) ?? 0) - Math.abs(distance(a) ?? 0);

function place(list, elements) {
  if (list.children.length === elements.length && elements.every((one, row) => list.children[row] === one)) return;
  list.replaceChildren(...elements);
}
