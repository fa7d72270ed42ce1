// The message box: Enter sends, Shift+Enter breaks the line, "/" and "@" offer completions.

import { h, icon } from "./dom.js";
import { avatar } from "./messages.js";
import { uid } from "./popup.js";
import { commands, label, people, state, user } from "./state.js";

/**
 * composer fills container once. send(text) resolves to "" or to why the text was not taken; it then stays in the
 * box with the reason above it. show(key, placeholder) switches to another conversation, each with its own draft.
 */
export function composer(container, { test, send, thread = false }) {
  const drafts = new Map();
  let key = "";
  let options = [];
  let active = 0;

  const listId = uid("completions");
  const list = h("div.completions", { id: listId, role: "listbox", "aria-label": "Suggestions", hidden: true });
  const note = h("div.composer-note", { role: "alert", hidden: true });
  const box = h("textarea", {
    rows: 1,
    "data-test": test,
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": listId,
    "aria-expanded": "false",
    maxlength: 12000,
  });
  const button = h(
    "button.send",
    {
      type: "button",
      "aria-label": "Send",
      title: "Send",
      "data-test": thread ? "thread-send" : "send",
      disabled: true,
    },
    icon("send"),
  );
  container.replaceChildren(h("div.composer", list, note, h("div.composer-box", box, button)));

  const say = (text) => {
    note.textContent = text;
    note.hidden = !text;
  };

  function refresh() {
    drafts.set(key, box.value);
    button.disabled = !box.value.trim();
    box.style.height = "auto"; // grow with the text
    box.style.height = box.scrollHeight + "px";
    options = completions(box.value, box.selectionStart, thread);
    active = 0;
    drawList();
  }

  function drawList() {
    list.hidden = options.length === 0;
    box.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(
      ...options.map((option, i) =>
        h(
          "div.completion" + (i === active ? ".active" : ""),
          {
            id: `${listId}-${i}`,
            role: "option",
            "aria-selected": String(i === active),
            "data-test": "completion",
            onmousedown: (event) => {
              event.preventDefault(); // keep the focus in the box
              pick(option);
            },
          },
          option.content,
        ),
      ),
    );
    if (list.hidden) box.removeAttribute("aria-activedescendant");
    else box.setAttribute("aria-activedescendant", `${listId}-${active}`);
  }

  function pick({ from, insert }) {
    const rest = box.value.slice(box.selectionStart);
    box.value = box.value.slice(0, from) + insert + rest;
    box.setSelectionRange(from + insert.length, from + insert.length);
    box.focus();
    refresh();
  }

  async function submit() {
    const text = box.value.trim();
    if (!text) return;
    const at = key;
    box.value = "";
    say("");
    refresh();
    const refusal = await send(text).catch((error) => `Not sent: ${error.message}. Press Enter to try again.`);
    if (!refusal || at !== key) return;
    say(refusal);
    if (!box.value) box.value = text;
    refresh();
  }

  box.addEventListener("input", () => {
    say("");
    refresh();
  });
  box.addEventListener("blur", () => (list.hidden = true));
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const open = !list.hidden;
    // A command typed in full is sent at once; anything shorter is completed first.
    const complete =
      open && options[active].insert.trim() !== box.value.slice(options[active].from, box.selectionStart);
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      active = (active + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length;
      drawList();
    } else if (open && event.key === "Escape") {
      options = [];
      drawList();
    } else if (open && (event.key === "Tab" || (event.key === "Enter" && complete))) {
      pick(options[active]);
    } else if (event.key === "Enter" && !event.shiftKey) {
      submit();
    } else {
      return;
    }
    event.preventDefault();
  });
  button.addEventListener("click", () => {
    submit();
    box.focus();
  });

  return {
    focus: () => box.focus({ preventScroll: true }),
    fill(text) {
      box.value = text;
      box.focus();
      refresh();
    },
    show(newKey, placeholder) {
      box.placeholder = placeholder;
      box.setAttribute("aria-label", placeholder);
      if (newKey === key) return;
      key = newKey;
      box.value = drafts.get(key) ?? "";
      say("");
      refresh();
      if (document.activeElement !== box) list.hidden = true;
    },
  };
}

function completions(text, caret, thread) {
  const before = text.slice(0, caret);
  if (/^\/\S*$/.test(before) && !thread) {
    return commands()
      .filter((c) => c.name.startsWith(before.toLowerCase()))
      .map((c) => ({
        from: 0,
        insert: c.name + " ",
        content: [h("b", c.name), h("span.completion-hint", c.hint), h("span.completion-by", c.by)],
      }));
  }
  const at = before.match(/(?:^|\s)@([\p{L}\p{N}]*)$/u);
  if (!at) return [];
  return [...people(), user(state.workspace.bot.user_id)]
    .filter((u) => label(u).toLowerCase().startsWith(at[1].toLowerCase()))
    .map((u) => ({
      from: caret - at[1].length - 1,
      insert: `@${label(u)} `,
      content: [
        avatar(u, "small"),
        h("b", label(u)),
        h("span.completion-hint", u.real_name === label(u) ? "" : u.real_name),
      ],
    }));
}

/** named finds the person or app meant by "@Ana", "ana" or "<@U0ANA>". */
export function named(text) {
  const wanted = text.replace(/^<?@|[>|].*$/g, "").toLowerCase();
  return [...people(), user(state.workspace.bot.user_id)].find((u) =>
    [u.id, u.name, label(u), u.real_name].some((n) => n?.toLowerCase() === wanted),
  );
}
