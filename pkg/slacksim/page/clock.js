// Times as Slack writes them, always in the viewer's zone and on a 24-hour clock.

const formats = new Map();

function format(tz, options) {
  const key = tz + JSON.stringify(options);
  if (!formats.has(key)) {
    try {
      formats.set(key, new Intl.DateTimeFormat("en-US", { timeZone: tz || undefined, ...options }));
    } catch {
      formats.set(key, new Intl.DateTimeFormat("en-US", { timeZone: "UTC", ...options })); // an unknown zone
    }
  }
  return formats.get(key);
}

const parts = (date, tz, options) =>
  Object.fromEntries(
    format(tz, options)
      .formatToParts(date)
      .map((part) => [part.type, part.value]),
  );

/** date of a message's ts or of Unix seconds. */
export const date = (seconds) => new Date(Number(seconds) * 1000);
export const time = (d, tz, seconds = false) =>
  format(tz, { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hourCycle: "h23" }).format(
    d,
  );

/** isoDay is the calendar day in tz, as 2026-02-18. */
export function isoDay(d, tz) {
  const p = parts(d, tz, { year: "numeric", month: "2-digit", day: "2-digit" });
  return `${p.year}-${p.month}-${p.day}`;
}

/** dayLabel is Today, Yesterday, Tomorrow or "Monday, November 23rd". */
export const dayLabel = (d, tz) => near(d, tz) ?? longDay(d, tz, { weekday: "long", month: "long" });

function near(d, tz) {
  const day = isoDay(d, tz);
  const around = [
    ["Yesterday", -1],
    ["Today", 0],
    ["Tomorrow", 1],
  ];
  return around.find(([, shift]) => isoDay(new Date(Date.now() + shift * 864e5), tz) === day)?.[0];
}

function longDay(d, tz, { weekday, month }) {
  const p = parts(d, tz, { year: "numeric", month, day: "numeric", weekday });
  const day = month === "long" ? ordinal(Number(p.day)) : p.day;
  // Slack leaves the year out within half a year.
  const year = Math.abs(Date.now() - d) < 182 * 864e5 ? "" : `, ${p.year}`;
  return `${weekday ? p.weekday + ", " : ""}${p.month} ${day}${year}`;
}

const rules = new Intl.PluralRules("en", { type: "ordinal" });
const ordinal = (n) => n + { one: "st", two: "nd", few: "rd", other: "th" }[rules.select(n)];

function ago(d) {
  const seconds = Math.round((d - Date.now()) / 1000);
  const [unit, size] = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ].find(([, s]) => Math.abs(seconds) >= s) ?? ["second", 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

/** slackDate fills the tokens of <!date^seconds^template|fallback>. */
export function slackDate(template, d, tz) {
  const long = () => longDay(d, tz, { weekday: "long", month: "long" });
  const plain = () => longDay(d, tz, { month: "long" });
  const short = () => longDay(d, tz, { month: "short" });
  const pretty = (otherwise) => near(d, tz)?.toLowerCase() ?? otherwise();
  const tokens = {
    date_num: () => isoDay(d, tz),
    date: plain,
    date_short: short,
    date_long: long,
    date_pretty: () => pretty(plain),
    date_short_pretty: () => pretty(short),
    date_long_pretty: () => pretty(long),
    time: () => time(d, tz),
    time_secs: () => time(d, tz, true),
    ago: () => ago(d),
  };
  return template.replace(/\{(\w+)\}/g, (token, name) => tokens[name]?.() ?? token);
}
