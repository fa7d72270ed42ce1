// The bot's Home tab, beside the messages of the direct conversation with it.

import { api } from "./api.js";
import { block } from "./blocks.js";
import { h, patch } from "./dom.js";
import { partner, state } from "./state.js";

let tab = "messages"; // of the conversation with the bot
let surface = null; // {owner, values, errors, send}

const withBot = () => state.channel?.is_im && partner(state.channel).id === state.workspace.bot.user_id;

/** homeShown says whether the Home tab is in front. */
export const homeShown = () => Boolean(withBot() && tab === "home");

/** homeTabs draws the two tabs, and Home itself into body; changed() is called when another tab is in front. */
export function homeTabs(bar, body, changed) {
  bar.hidden = !withBot();
  body.hidden = !homeShown();
  const one = (name, text) =>
    h(
      "button.tab",
      {
        type: "button",
        role: "tab",
        "aria-selected": String(tab === name),
        "data-test": "tab-" + name,
        onclick: () => {
          tab = name;
          if (name === "home") api.home({ user: state.me.id, tab: "home" });
          changed();
        },
      },
      text,
    );
  patch(bar, [
    { key: "tabs", signature: tab, build: () => h("div.tabs", { role: "tablist" }, one("home", "Home"), one("messages", "Messages")) },
  ]);
  if (!homeShown()) return;
  const view = state.home;
  if (surface?.owner !== state.me.id) surface = { owner: state.me.id, values: {}, errors: {} };
  surface.send = async (action) => {
    const answer = await api.action({ user: state.me.id, view_id: view.id, values: {}, ...action });
    changed();
    return answer;
  };
  patch(
    body,
    view
      ? view.blocks.map((b) => ({ key: b.block_id, signature: JSON.stringify(b), build: () => h("div", block(b, surface)) }))
      : [{ key: "empty", signature: "", build: () => h("p.intro", "The app has not shown anything here yet.") }],
  );
}
