// Puts the page together: what comes from the stream goes to its parts.
import { $, say, set } from "./dom.js";
import { clock, known } from "./format.js";
import { explained } from "./words.js";
import { About } from "./about.js";
import { Alarms } from "./alarms.js";
import { Connection } from "./connection.js";
import { Machines } from "./machines.js";
import { MarkDialog } from "./mark.js";
import { Past } from "./past.js";
import { Sensors } from "./sensors.js";
import { Strip } from "./strip.js";
import { Verdict } from "./verdict.js";
import { prepareLogin } from "./login.js";
import * as api from "./api.js";

const page = { name: "", facts: new Map(), snapshot: null, alarms: [], alarm: null, ignored: [], link: "connecting", heard: null, offset: 0 };
const RETRIES = 6, RETRY_MS = 1100, DRAW_MS = 1000, MARKS_MS = 15000;

const dialog = new MarkDialog({ saved: (kind) => {
  say($("polite"), kind === "ignore" ? "Saved: the sensor is ignored." : "Saved.");
  loadAlarms(0);
} });
const openMark = (alarm, kind) => dialog.open({ machine: page.name, alarm, kind, now: readingNow(), sensors: (page.facts.get(page.name)?.sensors ?? []).map((one) => one.name) });
const past = new Past();
const parts = {
  about: new About(), alarms: new Alarms({ openMark, focus: (alarm) => past.focus(alarm) }), machines: new Machines(),
  sensors: new Sensors((name) => past.choose(name)), strip: new Strip($("strip")), verdict: new Verdict(openMark),
};
const connection = new Connection({ machine: take, machines: takeAll, link: setLink });

const serverNow = () => Date.now() / 1000 + page.offset;

// The readings' time at this moment: that of the last one, and what has passed since it came.
function readingNow() {
  const { time, last_reading } = page.snapshot ?? {};
  return known(time) ? time + Math.max(0, serverNow() - (known(last_reading) ? last_reading : serverNow())) : serverNow();
}

async function loadFacts() {
  const { machines, open, now } = await api.machines();
  page.offset = now - Date.now() / 1000;
  page.facts = new Map(machines.map((one) => [one.name, one]));
  return open;
}

async function start() {
  try {
    $("log-out").hidden = await loadFacts();
    $("main").hidden = false;
    choose();
  } catch (error) {
    if (error.status !== 401) {
      setLink("lost");
      setTimeout(start, 2000);
    }
  }
}

// A machine that comes back, or has another model, may have other sensors.
async function renewFacts() {
  const sensors = () => JSON.stringify(page.facts.get(page.name)?.sensors);
  const before = sensors();
  await loadFacts();
  if (sensors() === before) return;
  page.name = "";
  choose();
}

function choose() {
  const asked = decodeURIComponent(location.hash.slice(1));
  const name = page.facts.has(asked) ? asked : [...page.facts.keys()][0];
  if (!name || name === page.name) return;
  Object.assign(page, { name, snapshot: null, alarms: [], alarm: null, ignored: [], announced: null, changes: undefined });
  parts.sensors.reset(page.facts.get(name).sensors);
  parts.strip.clear();
  parts.alarms.reset();
  past.reset(name, page.facts.get(name).sensors);
  connection.watch(api.livePath(name));
  render();
}

function take(snapshot) {
  if (snapshot.machine !== page.name) return;
  if (page.snapshot && page.snapshot.model !== snapshot.model) renewFacts();
  page.snapshot = snapshot;
  page.heard = serverNow();
  if (snapshot.alarm_changes !== page.changes) {
    page.changes = snapshot.alarm_changes;
    loadAlarms(snapshot.state === "alarm" ? RETRIES : 0);
  }
  parts.strip.add(snapshot, serverNow());
  past.add(snapshot);
  parts.sensors.take(snapshot, page);
  render();
}

function takeAll(list) {
  page.list = list;
  // Somebody may have chosen the machine before its sensors are known here.
  if (list.some((one) => !page.facts.has(one.name))) loadFacts().then(choose, () => {});
  parts.machines.show(list, page.name);
}

// The alarm may be shown before it is in the history: ask again then.
async function loadAlarms(retries) {
  const name = page.name;
  const found = await api.alarms(name).catch(() => null);
  if (name !== page.name) return;
  if (found) {
    page.alarms = found.alarms;
    page.ignored = found.ignored;
    page.alarm = found.alarms.find((one) => !known(one.ended)) ?? null;
    past.alarms = found.alarms;
  }
  if (retries && !page.alarm && page.snapshot?.state === "alarm") setTimeout(() => loadAlarms(retries - 1), RETRY_MS);
  render();
}

function setLink(link) {
  if (link === "live") page.heard = serverNow();
  if (link === page.link) return;
  page.link = link;
  render();
}

function render() {
  const now = readingNow();
  const shown = page.snapshot ? { ...page.snapshot, now: serverNow() } : null;
  const state = parts.verdict.show({ ...page, snapshot: shown, now });
  set($("link"), "data-link", page.link);
  say($("link"), page.link === "live" ? `Live · ${clock(serverNow())}` : page.link === "lost" ? "Connection lost" : "Connecting …");
  announce(state);
  age(state, shown);
  if (page.list) parts.machines.show(page.list, page.name);
  if (!shown) return;
  parts.strip.draw(serverNow());
  parts.alarms.show(page.alarms, now);
  parts.alarms.ignoring(page.alarms, page.ignored);
  parts.about.show(shown, page.facts.get(page.name), serverNow());
  past.tick(now);
}

// Values that are no longer current must not look as if they were.
function age(state, shown) {
  const isOld = state === "lost" || Boolean(shown?.stale);
  $("sensors-title").closest("section").classList.toggle("old", isOld);
  $("sensors-old").hidden = !isOld;
  if (isOld) say($("sensors-old"), `as of ${clock(shown?.last_reading)}`);
}

// Read out once: that an alarm started, with its sensors if they are known in time, and that it is over.
function announce(state) {
  document.title = `${{ alarm: "⚠ Alarm – ", stale: "No readings – ", down: "Not watched – ", lost: "No connection – " }[state] ?? ""}${page.name || "saelite"}`;
  if (state === page.announced && (state !== "alarm" || page.told === page.alarm?.id)) return;
  const before = page.announced;
  page.announced = state;
  if (state === "alarm") {
    page.told = page.alarm?.id;
    say($("urgent"), `Alarm on ${page.name}. ${page.alarm ? explained(page.alarm) : ""}`);
  } else {
    say($("urgent"), "");
    if (before) say($("polite"), $("answer").textContent);
  }
}

prepareLogin(start);
window.addEventListener("hashchange", choose);
setInterval(render, DRAW_MS);
// Marks are also made elsewhere: by MQTT, and on the command line.
setInterval(() => page.link === "live" && !document.hidden && loadAlarms(0), MARKS_MS);
start();
