// What the page knows: the workspace, who looks at it and where, and what this person has read.

export const state = {
  workspace: null,
  me: null, // the user whose eyes we look through
  channel: null,
  thread: "", // ts of the message whose replies are open
  home: null, // the view on the bot's Home tab, for `me`
  messages: new Map(), // channel id → messages, as far as `me` may see them
};

const SLACKBOT = { id: "USLACKBOT", name: "slackbot", display_name: "Slackbot", color: "4a154b", tz: "UTC" };

export function user(id) {
  if (id === SLACKBOT.id) return SLACKBOT;
  const known = state.workspace.users.find((u) => u.id === id);
  if (known) return known;
  const bot = state.workspace.bot;
  return bot.user_id === id ? { id, name: bot.name, is_bot: true } : { id, name: id || "unknown" };
}

export const label = (u) => u.display_name || u.real_name || u.name;
export const people = () => state.workspace.users.filter((u) => !u.is_bot && !u.deleted && u.id !== SLACKBOT.id);
export const channel = (id) => state.workspace.channels.find((c) => c.id === id);
export const myChannels = () => state.workspace.channels.filter((c) => c.members?.includes(state.me.id));
export const partner = (im) => user(im.members.find((id) => id !== state.me.id) ?? im.im_with);
export const hash = (userId, channelId, thread) => "#/" + [userId, channelId, thread].filter(Boolean).join("/");

/** commands lists what the composer offers: [{name, hint, by, builtin}]. */
export function commands() {
  const app = state.workspace.commands.map((c) => (typeof c === "string" ? { command: c } : c));
  return [
    ...app.map((c) => ({
      name: c.command,
      hint: c.usage_hint ?? hints[c.command] ?? "",
      by: state.workspace.bot.name,
    })),
    { name: "/invite", hint: "@someone", by: "Slack", builtin: true },
    { name: "/remove", hint: "@someone", by: "Slack", builtin: true },
  ];
}

// Used where the workspace announces a command without its usage hint.
const hints = { "/coffee": "[10:30 | in 20m | help] [place]" };

// Read marks and the first-visit line outlive a reload. Storage may be forbidden; then they do not.
export const storage = {
  get(key) {
    try {
      return JSON.parse(localStorage.getItem("slacksim." + key));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem("slacksim." + key, JSON.stringify(value));
    } catch {
      // see above
    }
  },
};

const readKey = () => `read.${state.workspace.team.id}.${state.me.id}`;

/** lastRead is the ts of the newest message of the channel that `me` has had on the screen, "" for none. */
const lastRead = (channelId) => storage.get(readKey())?.[channelId] ?? "";

export function markRead(channelId) {
  const newest = (state.messages.get(channelId) ?? []).at(-1)?.ts;
  if (newest && newest !== lastRead(channelId))
    storage.set(readKey(), { ...storage.get(readKey()), [channelId]: newest });
}

function freshMessages(ch) {
  const since = lastRead(ch.id);
  return (state.messages.get(ch.id) ?? []).filter((m) => m.ts > since && !m.ephemeral && m.user !== state.me.id);
}

/** firstUnread is the ts of the first unread message, "" for none and where nothing was read before. */
export const firstUnread = (ch) => (lastRead(ch.id) && freshMessages(ch)[0]?.ts) || "";

/** unread counts what makes a channel bold, and what earns a red badge: direct messages and mentions of `me`. */
export function unread(ch) {
  const fresh = freshMessages(ch);
  const mine = fresh.filter((m) => ch.is_im || mentions(m, state.me.id));
  return { bold: fresh.length > 0, badge: mine.length };
}

const mentions = (m, userId) => (m.text + JSON.stringify(m.blocks ?? "")).includes(`<@${userId}`);
