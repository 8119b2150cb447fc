// The answer: are all machines well, and if not, which ones are not.
import { $, make, say, set } from "./dom.js";
import { clock, count, known } from "./format.js";
import { sign, WORDS } from "./signs.js";

const MOST_NAMES = 5, MOST_SAID = 3;

export class Answer {
  constructor() {
    this.alarms = null;
  }

  show(fleet, link, heard) {
    const { state, title, because } = answerOf(fleet, link, heard);
    if (state !== this.state) $("sign").replaceChildren(sign(state));
    this.state = state;
    set($("verdict"), "data-state", state === "alarm" || state === "well" ? state : state === "starting" ? "starting" : "stale");
    say($("answer"), title);
    say($("because"), because);
    this.share(fleet, link);
    if (link === "live") this.announce(fleet);
  }

  // How many machines are in which state, as lengths.
  share(fleet, link) {
    const counts = fleet.counts(), bar = $("share-bar");
    bar.hidden = !counts.length;
    const key = JSON.stringify(counts);
    if (key === this.key) return;
    this.key = key;
    bar.setAttribute("aria-label", counts.map(([state, number]) => `${number} ${WORDS[state]}`).join(", "));
    bar.replaceChildren(...counts.map(([state, number]) => {
      const part = make("i", { "data-state": state });
      part.style.flexGrow = number;
      return part;
    }));
  }

  // Each new alarm is read out once, and the title counts them.
  announce(fleet) {
    const alarms = new Map([...fleet.machines.values()].filter((one) => one.state === "alarm").map((one) => [one.id, one]));
    document.title = `${alarms.size ? `⚠ ${alarms.size} alarm${alarms.size === 1 ? "" : "s"} – ` : ""}saelite fleet`;
    const fresh = [...alarms.values()].filter((one) => !this.alarms?.has(one.id));
    if (fresh.length) say($("urgent"), `Alarm on ${names(fresh, MOST_SAID)}.`);
    else if (!alarms.size) say($("urgent"), "");
    this.alarms = alarms;
  }
}

function answerOf(fleet, link, heard) {
  const then = known(heard) ? `Last heard at ${clock(heard)}; what is shown below is from then. ` : "";
  if (link === "lost") return { state: "lost", title: "No connection to saelite", because: `${then}Trying again.` };
  if (link === "away") return { state: "lost", title: "The broker cannot be reached", because: `${fleet.broker}: ${fleet.reason}. ${then}Trying again.` };
  if (link === "connecting") return { state: "starting", title: "Connecting", because: fleet.broker };
  const machines = [...fleet.machines.values()];
  if (!machines.length) return { state: "starting", title: "No machines so far", because: `Connected to ${fleet.broker}. Machines appear as soon as they publish under ${fleet.prefix}.` };
  const bad = machines.filter((one) => fleet.needsALook(one.state)).sort(fleet.order);
  return bad.length ? someBad(bad, machines.length) : noneBad(machines);
}

function someBad(bad, total) {
  const title = total === 1 ? `${bad[0].name} needs a look` : `${count(bad.length)} of ${count(total)} machines need${bad.length === 1 ? "s" : ""} a look`;
  return { state: bad[0].state, title, because: names(bad, MOST_NAMES) };
}

function noneBad(machines) {
  const well = machines.filter((one) => one.state === "well").length, total = machines.length;
  const rest = [["learning", "being learnt"], ["starting", "starting"]]
    .map(([state, words]) => [machines.filter((one) => one.state === state).length, words])
    .filter(([number]) => number).map(([number, words]) => `${count(number)} ${number === 1 ? "is" : "are"} ${words}`).join(", ");
  if (well === total) return { state: "well", title: total === 1 ? `${machines[0].name} is well` : `All ${count(total)} machines are well`, because: "" };
  return { state: well ? "well" : "learning", title: "No machine needs a look", because: `${count(well)} ${well === 1 ? "is" : "are"} well, ${rest}.` };
}

function names(machines, most) {
  const shown = machines.slice(0, most).map((one) => one.name), more = machines.length - shown.length;
  return shown.join(", ") + (more ? ` and ${count(more)} more` : "");
}
