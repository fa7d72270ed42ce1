// The page: where we are (the address), what we know (state.js), and keeping both on the screen.

import { Unreachable, api, stream } from "./api.js";
import { composer, named } from "./composer.js";
import { h, icon, patch } from "./dom.js";
import { homeShown, homeTabs } from "./home.js";
import { inChannel, inThread, show } from "./messages.js";
import { syncModal } from "./modal.js";
import { channelHeader, channelList, channelName, personSwitcher } from "./sidebar.js";
import {
  channel,
  commands,
  firstUnread,
  hash,
  label,
  markRead,
  myChannels,
  partner,
  people,
  state,
  storage,
  unread,
  user,
} from "./state.js";
import { tracesControl } from "./traces.js";
import { troubleControl } from "./trouble.js";

const $ = (id) => document.getElementById(id);
let disconnect = () => {};
let newFrom = null; // ts of the message below the red "New" line, "" for none, null until the messages are there

// ---- keeping in step with the simulator

/** once joins calls that come while load is running into one more run after it; all wait for the last. */
function once(load) {
  let running = null;
  let wanted = false;
  return () => {
    wanted = true;
    running ??= (async () => {
      while (wanted) {
        wanted = false;
        try {
          await load();
          offline(false);
        } catch (error) {
          if (error instanceof Unreachable) offline(true);
          else console.error(error);
        }
      }
      running = null;
    })();
    return running;
  };
}

const loadWorkspace = once(async () => (state.workspace = await api.workspace()));

const loaders = new Map(); // channel id → its loader
function loadMessages(id) {
  if (!loaders.has(id)) {
    loaders.set(
      id,
      once(async () => {
        const { me } = state;
        const messages = await api.messages(me.id, id);
        if (me.id !== state.me.id) return; // the answer is for somebody else's eyes
        state.messages.set(id, messages);
        draw();
      }),
    );
  }
  return loaders.get(id)();
}

const loadViews = once(async () => {
  const { me } = state;
  const { modal, home } = await api.views(me.id);
  if (me.id !== state.me.id) return;
  state.home = home ?? null;
  syncModal(modal ?? null, me.id, loadViews);
  drawHome();
});

async function loadAll() {
  await loadWorkspace();
  route();
  await Promise.all([loadViews(), ...myChannels().map((c) => loadMessages(c.id))]);
}

async function onHint({ kind, channel: id }) {
  if (kind === "view" || kind === "home") return loadViews();
  if (kind === "workspace" || kind === "channel" || (id && !channel(id))) return loadAll();
  if (id && channel(id).members.includes(state.me.id)) return loadMessages(id);
}

function connect() {
  disconnect();
  disconnect = stream(state.me.id, {
    onHint,
    onOpen: () => {
      offline(false);
      loadAll();
    },
    onLost: () => offline(true),
  });
}

function offline(lost) {
  $("offline").hidden = !lost;
  if (lost)
    $("offline").textContent =
      "The simulator is not answering. Is it still running? Trying again every second; what you typed stays here.";
}

// A hidden tab gives its connection back, for browsers allow only six per server and each person may have a tab.
document.addEventListener("visibilitychange", () => {
  if (!state.me) return;
  if (document.hidden) disconnect();
  else connect();
});

// ---- where we are

/** route reads "#/U0ANA/C0COFFEE" (and a thread's ts) and completes what is missing. */
function route() {
  const [, userId, channelId, thread = ""] = location.hash.split("/");
  const me = people().find((u) => u.id === userId) ?? state.me ?? people()[0];
  const switched = state.me?.id !== me.id;
  state.me = me;
  const mine = myChannels();
  const home = mine.find((c) => c.members.includes(state.workspace.bot.user_id)) ?? mine[0];
  const target = mine.find((c) => c.id === channelId) ?? home;
  const moved = switched || state.channel?.id !== target?.id;
  const opened = thread && thread !== state.thread;
  state.channel = target;
  state.thread = thread;
  const wanted = hash(me.id, target?.id, thread);
  if (location.hash !== wanted) history.replaceState(null, "", wanted);

  if (switched) {
    state.messages.clear();
    syncModal(null, me.id, loadViews);
    state.home = null;
    for (const id of ["messages", "thread-messages"]) $(id).replaceChildren();
  }
  if (moved) {
    newFrom = null;
    stuck = true;
  }
  draw();
  if (opened) threadComposer.focus();
  else if (moved) mainComposer.focus();
  return switched;
}

window.addEventListener("hashchange", () => {
  // The stream's first event fetches everything for the new person.
  if (route()) connect();
});

// ---- on the screen

function draw() {
  if (!state.channel) return;
  const { channel: here, me, workspace } = state;
  const messages = state.messages.get(here.id);
  if (messages) {
    newFrom ??= firstUnread(here);
    if (!document.hidden) markRead(here.id);
  }
  $("team").textContent = workspace.team.name;
  personSwitcher($("person"));
  channelList($("channels"));
  channelHeader($("channel-header"), {
    onMember: (u, joining) => api.member({ channel: here.id, user: u.id, in: joining }).then(loadAll),
  });

  drawHome();
  if (messages) {
    const replies = (m) => (m.reply_count ? inThread(messages, m.ts).filter((r) => r.ts !== m.ts && !r.ephemeral) : []);
    show($("messages"), inChannel(messages), { intro: intro(here), newFrom, replies, send });
  }
  mainComposer.show(`${me.id}/${here.id}`, here.is_im ? `Message ${label(partner(here))}` : `Message #${here.name}`);
  drawThread(messages ?? []);
  drawHint();
  scroll();

  const elsewhere = myChannels().reduce((n, c) => n + (c.id === here.id ? 0 : unread(c).badge), 0);
  document.title = `${elsewhere ? `(${elsewhere}) ` : ""}${channelName(here)} · ${label(me)} · ${workspace.team.name}`;
}

