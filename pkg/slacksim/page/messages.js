// The messages of a channel or a thread.

import { block, collect, textOf } from "./blocks.js";
import { date, dayLabel, isoDay, time } from "./clock.js";
import { h, icon, patch } from "./dom.js";
import { hash, label, state, user } from "./state.js";

const GROUP_SECONDS = 300; // messages of one author closer than this share a heading, as in Slack

/** avatar is the person's or app's initial on its colour. */
export function avatar(u, size = "") {
  const node = h(
    "span.avatar" + (size && "." + size),
    { "aria-hidden": "true" },
    [...label(u)][0]?.toUpperCase() ?? "?",
  );
  node.style.background = /^[0-9a-f]{6}$/i.test(u.color ?? "") ? "#" + u.color : "#616061";
  return node;
}

export const badge = () => h("span.app-badge", "APP");

// A reply shows only inside its thread, unless it was also sent to the channel.
const isReply = (m) => m.thread_ts && m.thread_ts !== m.ts && m.subtype !== "thread_broadcast";
export const inChannel = (messages) => messages.filter((m) => !isReply(m));
export const inThread = (messages, ts) => messages.filter((m) => m.ts === ts || m.thread_ts === ts);

/**
 * show renders messages into container; send carries a click to the app. The red "New" line stands above the message
 * with the ts newFrom. replies(m) are the replies announced under m; without it the list is a thread: its first
 * message, and the rest below a line.
 */
export function show(container, messages, { intro, newFrom = "", replies, send }) {
  const { me } = state;
  const items = intro ? [{ key: "intro", signature: intro, build: () => h("p.intro", intro) }] : [];
  let day = "";
  let previous = null;
  for (const m of messages) {
    const messageDay = isoDay(date(m.ts), me.tz);
    if (!replies && m === messages[1]) {
      const text = counted(messages.length - 1);
      items.push({
        key: "replies",
        signature: text,
        build: () => h("div.day.thread-line", { role: "separator" }, h("span", text)),
      });
      previous = null;
    }
    if (replies && messageDay !== day) {
      const text = dayLabel(date(m.ts), me.tz);
      items.push({
        key: "day " + messageDay,
        signature: text,
        build: () => h("div.day", { role: "separator" }, h("span", text)),
      });
      previous = null;
    }
    day = messageDay;
    if (m.ts === newFrom) {
      items.push({
        key: "new",
        signature: m.ts,
        build: () => h("div.new-line", { role: "separator" }, h("span", "New")),
      });
      previous = null;
    }
    const grouped = continues(m, previous);
    const answers = replies?.(m);
    items.push({
      key: m.ts,
      signature: JSON.stringify([m, me.id, grouped, label(user(m.user)), answers]),
      build: () => row(m, { grouped, answers, send }),
    });
    previous = m;
  }
  patch(container, items);
}

const continues = (m, previous) =>
  previous?.user === m.user &&
  m.ts - previous.ts < GROUP_SECONDS &&
  ![m, previous].some((one) => one.ephemeral || one.subtype) &&
  !previous.reply_count;

function row(m, { grouped, answers, send }) {
  const author = user(m.user);
  const { me } = state;
  const sentAt = date(m.ts);
  const stamp = h(
    "time.stamp",
    { datetime: sentAt.toISOString(), title: `${dayLabel(sentAt, me.tz)} at ${time(sentAt, me.tz, true)}` },
    time(sentAt, me.tz),
  );
  const surface = {
    values: {},
    errors: {},
    send: (body) => send({ channel: m.channel, ts: m.ts, values: collect(m.blocks, surface).values, ...body }),
  };
  const classes = [
    ".message",
    grouped && ".grouped",
    m.ephemeral && ".ephemeral",
    /^(channel_|tombstone)/.test(m.subtype ?? "") && ".quiet",
  ];
  return h(
    "article" + classes.filter(Boolean).join(""),
    {
      "data-test": "message",
      "data-ts": m.ts,
      "data-user": m.user,
      "data-ephemeral": String(Boolean(m.ephemeral)),
      "aria-label": `${label(author)} at ${time(sentAt, me.tz)}`,
    },
    m.ephemeral && h("div.only-you", icon("eye"), "Only visible to you"),
    h("div.gutter", grouped ? stamp : avatar(author)),
    h(
      "div.content",
      !grouped && h("div.author", h("b", label(author)), m.bot && author.id !== "USLACKBOT" && badge(), stamp),
      m.blocks?.length ? m.blocks.map((b) => block(b, surface)) : textOf(m),
      answers?.length > 0 && threadLink(m, answers),
    ),
    !m.ephemeral &&
      answers &&
      h(
        "div.toolbar",
        h(
          "a",
          {
            href: hash(me.id, m.channel, m.ts),
            "aria-label": "Reply in thread",
            title: "Reply in thread",
            "data-test": "reply",
          },
          icon("thread"),
        ),
      ),
  );
}

const counted = (n) => (n === 1 ? "1 reply" : `${n} replies`);

function threadLink(m, answers) {
  const { me } = state;
  const last = date(answers.at(-1).ts);
  const authors = [...new Set(answers.map((a) => a.user))].slice(0, 5);
  return h(
    "a.thread-link",
    { href: hash(me.id, m.channel, m.ts), "data-test": "thread-link" },
    authors.map((id) => avatar(user(id), "small")),
    h("b", counted(answers.length)),
    h(
      "span",
      `Last reply ${dayLabel(last, me.tz).replace(/^(Today|Yesterday)$/, (day) => day.toLowerCase())} at ${time(last, me.tz)}`,
    ),
  );
}
