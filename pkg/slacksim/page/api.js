// The control API of the simulator (/sim/…) and its stream of change hints.

/** ApiError is an answer of the simulator; Unreachable means there was none. */
export class ApiError extends Error {}
export class Unreachable extends Error {}

async function request(method, path, body) {
  let response;
  try {
    response = await fetch("/sim/" + path, {
      method,
      headers: body && { "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Unreachable("The simulator did not answer");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(answer.message || answer.error || `The simulator answered ${response.status}`);
  return answer;
}

const query = (params) => new URLSearchParams(params).toString();

export const api = {
  workspace: () => request("GET", "workspace"),
  messages: async (user, channel) => (await request("GET", "messages?" + query({ channel, user }))).messages ?? [],
  views: (user) => request("GET", "views?" + query({ user })),
  command: (body) => request("POST", "command", body),
  message: (body) => request("POST", "message", body),
  action: (body) => request("POST", "action", body),
  submitView: (body) => request("POST", "view/submit", body),
  closeView: (body) => request("POST", "view/close", body),
  home: (body) => request("POST", "home", body),
  fault: (body) => request("POST", "faults", body),
  clearFaults: () => request("DELETE", "faults"),
  member: (body) => request("POST", "member", body),
};

/**
 * stream follows the changes user can see until the returned function is called. onOpen runs on every
 * (re)connection, because hints sent in between are lost; onLost when the connection breaks.
 */
export function stream(user, { onHint, onOpen, onLost }) {
  let source, timer;
  const connect = () => {
    source = new EventSource("/sim/stream?" + query({ user }));
    source.onopen = onOpen;
    source.onmessage = (event) => onHint(JSON.parse(event.data));
    source.onerror = () => {
      onLost();
      // Retry ourselves: browsers give up on an error status, and their own delay is longer.
      source.close();
      clearTimeout(timer);
      timer = setTimeout(connect, 1000);
    };
  };
  connect();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
