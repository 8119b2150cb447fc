// What is said of sensors and alarms, in words.
import { duration, known, moment, number, percent, times, unit } from "./format.js";

export function sensorText(blamed) {
  const share = known(blamed.share) ? `${percent(blamed.share)} of the score` : "";
  return [valueOnly(blamed), share].filter(Boolean).join(" · ");
}

export const valueText = (blamed) => [blamed.sensor, valueOnly(blamed)].filter(Boolean).join(" ");

function valueOnly({ value, expected, deviation, unit: name }) {
  if (!known(value) || !known(expected) || !known(deviation)) return "";
  return `${number(value, deviation)}${unit(name)}, expected ${number(expected, deviation)} ± ${number(deviation, deviation)}`;
}

const KINDS = { false_alarm: "False alarm", real: "Real" };

export function kindOf(mark) {
  if (mark.kind !== "ignore") return KINDS[mark.kind] ?? mark.kind;
  return `Ignore ${mark.sensor ?? "the sensor"}${known(mark.until) ? ` until ${moment(mark.until)}` : ""}`;
}

export function saidOf(mark) {
  const who = mark.who ? ` – ${mark.who}` : "";
  return `${kindOf(mark)}${who}, ${moment(mark.at)}${mark.note ? `: “${mark.note}”` : ""}`;
}

export const verdictOf = (alarm) => alarm.marks.findLast((one) => one.kind !== "ignore")?.kind ?? "";

export function alarmTitle(alarm, now) {
  const start = moment(alarm.started);
  return known(alarm.ended) ? `${start}, for ${duration(alarm.ended - alarm.started)}` : `${start}, for ${duration(now - alarm.started)} so far`;
}

export const alarmPeak = (alarm) => `peak ${times(alarm.peak, alarm.threshold)} the threshold`;
export const alarmNames = (alarm) => alarm.blamed.map((one) => one.sensor).join(", ");
export const explained = (alarm) => alarm.blamed.map((one) => valueText(one)).join("; ");
