// Form controls of Block Kit. A control's value is kept in the shape Slack reports in view.state.values.

import { h, icon } from "./dom.js";
import { plain } from "./mrkdwn.js";
import { label, people, user } from "./state.js";

/** initial is the state of an element nobody has touched. */
export function initial({ type, ...element }) {
  switch (type) {
    case "plain_text_input":
    case "number_input":
    case "email_text_input":
    case "url_text_input":
      return { type, value: element.initial_value ?? null };
    case "checkboxes":
    case "multi_static_select":
      return { type, selected_options: element.initial_options ?? [] };
    case "static_select":
    case "radio_buttons":
      return { type, selected_option: element.initial_option ?? null };
    case "users_select":
      return { type, selected_user: element.initial_user ?? null };
    case "multi_users_select":
      return { type, selected_users: element.initial_users ?? [] };
    case "timepicker":
      return { type, selected_time: element.initial_time ?? null };
    case "datepicker":
      return { type, selected_date: element.initial_date ?? null };
    default:
      return null; // not an input
  }
}

/** complaint says what Slack's own client refuses before the app hears of it, "" for nothing. */
export function complaint(block, state) {
  const [value] = Object.entries(state).flatMap(([key, v]) => (key === "type" ? [] : [v]));
  if (value == null || value.length === 0) return block.optional ? "" : "Please complete this required field.";
  const {
    min_length = 0,
    max_length = Infinity,
    min_value = -Infinity,
    max_value = Infinity,
    is_decimal_allowed,
  } = block.element;
  if (state.type === "number_input") {
    if (!Number.isFinite(Number(value))) return "Please enter a number.";
    if (!is_decimal_allowed && !Number.isInteger(Number(value))) return "Please enter a whole number.";
    if (Number(value) < Number(min_value)) return `Please enter a number of at least ${min_value}.`;
    if (Number(value) > Number(max_value)) return `Please enter a number of at most ${max_value}.`;
  }
  if (state.type === "plain_text_input") {
    const length = [...value].length; // characters as people count them, not UTF-16 units
    if (length < min_length) return `Please enter at least ${min_length} characters.`;
    if (length > max_length) return `Please enter at most ${max_length} characters.`;
  }
  return "";
}

/** control builds the element's control, showing state; change(newState, {dispatch}) is called on every edit. */
export function control(element, state, attributes, change) {
  const build = controls[element.type];
  return build ? build(element, state, attributes, (value, how = {}) => change({ ...state, ...value }, how)) : null;
}

const textual = (type, inputmode) => (element, state, attributes, change) => {
  const tag = element.multiline ? "textarea.input" : "input.input";
  const node = h(tag, {
    type: element.multiline ? null : type,
    inputmode,
    autocomplete: "off",
    placeholder: plain(element.placeholder),
    ...attributes,
  });
  node.value = state.value ?? "";
  const left = h("span.counter", { "aria-live": "polite" });
  const count = () => {
    const rest = element.max_length - [...node.value].length;
    left.textContent = rest < 40 ? rest : ""; // Slack's counter appears only near the limit
    left.classList.toggle("over", rest < 0);
  };
  if (element.max_length) count();
  node.addEventListener("input", () => {
    count();
    change({ value: node.value === "" ? null : node.value }, { dispatch: "on_character_entered" });
  });
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !element.multiline && !event.isComposing)
      change({ value: node.value || null }, { dispatch: "on_enter_pressed", event });
  });
  return element.max_length ? h("div.with-counter", node, left) : node;
};

// A native select is the accessible choice; a placeholder stands for "nothing chosen".
function select(options, chosen, placeholder, attributes, change) {
  const node = h(
    "select.select",
    attributes,
    h("option", { value: "", disabled: true, hidden: true }, placeholder),
    options,
  );
  node.value = chosen ?? "";
  node.addEventListener("change", () => change(node.value));
  return h("span.select-box", node, icon("chevron"));
}

