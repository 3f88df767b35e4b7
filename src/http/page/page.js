// The page at `/`: sign in, add files, see sheets. Everything that comes from a file is shown with `textContent`.

const at = id => document.getElementById(id);
const element = (tag, text = "", name = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
};

// ---- talking to the server -------------------------------------------------

// The access token lives as long as the page, the refresh token as long as the tab.
let access = null;
let refreshing = null;
const REFRESH = "quire-refresh";

class Problem extends Error {
  constructor(status, body) {
    super([body.detail || `the server answered ${status}`, body.hint].filter(Boolean).join("; "));
    this.status = status;
  }
}

const keep = session => {
  access = session.access_token;
  sessionStorage.setItem(REFRESH, session.refresh_token);
};

const forget = () => {
  access = null;
  sessionStorage.removeItem(REFRESH);
};

// A refresh token serves once, so that calls which fail together share one refresh.
const refresh = () => {
  const refresh_token = sessionStorage.getItem(REFRESH);
  if (!refresh_token) return Promise.resolve(false);
  refreshing ??= fetch("/v1/auth/refresh", json({ refresh_token }))
    .then(async response => {
      if (response.ok) keep(await response.json());
      else forget();
      return response.ok;
    })
    .finally(() => { refreshing = null; });
  return refreshing;
};

const json = body => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const authorised = options => ({
  ...options,
  headers: { ...options.headers, ...(access ? { authorization: `Bearer ${access}` } : {}) },
});

const ask = async (path, options = {}) => {
  let response = await fetch(path, authorised(options));
  if (response.status === 401 && await refresh()) response = await fetch(path, authorised(options));
  if (response.ok) return response;
  const problem = new Problem(response.status, await response.json().catch(() => ({})));
  if (response.status === 401 && !path.startsWith("/v1/auth/login")) show("entry");
  throw problem;
};

const read = async (path, options) => {
  const response = await ask(path, options);
  return response.status === 204 ? null : response.json();
};

const say = text => {
  at("message").textContent = text;
  at("message").hidden = !text;
};

// Runs what a person started; its failure is told them.
const attempt = work => async event => {
  event?.preventDefault();
  say("");
  try {
    await work(event);
  } catch (error) {
    say(error.message);
  }
};

// ---- signing in ------------------------------------------------------------

let registering = false;

const show = part => {
  at("entry").hidden = part !== "entry";
  at("desk").hidden = part !== "desk";
  if (part === "entry") at("account").hidden = true;
};

const enter = async () => {
  const first = await read("/v1/sheets?limit=50");
  const me = await read("/v1/auth/me").catch(() => null);
  at("account").hidden = !access;
  at("who").textContent = me?.email ?? "";
  at("mcp-url").textContent = `${location.origin}/mcp`;
  for (const part of ["token-form", "tokens", "needs-token"]) at(part).hidden = !access;
  show("desk");
  list(first, true);
  if (access) await tokens();
};

at("entry-switch").addEventListener("click", () => {
  registering = !registering;
  const [now, other] = registering ? ["Create an account", "Sign in"] : ["Sign in", "Create an account"];
  at("entry-title").textContent = at("entry-submit").textContent = now;
  at("entry-switch").textContent = other;
  at("invitation").hidden = !registering;
  at("entry-form").elements.password.autocomplete = registering ? "new-password" : "current-password";
});

at("entry-form").addEventListener("submit", attempt(async () => {
  const { email, password, invitation } = Object.fromEntries(new FormData(at("entry-form")));
  if (registering) await read("/v1/auth/register", json({ email, password, ...(invitation ? { invitation } : {}) }));
  keep(await read("/v1/auth/login", json({ email, password })));
  at("entry-form").reset();
  await enter();
  at("main").focus();
}));

at("sign-out").addEventListener("click", attempt(async () => {
  await ask("/v1/auth/logout", { method: "POST" }).catch(() => null);
  forget();
  location.reload();
}));

// ---- uploads ---------------------------------------------------------------

