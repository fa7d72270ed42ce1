// The left column: who I am, my channels and direct messages; and the head of the channel in view.

import { time } from "./clock.js";
import { h, icon, patch } from "./dom.js";
import { avatar, badge } from "./messages.js";
import { menu } from "./popup.js";
import { hash, label, myChannels, partner, people, state, unread, user } from "./state.js";

/** personSwitcher shows whose eyes the page looks through. Its items are links, so a person also opens in a tab of their own. */
export function personSwitcher(container) {
  const { me } = state;
  patch(container, [
    {
      key: "person",
      signature: JSON.stringify(me),
      build: () => {
        const button = h(
          "button.person",
          { type: "button", "data-test": "person-switcher" },
          avatar(me, "medium"),
          h("span.person-name", "You are ", h("b", label(me))),
          icon("chevron"),
        );
        return h("div", menu(button, "Switch person", persons));
      },
    },
  ]);
}

function persons() {
  const items = people().map((u) => ({
    href: hash(u.id, counterpart(u)),
    selected: u.id === state.me.id,
    test: "person-" + u.id,
    content: [
      avatar(u, "medium"),
      h(
        "span.menu-text",
        h("b", label(u)),
        h("small", `${place(u.tz)}, ${time(new Date(), u.tz)}${u.is_admin ? " · workspace admin" : ""}`),
      ),
      u.id === state.me.id && icon("check"),
    ],
  }));
  return [
    ...items,
    { note: true, content: "Ctrl- or ⌘-click opens a person in another tab, so two can play side by side." },
  ];
}

const place = (tz) => (tz ?? "UTC").split("/").at(-1).replaceAll("_", " ");

// Switching person stays in the channel; a direct message becomes that person's own with the same partner.
function counterpart(u) {
  const { channel } = state;
  if (!channel?.is_im) return channel?.id;
  const other = partner(channel).id;
  return state.workspace.channels.find((c) => c.is_im && c.members.includes(u.id) && c.members.includes(other))?.id;
}

export function channelList(container) {
  const mine = myChannels();
  const rooms = mine.filter((c) => !c.is_im);
  const ims = mine.filter((c) => c.is_im);
  const group = (title, list) => (list.length ? [heading(title), ...list.map(entry)] : []);
  patch(container, [
    ...group("Channels", rooms),
    ...group(
      "Direct messages",
      ims.filter((c) => !partner(c).is_bot),
    ),
    ...group(
      "Apps",
      ims.filter((c) => partner(c).is_bot),
    ),
  ]);
}

const heading = (title) => ({ key: title, signature: title, build: () => h("h2.group", title) });

function entry(c) {
  const active = c.id === state.channel?.id;
  const { bold, badge: count } = active ? { bold: false, badge: 0 } : unread(c);
  const name = channelName(c);
  return {
    key: c.id,
    signature: JSON.stringify([state.me.id, name, active, bold, count]),
    build: () =>
      h(
        "a.channel-link" + (active ? ".active" : "") + (bold ? ".unread" : ""),
        {
          href: hash(state.me.id, c.id),
          "data-test": "channel-" + c.id,
          "aria-current": active ? "page" : null,
          "aria-label": `${name}${bold ? ", unread" : ""}${count ? `, ${count} for you` : ""}`,
        },
        c.is_im ? avatar(partner(c), "small") : icon(c.is_private ? "lock" : "hash"),
        h("span.channel-name", name),
        count > 0 && h("span.count", count),
      ),
  };
}

export const channelName = (c) => (c.is_im ? label(partner(c)) : c.name);

/** channelHeader names the channel; its member list is also where somebody, or the app, is added. */
export function channelHeader(container, { onMember }) {
  const c = state.channel;
  patch(container, [
    {
      key: c.id,
      signature: JSON.stringify([c, state.me.id]),
      build: () => {
        const title = c.is_im
          ? [avatar(partner(c), "small"), label(partner(c)), partner(c).is_bot && badge()]
          : [icon(c.is_private ? "lock" : "hash"), c.name];
        const button = h(
          "button.members",
          { type: "button", "aria-label": `${c.members.length} members`, "data-test": "members" },
          icon("people"),
          c.members.length,
        );
        return h(
          "div.pane-title",
          h("h2", { id: "channel-title" }, title),
          !c.is_im && menu(button, "Members", () => members(c, onMember)),
        );
      },
    },
  ]);
}

function members(c, onMember) {
  const everyone = [...people(), user(state.workspace.bot.user_id)];
  const line = (u, inside) => [
    avatar(u, "medium"),
    h("span.menu-text", h("b", label(u), " ", u.is_bot && badge())),
    h("span.menu-action", inside ? "" : "Add"),
  ];
  return [
    ...everyone
      .filter((u) => c.members.includes(u.id))
      .map((u) => ({ note: true, content: h("span.member", line(u, true)) })),
    ...everyone
      .filter((u) => !c.members.includes(u.id))
      .map((u) => ({ content: line(u, false), test: "add-" + u.id, pick: () => onMember(u, true) })),
  ];
}