const option = (o) => h("option", { value: o.value }, plain(o.text));
const optionList = (element) =>
  element.option_groups?.map((g) => h("optgroup", { label: plain(g.label) }, g.options.map(option))) ??
  element.options?.map(option) ??
  [];
const findOption = (element, value) =>
  (element.options ?? element.option_groups?.flatMap((g) => g.options) ?? []).find((o) => o.value === value) ?? null;
const personOptions = () => people().map((u) => h("option", { value: u.id }, label(u)));

function choices(type) {
  return (element, state, attributes, change) => {
    const { id, ...rest } = attributes;
    const chosen = () => [...node.querySelectorAll("input:checked")].map((input) => findOption(element, input.value));
    const picked = (o) => (state.selected_options ?? [state.selected_option]).some((s) => s?.value === o.value);
    const node = h(
      "div.choices",
      { id, role: type === "radio" ? "radiogroup" : "group", ...rest },
      element.options.map((o) =>
        h(
          "label.choice",
          h("input", { type, name: id, value: o.value, checked: picked(o) }),
          h("span", plain(o.text), o.description && h("small", plain(o.description))),
        ),
      ),
    );
    node.addEventListener("change", () =>
      change(type === "radio" ? { selected_option: chosen()[0] ?? null } : { selected_options: chosen() }),
    );
    return node;
  };
}

// Several choices: what is chosen as removable chips, the rest in a select that adds.
function several({ all, text, chosen, placeholder, attributes, change }) {
  const box = h("div.several");
  const show = (values) => {
    const set = (next) => {
      show(next);
      change(next);
      box.querySelector("select").focus();
    };
    const chips = values.map((v) =>
      h(
        "span.chip",
        text(v),
        h(
          "button",
          { type: "button", "aria-label": `Remove ${text(v)}`, onclick: () => set(values.filter((w) => w !== v)) },
          icon("close"),
        ),
      ),
    );
    const rest = all.filter((v) => !values.includes(v)).map((v) => h("option", { value: v }, text(v)));
    box.replaceChildren(
      ...chips,
      select(rest, "", placeholder, attributes, (v) => set([...values, v])),
    );
  };
  show(chosen);
  return box;
}

const controls = {
  plain_text_input: textual("text"),
  number_input: textual("text", "decimal"), // type=number would silently drop what is not a number
  email_text_input: textual("email", "email"),
  url_text_input: textual("url", "url"),
  timepicker: dated("time", "selected_time"),
  datepicker: dated("date", "selected_date"),
  checkboxes: choices("checkbox"),
  radio_buttons: choices("radio"),
  static_select: (element, state, attributes, change) =>
    select(
      optionList(element),
      state.selected_option?.value,
      plain(element.placeholder) || "Select an option",
      attributes,
      (v) => change({ selected_option: findOption(element, v) }),
    ),
  users_select: (element, state, attributes, change) =>
    select(personOptions(), state.selected_user, plain(element.placeholder) || "Select a person", attributes, (v) =>
      change({ selected_user: v }),
    ),
  multi_static_select: (element, state, attributes, change) =>
    several({
      all: (element.options ?? []).map((o) => o.value),
      text: (v) => plain(findOption(element, v)?.text),
      chosen: state.selected_options.map((o) => o.value),
      placeholder: plain(element.placeholder) || "Add an option",
      attributes,
      change: (values) => change({ selected_options: values.map((v) => findOption(element, v)) }),
    }),
  multi_users_select: (element, state, attributes, change) =>
    several({
      all: people().map((u) => u.id),
      text: (id) => label(user(id)),
      chosen: state.selected_users,
      placeholder: plain(element.placeholder) || "Add a person",
      attributes,
      change: (ids) => change({ selected_users: ids }),
    }),
};

function dated(type, key) {
  return (element, state, attributes, change) => {
    const node = h("input.input.short", { type, ...attributes });
    node.value = state[key] ?? "";
    node.addEventListener("change", () => change({ [key]: node.value || null }));
    return node;
  };
}
