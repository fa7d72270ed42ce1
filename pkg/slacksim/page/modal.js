// The modal of the person in view. What was typed belongs to the view, so it survives field errors,
// views.update and a look through somebody else's eyes.

import { api } from "./api.js";
import { block, collect } from "./blocks.js";
import { h, icon, patch } from "./dom.js";
import { avatar } from "./messages.js";
import { plain } from "./mrkdwn.js";
import { openDialog, shutDialog, uid } from "./popup.js";
import { state, user } from "./state.js";

const surfaces = new Map(); // view id → {values, errors, …}
let open = null; // the modal on the screen, see create
let dismissed = ""; // the view the person just closed: not to reappear before the simulator knows

/** syncModal shows view (null for none) as the modal of `owner`. changed() is called after whatever may alter the views. */
export function syncModal(view, owner, changed) {
  if (view?.id === dismissed) return;
  dismissed = "";
  if (open && (open.view.id !== view?.id || open.owner !== owner)) hide();
  if (!view) return;
  if (!open) {
    create(view, owner, changed);
    draw();
    focusFirst();
    return;
  }
  open.view = view;
  draw();
}

function hide() {
  shutDialog(open.dialog);
  // The button that led here may have been redrawn meanwhile; then the composer is the next best place.
  const back =
    open.opener.isConnected && open.opener !== document.body
      ? open.opener
      : document.querySelector("[data-test=composer]");
  open = null;
  back?.focus({ preventScroll: true });
}

function create(view, owner, changed) {
  const surface = surfaces.get(view.id) ?? { values: structuredClone(view.state?.values ?? {}), errors: {} };
  surfaces.set(view.id, surface);
  surface.send = async (body) => {
    const { values } = collect(open.view.blocks, surface);
    const answer = await api.action({ user: owner, view_id: view.id, values, ...body });
    changed();
    return answer;
  };
  surface.onEnter = () => submit(changed);

  const title = uid("modal");
  const dismiss = () => close(changed);
  const body = h("div.modal-body");
  const banner = h("div.modal-banner", { role: "alert", "data-test": "modal-failure", hidden: true });
  const submitButton = h("button.button.primary", { type: "submit", "data-test": "modal-submit" });
  const closeButton = h("button.button", { type: "button", "data-test": "modal-close", onclick: dismiss });
  const form = h(
    "form",
    {
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        submit(changed);
      },
    },
    h(
      "header",
      avatar(user(state.workspace.bot.user_id), "medium"),
      h("h2", { id: title }),
      h(
        "button.icon-button",
        { type: "button", "aria-label": "Close", "data-test": "modal-x", onclick: dismiss },
        icon("close"),
      ),
    ),
    banner,
    body,
    h("footer", closeButton, submitButton),
  );
  const dialog = h("dialog.modal", { "aria-labelledby": title, "data-test": "modal", "data-view-id": view.id }, form);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(changed);
  });
  open = {
    view,
    owner,
    surface,
    dialog,
    body,
    banner,
    submitButton,
    closeButton,
    title: dialog.querySelector("h2"),
    opener: document.activeElement,
  };
  openDialog(dialog, dismiss);
}

function draw() {
  const { view, surface, body, submitButton, closeButton, title } = open;
  title.textContent = plain(view.title);
  closeButton.textContent = plain(view.close) || "Close";
  submitButton.textContent = plain(view.submit) || "Submit";
  // A view with inputs must name its submit button; one without may leave it out, and then has none.
  submitButton.hidden = !view.submit && !view.blocks.some((b) => b.type === "input");
  submitButton.disabled = Boolean(view.submit_disabled);
  const rows = view.blocks.map((b) => ({
    key: b.block_id,
    signature: JSON.stringify([b, surface.errors[b.block_id]]),
    build: () => h("div", block(b, surface)),
  }));
  // An error for a block that has no field to stand under goes on top.
  const fields = new Set(view.blocks.filter((b) => b.type === "input").map((b) => b.block_id));
  const loose = Object.entries(surface.errors).filter(([id]) => !fields.has(id));
  if (loose.length) {
    rows.unshift({
      key: "errors",
      signature: JSON.stringify(loose),
      build: () =>
        h(
          "div",
          loose.map(([id, text]) =>
            h(
              "div.field-error",
              { role: "alert", "data-test": "modal-error", "data-block-id": id },
              icon("warning"),
              text,
            ),
          ),
        ),
    });
  }
  patch(body, rows);
}

function focusFirst() {
  const { body, dialog } = open;
  const field =
    body.querySelector("[autofocus]") ??
    body.querySelector("input, textarea, select") ??
    dialog.querySelector("[data-test=modal-submit]:not([hidden]), [data-test=modal-close]");
  field?.focus();
  if (field?.matches("input.input, textarea")) field.setSelectionRange?.(field.value.length, field.value.length);
}

async function submit(changed) {
  const { view, owner, surface, submitButton, banner, dialog } = open;
  if (submitButton.getAttribute("aria-busy") || submitButton.disabled || submitButton.hidden) return;
  banner.hidden = true;
  const { values, errors } = collect(view.blocks, surface);
  surface.errors = errors;
  if (Object.keys(errors).length === 0) {
    submitButton.setAttribute("aria-busy", "true");
    let answer;
    try {
      answer = await api.submitView({ user: owner, view_id: view.id, values });
    } catch (error) {
      answer = { result: "failed", message: error.message };
    }
    submitButton.removeAttribute("aria-busy");
    if (open?.dialog !== dialog) return; // closed or replaced meanwhile
    if (answer.result === "closed") {
      dismissed = view.id;
      surfaces.delete(view.id);
      hide();
    } else if (answer.result === "errors") {
      surface.errors = answer.errors ?? {};
    } else if (answer.result === "failed") {
      banner.textContent = "We had some trouble connecting to the app. Your answers are still here: try again.";
      banner.title = answer.message ?? "";
      banner.hidden = false;
    }
    changed();
    if (!open) return;
  }
  draw();
  open.body.querySelector("[aria-invalid=true]")?.focus();
}

function close(changed) {
  const { view, owner } = open;
  dismissed = view.id;
  surfaces.delete(view.id);
  hide();
  api
    .closeView({ user: owner, view_id: view.id })
    .catch(() => {})
    .then(changed);
}