// XMLHttpRequest, since fetch does not tell how much of a body was sent.
const send = (file, progress) => new Promise((resolve, reject) => {
  const form = new FormData();
  form.append("file", file);
  const request = new XMLHttpRequest();
  request.open("POST", "/v1/sheets");
  if (access) request.setRequestHeader("authorization", `Bearer ${access}`);
  request.responseType = "json";
  request.upload.addEventListener("progress", event => progress(event.loaded / Math.max(event.total, 1)));
  request.addEventListener("load", () => request.status < 300
    ? resolve(request.response)
    : reject(new Problem(request.status, request.response ?? {})));
  request.addEventListener("error", () => reject(new Error("the connection was lost; try again")));
  request.send(form);
});

const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));

// The files' outcomes, once the import is at its end.
const finished = async (reply, progress) => {
  if (!reply.job) return reply.files;
  for (;;) {
    const job = await read(`/v1/jobs/${encodeURIComponent(reply.job)}`);
    if (job.state === "cancelled") throw new Error("the import was cancelled");
    if (job.state !== "running") return job.files;
    progress(job.progress, job.message);
    await wait(500);
  }
};

const upload = async file => {
  const line = element("li");
  const bar = element("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Progress of ${file.name}`);
  const state = element("span", "sending");
  line.append(element("span", file.name, "name"), bar, state);
  at("uploads").prepend(line);
  try {
    // Sends with a token that is still good; an upload that is refused would have to be sent again.
    await read("/v1/sheets?limit=1");
    const reply = await send(file, share => { bar.value = share; if (share === 1) state.textContent = "reading"; });
    const files = await finished(reply, (share, words) => { bar.value = share; state.textContent = words; });
    const failed = files.find(each => each.problem);
    if (failed) throw new Problem(failed.problem.status, failed.problem);
    const sheets = files.flatMap(each => each.reply.sheets);
    bar.remove();
    const n_issues = sheets.reduce((sum, sheet) => sum + sheet.issues.length, 0);
    state.textContent = sheets.map(sheet => `${sheet.name} (${count(sheet.n_rows, "row")})`).join(", ")
      + (n_issues ? `; ${count(n_issues, "finding")}, below` : "");
  } catch (error) {
    bar.remove();
    state.textContent = error.message;
    state.className = "failed";
  }
  await reload().catch(() => null);
};

// One after the other: the server takes few at once from one person.
const uploadAll = async files => {
  for (const file of files) await upload(file);
};

at("files").addEventListener("change", () => {
  const files = [...at("files").files];
  at("files").value = "";
  uploadAll(files);
});
for (const type of ["dragover", "dragleave", "drop"]) {
  at("drop").addEventListener(type, event => {
    event.preventDefault();
    at("drop").classList.toggle("over", type === "dragover");
    if (type === "drop") uploadAll([...event.dataTransfer.files]);
  });
}
// A file dropped beside the target would replace the page.
for (const type of ["dragover", "drop"]) addEventListener(type, event => event.preventDefault());

// ---- sheets ----------------------------------------------------------------

let cursor = null;
const count = (n, noun) => `${n.toLocaleString()} ${noun}${n === 1 ? "" : "s"}`;
const sheetPath = (name, rest = "") => `/v1/sheets/${encodeURIComponent(name)}${rest}`;

const pagePath = (more = "") => {
  const q = at("search").elements.q.value.trim();
  return `/v1/sheets?limit=50${q ? `&q=${encodeURIComponent(q)}` : ""}${more}`;
};

// Of two that overlap, the later one is shown.
let n_reloads = 0;
const reload = async () => {
  const own = ++n_reloads;
  const page = await read(pagePath());
  if (own === n_reloads) list(page, true);
};

const list = (page, afresh) => {
  if (afresh) at("sheets").replaceChildren();
  for (const sheet of page.sheets) at("sheets").append(entry(sheet));
  at("n-sheets").textContent = `(${page.n_total.toLocaleString()})`;
  if (!page.n_total) at("sheets").replaceChildren(element("p", "None yet."));
  cursor = page.next_cursor ?? null;
  at("more").hidden = !cursor;
};

const entry = sheet => {
  const made = at("sheet-template").content.cloneNode(true).firstElementChild;
  const part = name => made.querySelector(`.${name}`);
  part("name").textContent = sheet.name;
  part("size").textContent = `${count(sheet.n_rows, "row")}, ${count(sheet.n_columns, "column")}`;
  part("n-issues").textContent = sheet.n_issues ? count(sheet.n_issues, "finding") : "";
  part("source").textContent = `From ${sheet.source}${sheet.title && sheet.title !== sheet.source ? `, ${sheet.title}` : ""}${sheet.hidden ? " (hidden in its workbook)" : ""}`;
  let opened = false;
  made.addEventListener("toggle", attempt(async () => {
    if (!made.open || opened) return;
    opened = true;
    const [rows, described] = await Promise.all([read(sheetPath(sheet.name, "/preview")), read(sheetPath(sheet.name))]);
    part("rows").replaceChildren(table(rows, sheet.name));
    if (described.issues.length) part("issues").replaceChildren(issues(described.issues));
  }));
  for (const button of made.querySelectorAll(".save")) {
    button.addEventListener("click", attempt(() => save(sheet.name, button.dataset.format)));
  }
  part("delete").addEventListener("click", attempt(async () => {
    if (!confirm(`Delete ${sheet.name}? It can be restored for 30 days.`)) return;
    await ask(sheetPath(sheet.name), { method: "DELETE" });
    await reload();
  }));
  return made;
};

const table = (page, name) => {
  const made = element("table");
  made.append(element("caption", `First ${page.rows.length.toLocaleString()} of ${count(page.n_total ?? page.rows.length, "row")} of ${name}`));
  const head = made.createTHead().insertRow();
  for (const column of page.columns) {
    const cell = element("th", column.name);
    cell.scope = "col";
    cell.append(element("small", column.type));
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of page.rows) {
    const line = body.insertRow();
    for (const value of row) {
      const text = value === null ? "null" : typeof value === "object" ? JSON.stringify(value) : String(value);
      line.append(element("td", text, value === null ? "null" : typeof value === "number" ? "number" : ""));
    }
  }
  return made;
};

const issues = found => {
  const made = element("ul");
  for (const issue of found) {
    const examples = issue.examples?.length ? `: ${issue.examples.join("; ")}` : "";
    made.append(element("li", `${issue.message}${examples}`));
  }
  return made;
};

// Through a blob, since a plain link can't carry a token.
const save = async (name, format) => {
  const response = await ask(sheetPath(name, `/export?format=${format}`));
  const link = element("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${name}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};

at("more").addEventListener("click", attempt(async () => list(await read(pagePath(`&cursor=${encodeURIComponent(cursor)}`)), false)));
at("search").addEventListener("submit", attempt(reload));
// The cross that empties the field submits nothing.
at("search").elements.q.addEventListener("input", attempt(async () => { if (!at("search").elements.q.value) await reload(); }));

// ---- tokens ----------------------------------------------------------------

const tokens = async () => {
  const reply = await read("/v1/auth/tokens");
  at("tokens").replaceChildren(...reply.tokens.map(token => {
    const line = element("li");
    const revoke = element("button", "Revoke");
    revoke.type = "button";
    revoke.addEventListener("click", attempt(async () => {
      if (!confirm(`Revoke ${token.name}? What uses it stops working.`)) return;
      await ask(`/v1/auth/tokens/${encodeURIComponent(token.id)}`, { method: "DELETE" });
      await tokens();
    }));
    line.append(element("span", `${token.name}: ${token.scope === "read" ? "reads" : "reads and writes"}${token.expires_at ? `, until ${token.expires_at.slice(0, 10)}` : ""}`), revoke);
    return line;
  }));
};

at("token-form").addEventListener("submit", attempt(async () => {
  const { name, scope } = Object.fromEntries(new FormData(at("token-form")));
  const made = await read("/v1/auth/tokens", json({ name, scope }));
  at("token-text").textContent = made.token;
  at("new-token").hidden = false;
  at("token-form").reset();
  await tokens();
}));

// ---- start -----------------------------------------------------------------

try {
  await refresh();
  await enter();
} catch (error) {
  show("entry");
  if (error.status !== 401) say(error.message);
}
