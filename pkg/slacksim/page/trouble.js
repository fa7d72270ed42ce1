// Slack in trouble, on demand: what the app under test then does can be watched.

import { api } from "./api.js";
import { h } from "./dom.js";

const troubles = [
  { name: "fine", text: "Slack is fine" },
  { name: "slow", text: "Slack is slow", fault: { method: "*", kind: "slow", delay_ms: 2000 } },
  { name: "limited", text: "Slack limits calls", fault: { method: "*", kind: "ratelimited", retry_after: 5 } },
  { name: "away", text: "Slack is away", fault: { method: "*", kind: "http_500" } },
];

/** troubleControl is the choice, as an element. The choice is the simulator's, not this page's: it is forgotten with it. */
export function troubleControl(container) {
  const select = h(
    "select",
    {
      "aria-label": "How Slack is",
      "data-test": "trouble",
      onchange: async () => {
        const chosen = troubles.find((t) => t.name === select.value);
        container.classList.toggle("on", Boolean(chosen.fault));
        await api.clearFaults();
        if (chosen.fault) await api.fault(chosen.fault);
      },
    },
    troubles.map((t) => h("option", { value: t.name }, t.text)),
  );
  container.append(select);
}
