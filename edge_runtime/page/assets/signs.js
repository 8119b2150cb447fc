// Signs of the states: their shapes differ, so that nobody needs the colours.
import { draw } from "./dom.js";

const PATHS = {
  well: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M8 12.5l2.8 2.8L16.5 9.5"],
  alarm: ["M12 3.2 22 20.5H2z", "M12 9.5v5", "M12 17.6v.1"],
  down: ["M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z", "M8 12h8"],
  offline: ["M12 3.2v8.3", "M6.8 6.6a8 8 0 1 0 10.4 0"],
  drifting: ["M2.5 8.5c3.2-4 6.3-4 9.5 0s6.3 4 9.5 0", "M2.5 15.5c3.2-4 6.3-4 9.5 0s6.3 4 9.5 0"],
  stale: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7v5.2l3.4 2"],
  starting: ["M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M5.6 18.4l2.1-2.1M16.3 7.7l2.1-2.1"],
  learning: ["M7 3h10M7 21h10M8 3v3.5l8 11V21M16 3v3.5l-8 11V21"],
  lost: ["M4 4l16 16", "M8.5 15.5a5 5 0 0 1 5-1.4M5 12a10 10 0 0 1 3-2M12 9a10 10 0 0 1 7 3M12 19v.1"],
  false_alarm: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M8.5 8.5l7 7M15.5 8.5l-7 7"],
  real: ["M12 3.2 22 20.5H2z", "M8.6 15.2l2.4 2.4 4.6-5"],
  ended: ["M12 3.2 22 20.5H2z"],
};

export function sign(state) {
  const paths = (PATHS[state] ?? PATHS.starting).map((d) => draw("path", { d }));
  return draw("svg", { viewBox: "0 0 24 24", class: `state-${STATES[state] ?? state}`, "aria-hidden": "true" }, ...paths);
}

const STATES = { lost: "stale", down: "stale", offline: "stale", drifting: "stale", false_alarm: "starting", real: "alarm", ended: "starting" };
export const WORDS = { well: "well", alarm: "alarm", stale: "no readings", offline: "offline", drifting: "drifting", down: "not watched", starting: "starting", learning: "learning", lost: "no connection" };
