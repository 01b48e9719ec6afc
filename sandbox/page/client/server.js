/** Speaks with the sandbox. An error carries the server's own words. */
async function request(path, options) {
  const response = await fetch(`/api/${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `The sandbox answered ${response.status}`);
  return answer;
}

const post = (path, body = {}) =>
  request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

export const getState = ({ as, chat }) =>
  request(`state?as=${encodeURIComponent(as)}&chat=${encodeURIComponent(chat)}`);
export const getCalls = () => request("calls");
export const getViolations = () => request("violations");
export const say = (message) => post("say", message);
export const tap = (press) => post("tap", press);
export const setFault = (name, on) => post(`faults/${encodeURIComponent(name)}`, { on });
export const runAction = (name) => post(`actions/${encodeURIComponent(name)}`);

/** Calls `onChange` whenever something happened, and also after every reconnection. */
export function listen(onChange, onConnection) {
  const events = new EventSource("/api/events");
  events.addEventListener("changed", onChange);
  events.addEventListener("open", () => onConnection(true));
  events.addEventListener("error", () => onConnection(false));
}
