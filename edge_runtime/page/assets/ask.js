// What is asked of the server. Without a valid cookie every answer is 401, and the log-in form is shown.
export const locked = { show: () => {} };

export async function ask(path, options) {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  const content = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
  if (answer.status === 401 && path !== "/log-in") locked.show();
  if (!answer.ok) throw Object.assign(new Error(content.error), { status: answer.status });
  return content;
}

export const post = (path, content) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(content) });

export function query(path, parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, one);
  }
  return `${path}?${search}`;
}

export const logIn = (token) => post("/log-in", { token });
export const logOut = () => post("/log-out", {});