function drawHome() {
  if (!state.channel) return;
  homeTabs($("tabs"), $("home"), () => {
    drawHome();
    loadViews();
  });
  for (const id of ["messages", "composer"]) $(id).hidden = homeShown();
}

const intro = (c) =>
  c.is_im
    ? `This is the very beginning of your direct message history with ${label(partner(c))}.`
    : `This is the very beginning of the ${c.is_private ? "" : "#"}${c.name} channel.`;

function drawThread(messages) {
  const { thread, me, channel: here } = state;
  const list = inThread(messages, thread);
  $("app").classList.toggle("with-thread", Boolean(thread));
  $("thread").hidden = !thread;
  if (!thread) return;
  patch($("thread-header"), [
    {
      key: here.id,
      signature: me.id,
      build: () =>
        h(
          "div.pane-title",
          h("h2", "Thread", h("small", channelName(here))),
          h(
            "a.icon-button",
            { href: hash(me.id, here.id), "aria-label": "Close thread", "data-test": "thread-close" },
            icon("close"),
          ),
        ),
    },
  ]);
  show($("thread-messages"), list, { send });
  $("thread-messages").scrollTop = $("thread-messages").scrollHeight;
  threadComposer.show(`${me.id}/${here.id}/${thread}`, "Reply…");
}

// One quiet line until this browser has sent its first command.
function drawHint() {
  const first = commands()[0];
  $("hint").hidden =
    Boolean(storage.get("started")) ||
    !first ||
    first.builtin ||
    !state.channel.members.includes(state.workspace.bot.user_id);
  if ($("hint").hidden || $("hint").childElementCount) return;
  $("hint").append(
    "Type ",
    h("button.code-button", { type: "button", onclick: () => mainComposer.fill(first.name + " ") }, first.name),
    " to start",
  );
}

// The list follows the newest message unless the reader has scrolled up. Only moving up says so: content that
// grows or a window that shrinks also leaves the end out of sight.
let stuck = true;
let lastTop = 0;
function scroll() {
  const list = $("messages");
  if (stuck) list.scrollTop = list.scrollHeight;
  $("latest").hidden = stuck || list.scrollHeight - list.scrollTop - list.clientHeight < 200;
}
$("messages").addEventListener("scroll", () => {
  const list = $("messages");
  const nearEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  if (nearEnd) stuck = true;
  else if (list.scrollTop < lastTop) stuck = false;
  lastTop = list.scrollTop;
  if (stuck) $("latest").hidden = true;
});
$("latest").addEventListener("click", () => {
  stuck = true;
  scroll();
});
new ResizeObserver(scroll).observe($("messages"));
$("messages").addEventListener("load", scroll, true); // an image that came later

// ---- what people do

async function send(body) {
  const answer = await api.action({ user: state.me.id, ...body });
  loadViews(); // a click often opens a modal
  return answer;
}

async function post(text, thread) {
  const here = state.channel;
  stuck = true;
  if (text.startsWith("/"))
    return thread ? `${text.split(/\s/, 1)[0]} is not supported in threads. Sorry!` : command(text, here);
  newFrom = "";
  await api.message({ user: state.me.id, channel: here.id, text, thread_ts: thread || undefined });
  await loadMessages(here.id);
  return "";
}

async function command(text, here) {
  const name = text.split(/\s/, 1)[0];
  if (commands().some((c) => c.builtin && c.name === name)) return invite(name, text.slice(name.length).trim(), here);
  await api.command({ user: state.me.id, channel: here.id, text });
  storage.set("started", true);
  drawHint();
  await Promise.all([loadMessages(here.id), loadViews()]);
  return "";
}

async function invite(name, who, here) {
  const u = named(who);
  const example = `${name} @${label(user(state.workspace.bot.user_id))}`;
  if (!u) return who ? `Nobody here is called ${who}. Try ${example}.` : `Who? Try ${example}.`;
  await api.member({ channel: here.id, user: u.id, in: name === "/invite" });
  await loadAll();
  return "";
}

const mainComposer = composer($("composer"), { test: "composer", send: (text) => post(text, "") });
const threadComposer = composer($("thread-composer"), {
  test: "thread-composer",
  thread: true,
  send: (text) => post(text, state.thread),
});

document.addEventListener("keydown", (event) => {
  if (
    event.key === "Escape" &&
    state.thread &&
    !event.defaultPrevented &&
    !document.querySelector("dialog[open], :popover-open")
  )
    location.hash = hash(state.me.id, state.channel.id);
});

async function start() {
  await loadWorkspace();
  if (!state.workspace) return setTimeout(start, 1000);
  $("app").hidden = false;
  troubleControl($("trouble"));
  tracesControl($("traces-toggle"), $("traces"), $("app"));
  route();
  connect();
}
start();
