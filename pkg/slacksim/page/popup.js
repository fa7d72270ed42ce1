// What opens over the page: menus, confirm dialogs, the frame of a modal.

import { h } from "./dom.js";

/**
 * menu attaches a popup to button; items() is asked each time it opens: [{content, href, pick, selected, test, value}].
 * The popup sits beside its button, so it also works inside a modal, outside of which everything is inert.
 */
export function menu(button, name, items) {
  const list = h("div.menu", { role: "menu", popover: "auto", "aria-label": name });
  const entries = () => [...list.querySelectorAll("[role^=menuitem]")];
  button.popoverTargetElement = list;
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");

  list.addEventListener("beforetoggle", (event) => {
    const opening = event.newState === "open";
    button.setAttribute("aria-expanded", String(opening));
    if (!opening) return;
    list.replaceChildren(...items().map((item) => entry(item, () => list.hidePopover())));
    place(list, button.getBoundingClientRect());
  });
  list.addEventListener(
    "toggle",
    (event) => event.newState === "open" && (entries().find((e) => e.dataset.selected) ?? entries()[0])?.focus(),
  );
  list.addEventListener("keydown", (event) => {
    const all = entries();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length]?.focus();
  });
  return h("span.menu-anchor", button, list);
}

function entry({ content, href, pick, selected, test, value, note }, close) {
  if (note) return h("div.menu-note", { role: "none" }, content);
  const props = {
    role: "menuitem",
    href,
    type: href ? null : "button",
    "data-test": test,
    "data-value": value,
    "data-selected": selected,
    onclick: () => {
      close();
      pick?.();
    },
  };
  return h((href ? "a" : "button") + (selected ? ".menu-item.selected" : ".menu-item"), props, content);
}

// place puts the menu on the side of its anchor where the window has more room; it needs no size of its own.
function place(list, at) {
  const below = at.bottom < window.innerHeight * 0.6;
  const rightward = at.left < window.innerWidth * 0.6;
  list.style.top = below ? `${at.bottom + 4}px` : "auto";
  list.style.bottom = below ? "auto" : `${window.innerHeight - at.top + 4}px`;
  list.style.left = rightward ? `${at.left}px` : "auto";
  list.style.right = rightward ? "auto" : `${window.innerWidth - at.right}px`;
}

/** openDialog shows a modal <dialog>; onDismiss runs once when the person leaves it with Esc. */
export function openDialog(dialog, onDismiss) {
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    onDismiss();
  });
  document.body.append(dialog);
  dialog.showModal();
}

export function shutDialog(dialog) {
  dialog.close();
  dialog.remove();
}

let serial = 0;
export const uid = (prefix) => `${prefix}-${++serial}`;

/** confirm asks before an action, as its confirm object says; it resolves to whether the person agreed. */
export function confirm({ title, text, ok, deny, danger }) {
  return new Promise((resolve) => {
    const done = (agreed) => {
      shutDialog(dialog);
      resolve(agreed);
    };
    const heading = uid("confirm");
    const style = danger ? "button.button.danger" : "button.button.primary";
    const dialog = h(
      "dialog.confirm",
      { role: "alertdialog", "aria-labelledby": heading, "data-test": "confirm" },
      h("h2", { id: heading }, title),
      h("div.confirm-text", text),
      h(
        "footer",
        h("button.button", { type: "button", "data-test": "confirm-cancel", onclick: () => done(false) }, deny),
        h(style, { type: "button", "data-test": "confirm-ok", autofocus: true, onclick: () => done(true) }, ok),
      ),
    );
    openDialog(dialog, () => done(false));
  });
}
