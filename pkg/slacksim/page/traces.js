// What the app did, on a page of its own beside the messages, where the simulator was given one.

import { h } from "./dom.js";
import { state, storage } from "./state.js";

/** tracesControl opens and closes that page; whether it is open outlives a reload. */
export function tracesControl(container, aside, app) {
  const url = state.workspace.traces_url;
  if (!url) return;
  const button = h(
    "button.tool",
    { type: "button", "data-test": "traces-toggle", "aria-controls": aside.id, onclick: () => show(aside.hidden) },
    "What happened",
  );
  const show = (open) => {
    storage.set("traces", open);
    aside.hidden = !open;
    aside.replaceChildren(...(open ? [h("iframe.traces", { src: url, title: "What happened" })] : []));
    app.classList.toggle("with-traces", open);
    button.setAttribute("aria-expanded", String(open));
  };
  container.append(button);
  container.hidden = false;
  show(Boolean(storage.get("traces")));
}
