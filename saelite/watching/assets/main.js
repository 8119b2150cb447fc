// Puts the page of a fleet together: what comes from the stream goes to its parts.
import { $, say, set } from "./dom.js";
import { clock, count } from "./format.js";
import { ask } from "./ask.js";
import { Answer } from "./answer.js";
import { Connection } from "./connection.js";
import { Filter } from "./filter.js";
import { Fleet } from "./fleet.js";
import { Table } from "./table.js";
import { prepareLogin } from "./login.js";

const RETRY_MS = 2000, DRAW_MS = 1000;
const page = { link: "connecting", heard: null };
const fleet = new Fleet(), answer = new Answer();
const filter = new Filter(() => table.arrange()), table = new Table(fleet, filter);
const connection = new Connection({ fleet: take, link: setLink });

async function start() {
  try {
    $("log-out").hidden = (await ask("/api/access")).open;
    $("main").hidden = false;
    connection.watch("/api/fleet");
    render();
  } catch (error) {
    if (error.status === 401) return;
    setLink("lost");
    setTimeout(start, RETRY_MS);
  }
}

function take(news) {
  const changed = fleet.take(news);
  if (news.link === "connected") page.heard = fleet.now();
  table.take(changed);
  render();
}

function setLink(link) {
  if (link === page.link) return;
  page.link = link;
  render();
}

// `lost` is this page's own connection, `away` that of saelite to the broker.
function linkOf() {
  if (page.link !== "live") return page.link;
  return { lost: "away", connecting: "connecting" }[fleet.link] ?? "live";
}

function render() {
  const link = linkOf(), isLost = link === "lost" || link === "away";
  set($("link"), "data-link", isLost ? "lost" : link);
  say($("link"), { live: `Live · ${clock(fleet.now())}`, lost: "Connection lost", away: "No broker" }[link] ?? "Connecting …");
  say($("broker"), fleet.broker);
  $("list").hidden = !fleet.machines.size;
  set($("list"), "data-old", isLost);
  answer.show(fleet, link, page.heard);
  filter.show(fleet.counts(), fleet.machines.size);
  const note = fleet.refused ? `Only ${count(fleet.machines.size)} machines are shown; there are more. Watch a narrower prefix.` : "";
  say($("note"), note);
  $("note").hidden = !note;
}

prepareLogin(start);
setInterval(() => {
  table.age();
  render();
}, DRAW_MS);
start();
