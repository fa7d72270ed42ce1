// Block Kit (https://docs.slack.dev/reference/block-kit) in a message or a view. The surface it is shown on says
// what a click does: {values, errors, send(body) → {error}, onEnter?()}.

import { h, icon, link } from "./dom.js";
import { complaint, control, initial } from "./inputs.js";
import { mrkdwn, plain, rich } from "./mrkdwn.js";
import { confirm, menu, uid } from "./popup.js";

/** block renders one block. */
export function block(b, surface) {
  switch (b.type) {
    case "header":
      return h("h3.block.block-header", plain(b.text));
    case "divider":
      return h("hr.block");
    case "section":
      return section(b, surface);
    case "context":
      return h(
        "div.block.block-context",
        b.elements.map((e) => (e.type === "image" ? image(e) : h("span", rich(e)))),
      );
    case "actions":
      return h(
        "div.block.block-actions",
        b.elements.map((e) => element(e, b, surface)),
      );
    case "image":
      return h("figure.block.block-image", b.title && h("figcaption", plain(b.title)), image(b));
    case "input":
      return input(b, surface);
    default:
      return h("div.block.unknown", `This content can't be displayed here (${b.type}).`);
  }
}

function section(b, surface) {
  return h(
    "div.block.block-section",
    h(
      "div.section-body",
      b.text && h("div", rich(b.text)),
      b.fields &&
        h(
          "div.fields",
          b.fields.map((f) => h("div", rich(f))),
        ),
    ),
    b.accessory && h("div.accessory", element(b.accessory, b, surface)),
  );
}

// An image that does not load shows its alt text, as in Slack.
const image = (e) =>
  h("img", { src: e.image_url, alt: e.alt_text ?? "", title: e.alt_text, referrerpolicy: "no-referrer" });

function element(e, b, surface) {
  switch (e.type) {
    case "button":
      return button(e, b, surface);
    case "overflow":
      return overflow(e, b, surface);
    case "image":
      return image(e);
    default:
      return initial(e) ? actionInput(e, b, surface) : h("span.unknown", `[${e.type}]`);
  }
}

const hooks = (e) => ({ "data-test": "action", "data-action-id": e.action_id });

function button(e, b, surface) {
  const style = e.style === "primary" || e.style === "danger" ? "." + e.style : "";
  const node = h(
    "button.button.small" + style,
    { type: "button", "aria-label": e.accessibility_label, ...hooks(e) },
    h("span.button-text", plain(e.text)),
  );
  node.addEventListener("click", () => {
    if (e.url) link(e.url).click();
    act(node, e, b, surface, { value: e.value });
  });
  return h("span.element", node);
}

function overflow(e, b, surface) {
  const node = h(
    "button.button.small.overflow",
    { type: "button", "aria-label": "More actions", ...hooks(e) },
    icon("more"),
  );
  const items = () =>
    e.options.map((o) => ({
      content: [plain(o.text), o.description && h("small", plain(o.description))],
      test: "option",
      value: o.value,
      pick: () => {
        if (o.url) link(o.url).click();
        act(node, e, b, surface, { selected_option: o });
      },
    }));
  return h("span.element", menu(node, "More actions", items));
}

// actionInput is an input outside an input block: choosing something is an action at once.
function actionInput(e, b, surface) {
  let taken = stateOf(e, b, surface);
  const holder = h("span.element");
  const show = (state) =>
    holder.replaceChildren(
      control(
        e,
        state,
        { id: uid("action"), "aria-label": plain(e.placeholder) || e.action_id, ...hooks(e) },
        async (next) => {
          keep(next, e, b, surface);
          const { type, ...chosen } = next;
          const outcome = await act(holder.querySelector("[data-action-id]"), e, b, surface, chosen);
          if (outcome === "declined") show(keep(taken, e, b, surface));
          else taken = next;
        },
      ),
    );
  show(taken);
  return holder;
}

/** stateOf is what the person has entered so far, or the element's initial value. */
export const stateOf = (e, b, surface) => {
  const kept = surface.values[b.block_id]?.[e.action_id];
  return kept?.type === e.type ? kept : initial(e);
};

function keep(value, e, b, surface) {
  (surface.values[b.block_id] ??= {})[e.action_id] = value;
  return value;
}

