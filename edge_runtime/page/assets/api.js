// What the page of machines asks of the server.
import { ask, post, query } from "./ask.js";

export const machines = () => ask("/api/machines");
export const alarms = (machine) => ask(query("/api/alarms", { machine }));
export const trend = (machine, since, until, points) => ask(query("/api/trend", { machine, since, until, points }));
export const sensors = (machine, sensor, since, until, points) =>
  ask(query("/api/sensors", { machine, sensor, since, until, points }));
export const mark = (content) => post("/api/mark", content);
export const livePath = (machine) => query("/api/live", { machine });
