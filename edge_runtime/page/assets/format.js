// Numbers, times and durations in words.
const DAY = 86400;
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MINUTE = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const THIN = "\u202f", MINUS = "\u2212";

export const known = (value) => typeof value === "number" && Number.isFinite(value);

// Two significant digits of the usual deviation, as in the alarms' own words.
export function decimals(deviation) {
  if (!known(deviation) || deviation <= 0) return null;
  return Math.min(Math.max(0, 1 - Math.floor(Math.log10(deviation))), 9);
}

export function number(value, deviation = null) {
  if (!known(value)) return "–";
  const places = decimals(deviation);
  const size = Math.abs(value);
  const text = places === null ? plain(value, size) : size >= 1e9 ? value.toExponential(2) : value.toFixed(places);
  return grouped(text).replace(/^-/, MINUS);
}

function plain(value, size) {
  if (size !== 0 && (size >= 1e6 || size < 1e-4)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

function grouped(text) {
  const [whole, part] = text.split(".");
  if (text.includes("e") || whole.replace("-", "").length < 5) return text;
  return whole.replace(/\B(?=(\d{3})+$)/g, THIN) + (part ? "." + part : "");
}

export const count = (value) => grouped(String(value));
export const unit = (name) => (name ? "\u00a0" + name : "");
export const score = (value) => (known(value) ? (value >= 100 ? count(Math.round(value)) : value.toFixed(2)) : "–");
export const percent = (share) => (share > 0 && share < 0.01 ? "<1" : Math.round(100 * share)) + THIN + "%";

// "3.4 times" is said of scores: the threshold is what they are measured by.
export const times = (value, threshold) => (known(value) && threshold ? score(value / threshold) + "\u00a0×" : "–");

const at = (seconds) => new Date(1000 * seconds);
const day = (seconds) => at(seconds).setHours(0, 0, 0, 0);

export function clock(seconds) {
  return known(seconds) ? CLOCK.format(at(seconds)) : "–";
}

export function date(seconds) {
  return (at(seconds).getFullYear() === new Date().getFullYear() ? DATE : YEAR).format(at(seconds));
}

export function moment(seconds, now = Date.now() / 1000) {
  if (!known(seconds)) return "–";
  const days = Math.round((day(now) - day(seconds)) / 1000 / DAY);
  const time = MINUTE.format(at(seconds));
  if (days === 0) return time;
  return `${days === 1 ? "yesterday" : date(seconds)} ${time}`;
}

export const minute = (seconds) => MINUTE.format(at(seconds));
export const stamp = (seconds) => `${date(seconds)} ${clock(seconds)}`;
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < DAY) return join(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return join(Math.floor(s / DAY), "d", Math.floor((s % DAY) / 3600), "h");
}

const join = (large, unit, small, smaller) => `${large} ${unit}` + (small ? ` ${small} ${smaller}` : "");
