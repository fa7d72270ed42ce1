// Building and patching elements. Strings always become text nodes: nothing a user or a bot
// supplies is ever parsed as HTML.

/** h builds an element: h("div.row.wide", {onclick, "data-test": "x"}, "text", child, null). Attributes may be left out. */
export function h(spec, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  const hasAttributes = children[0] && Object.getPrototypeOf(children[0]) === Object.prototype;
  for (const [name, value] of Object.entries(hasAttributes ? children.shift() : {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}

/**
 * patch makes container hold the items ({key, signature, build}) in order, keeping the nodes whose signature
 * is unchanged. What lives only in the page (focus, an open menu, a pending click) so survives every refetch.
 */
export function patch(container, items) {
  const old = new Map([...container.children].map((node) => [node.dataset.key, node]));
  const focus = focused(container);
  const nodes = items.map(({ key, signature, build }) => {
    const kept = old.get(key);
    if (kept && kept.signature === signature) return kept;
    const node = build();
    node.dataset.key = key;
    node.signature = signature;
    return node;
  });
  const wanted = new Set(nodes);
  for (const node of [...container.children]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, i) => {
    if (container.children[i] !== node) container.insertBefore(node, container.children[i] ?? null);
  });
  if (focus && !focus.node.isConnected) {
    const row = nodes.find((node) => node.dataset.key === focus.key);
    [...(row?.querySelectorAll(focus.selector) ?? [])].at(0)?.focus({ preventScroll: true });
  }
}

// focused remembers which control of which row has the focus, to find it again when the row was rebuilt.
function focused(container) {
  const node = document.activeElement;
  const row = node !== container && container.contains(node) && node.closest("[data-key]");
  if (!row) return null;
  const attribute = ["data-action-id", "data-block-id", "data-test"].find((name) => node.hasAttribute(name));
  const selector = attribute ? `[${attribute}="${CSS.escape(node.getAttribute(attribute))}"]` : "button, input, a";
  return { node, key: row.dataset.key, selector };
}

const paths = {
  send: "M2 2.5l12.5 5.5L2 13.5l1.6-4.7L9.5 8 3.6 7.2z",
  eye: "M1 8c1.6-3 4-4.5 7-4.5S13.4 5 15 8c-1.6 3-4 4.5-7 4.5S2.6 11 1 8zM10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0z",
  lock: "M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  hash: "M6.2 2.5 4.8 13.5M11.2 2.5 9.8 13.5M2.8 5.8h11M2.2 10.2h11",
  chevron: "M4.5 6.5 8 10l3.5-3.5",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  thread: "M2.5 3h11v8H7l-3 2.5V11H2.5z",
  people:
    "M6 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5c0-5 9-5 9 0M10.5 3.2a2.4 2.4 0 0 1 0 4.6M12 9.8c1.5.5 2.5 1.7 2.5 3.7",
  check: "M3 8.5l3.5 3.5L13 4.5",
  warning: "M8 2 15 14H1zM8 6.5v3.5M8 11.8v.4",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
};

export function icon(name) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(ns, "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

/** link opens outside the page; only addresses that cannot run a script here become links. */
export function link(url, ...children) {
  if (!/^(https?:|mailto:|tel:)/i.test(url)) return h("span", ...children);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...children);
}
