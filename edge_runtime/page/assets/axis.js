// Where the ticks of a chart stand, and what they say. Times are the reader's own.
import { date, minute, clock } from "./format.js";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
const DAY = 86400;

export function timeTicks(since, until, most) {
  const least = (until - since) / most;
  const step = STEPS.find((one) => one >= least) ?? DAY * Math.ceil(least / DAY);
  const shift = -60 * new Date(1000 * since).getTimezoneOffset();
  const ticks = [];
  for (let at = Math.ceil((since + shift) / step) * step; at - shift < until; at += step) {
    const time = at - shift;
    ticks.push([time, at % DAY === 0 ? date(time) : step < 60 ? clock(time) : minute(time)]);
  }
  return ticks;
}

// Linear where one can see everything; logarithmic where a peak would flatten the rest.
export function scoreScale(highest, threshold) {
  const most = Math.max(highest, 1.2 * threshold);
  if (most <= 4 * threshold) return linear(0, 1.06 * most, 4);
  const low = 0.1 * threshold, high = 1.3 * most, span = Math.log(high / low);
  const ticks = [];
  const between = high / low < 200 ? [1, 2, 5] : [1];
  for (let decade = low; decade <= high; decade *= 10) {
    ticks.push(...between.map((one) => one * decade).filter((at) => at <= high).map((at) => [at, tidy(at)]));
  }
  return { share: (value) => Math.max(0, Math.log(Math.max(value, low) / low) / span), ticks };
}

export function linear(low, high, most) {
  const span = high - low || 1;
  const step = roundStep(span / most);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + 1e-9 * span; at += step) ticks.push([at, tidy(at)]);
  return { share: (value) => (value - low) / span, ticks };
}

function roundStep(least) {
  const decade = 10 ** Math.floor(Math.log10(least));
  return decade * [1, 2, 2.5, 5, 10].find((one) => one * decade >= least * (1 - 1e-9));
}

const tidy = (value) => {
  const size = Math.abs(value);
  if (size >= 1e5 || (size > 0 && size < 1e-3)) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(6))).replace(/^-/, "\u2212");
};