const PENDING_MS = 200; // the least time a click shows as pending: shorter is a flicker

/**
 * act asks for confirmation where the element wants it, sends the action and shows how it went beside the control:
 * a pending state while it runs, Slack's small warning mark when the app did not take it.
 */
async function act(node, e, b, surface, chosen) {
  if (node.getAttribute("aria-busy")) return;
  const { confirm: c } = e;
  const agreed =
    !c ||
    (await confirm({
      title: plain(c.title),
      text: rich(c.text),
      ok: plain(c.confirm) || "Yes",
      deny: plain(c.deny) || "Cancel",
      danger: c.style === "danger",
    }));
  if (!agreed) return "declined";
  const holder = node.closest(".element") ?? node.parentElement;
  holder.querySelector(".warning")?.remove();
  node.setAttribute("aria-busy", "true");
  let error;
  try {
    const sending = surface.send({ block_id: b.block_id, action_id: e.action_id, ...chosen });
    [{ error }] = await Promise.all([sending, new Promise((seen) => setTimeout(seen, PENDING_MS))]);
  } catch (failure) {
    error = failure.message;
  }
  node.removeAttribute("aria-busy");
  if (error) holder.append(warning(error));
}

const warning = (error) => {
  const text = `This app didn't respond properly: ${error}`;
  return h(
    "span.warning",
    { role: "alert", title: text, "data-test": "action-error" },
    icon("warning"),
    h("span.sr-only", text),
  );
};

function input(b, surface) {
  const id = uid("input");
  const e = b.element;
  const error = surface.errors[b.block_id];
  const attributes = {
    id,
    "aria-labelledby": id + "-label",
    "data-test": "modal-input",
    "data-block-id": b.block_id,
    "aria-required": !b.optional,
    "aria-invalid": error ? "true" : null,
    "aria-describedby": [error && id + "-error", b.hint && id + "-hint"].filter(Boolean).join(" ") || null,
    autofocus: e.focus_on_load,
  };
  const edited = (state, { dispatch, event }) => {
    keep(state, e, b, surface);
    const wanted = e.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
    if (dispatch === "on_enter_pressed") event.preventDefault();
    if (b.dispatch_action && (!dispatch || wanted.includes(dispatch)))
      later(dispatch === "on_character_entered" ? 400 : 0, e, b, surface, state);
    else if (dispatch === "on_enter_pressed") surface.onEnter?.();
  };
  return h(
    error ? "div.block.block-input.invalid" : "div.block.block-input",
    h(
      "label.input-label",
      { for: id, id: id + "-label" },
      plain(b.label),
      b.optional && h("span.optional", " (optional)"),
    ),
    control(e, stateOf(e, b, surface), attributes, edited) ?? h("div.unknown", `[${e.type}]`),
    error &&
      h(
        "div.field-error",
        { id: id + "-error", role: "alert", "data-test": "modal-error", "data-block-id": b.block_id },
        icon("warning"),
        error,
      ),
    b.hint && h("div.input-hint", { id: id + "-hint" }, plain(b.hint)),
  );
}

// later sends what is being typed once the person pauses, as Slack does for on_character_entered.
let typing;
function later(delay, e, b, surface, { type, ...value }) {
  clearTimeout(typing);
  typing = setTimeout(
    () => surface.send({ block_id: b.block_id, action_id: e.action_id, ...value }).catch(() => {}),
    delay,
  );
}

/** collect reads the state of every input of a view, and what Slack's client itself refuses, by block id. */
export function collect(blocks, surface) {
  const values = {};
  const errors = {};
  for (const b of blocks) {
    for (const e of [b.element, b.accessory, ...(b.type === "actions" ? b.elements : [])]) {
      const state = e && stateOf(e, b, surface);
      if (!state) continue;
      (values[b.block_id] ??= {})[e.action_id] = state;
      const wrong = b.type === "input" && complaint(b, state);
      if (wrong) errors[b.block_id] = wrong;
    }
  }
  return { values, errors };
}

/** textOf renders a message without blocks. */
export const textOf = (m) =>
  h("div.block.block-section", h("div.section-body", mrkdwn(m.text), m.edited && h("span.edited", " (edited)")));
