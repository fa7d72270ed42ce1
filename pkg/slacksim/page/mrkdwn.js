// Slack's mrkdwn (https://docs.slack.dev/messaging/formatting-message-text) as DOM nodes.

import { date, slackDate, time, dayLabel } from "./clock.js";
import { h, link } from "./dom.js";
import { emojify } from "./emoji.js";
import { channel, label, state, user } from "./state.js";

/** mrkdwn renders text; plain renders a plain_text object, in which only emoji are special. */
export function mrkdwn(text) {
  // Odd pieces are the insides of ``` fences.
  return String(text ?? "")
    .split(/```\n?([\s\S]+?)```\n?/)
    .map((piece, i) => (i % 2 ? h("pre", raw(piece)) : lines(piece)));
}

export const plain = (object) => (object?.emoji === false ? object.text : emojify(object?.text ?? ""));

/** rich renders a text object of either type. Lines of plain_text break where its author broke them, too. */
export const rich = (object) => (object?.type === "mrkdwn" ? mrkdwn(object.text) : h("span.plain", plain(object)));

// lines gathers quoted lines (">") into block quotes; the rest stays inline, broken where the author broke it.
function lines(text) {
  const out = [];
  let quote = null;
  for (const [i, line] of text.split("\n").entries()) {
    const quoted = line.match(/^(?:&gt;|>) ?(.*)$/);
    if (quoted) {
      if (quote) quote.append(h("br"));
      else out.push((quote = h("blockquote")));
      quote.append(...inline(quoted[1]));
      continue;
    }
    if (i > 0 && !quote) out.push(h("br"));
    quote = null;
    out.push(...inline(line));
  }
  return out;
}

// A marker opens after a non-word character and closes before one; a <token> inside is one unit.
const span = (mark) =>
  `(?<![\\p{L}\\p{N}${mark}])${mark}(?=\\S)((?:<[^<>]*>|[^${mark}<])+?)(?<=\\S)${mark}(?![\\p{L}\\p{N}${mark}])`;
const token = new RegExp(["`([^`]+)`", "<([^<>]+)>", span("\\*"), span("_"), span("~")].join("|"), "gu");

function inline(text) {
  const out = [];
  let end = 0;
  for (const match of text.matchAll(token)) {
    const [all, code, control, bold, italic, strike] = match;
    if (match.index > end) out.push(emojify(unescape(text.slice(end, match.index))));
    end = match.index + all.length;
    if (code) out.push(h("code", raw(code)));
    else if (control) out.push(angle(control));
    else if (bold) out.push(h("b", inline(bold)));
    else if (italic) out.push(h("i", inline(italic)));
    else out.push(h("s", inline(strike)));
  }
  if (end < text.length) out.push(emojify(unescape(text.slice(end))));
  return out;
}

// raw is the inside of code, where links and mentions show as plain text.
const raw = (text) =>
  text.split(/<([^<>]+)>/).map((piece, i) => (i % 2 ? h("span", angle(piece)).textContent : unescape(piece)));
const unescape = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// angle renders what stood between < and >.
function angle(content) {
  const bar = content.indexOf("|");
  const [target, alt] = bar < 0 ? [content, ""] : [content.slice(0, bar), unescape(content.slice(bar + 1))];
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#"))
    return h("span.mention", "#" + (channel(target.slice(1))?.name ?? (alt || target.slice(1))));
  if (target.startsWith("!date^")) return dateToken(target.split("^"), alt);
  if (/^!(here|channel|everyone)$/.test(target)) return h("span.mention.mention-me", "@" + target.slice(1));
  if (target.startsWith("!")) return alt || target;
  return link(unescape(target), emojify(alt || unescape(target.replace(/^mailto:/, ""))));
}

function mention(id) {
  const u = user(id);
  const local = u.tz ? `${u.real_name || label(u)}, local time ${time(new Date(), u.tz)}` : null;
  return h(id === state.me.id ? "span.mention.mention-me" : "span.mention", { title: local }, "@" + label(u));
}

function dateToken([, seconds, template, url], fallback) {
  if (!/^\d+$/.test(seconds) || !template) return fallback;
  const d = date(seconds);
  const tz = state.me.tz;
  const text = slackDate(unescape(template), d, tz);
  const node = h("time", { datetime: d.toISOString(), title: `${dayLabel(d, tz)} at ${time(d, tz)}` }, text);
  return url ? link(url, node) : node;
}
