// What both pages are written with.
export const at = (id) => document.getElementById(id);
// Text only, never markup: strangers choose some of what is shown here. What turns the direction of writing could hide what a text says.
export const plain = (text) => String(text ?? "").replace(/[\u202a-\u202e\u2066-\u2069]/g, (sign) => "\\u" + sign.charCodeAt(0).toString(16));
export const make = (tag, text, kind) => { const e = document.createElement(tag); e.textContent = plain(text); if (kind) e.className = kind; return e };
export const short = (hex) => hex ? hex.slice(0, 10) + "…" + hex.slice(-6) : "";
export const code = (hex, tag = "td") => { const cell = document.createElement(tag), c = make("code", short(hex)); c.title = hex ?? ""; cell.append(c); return cell };
export const ether = (wei) => (Number(BigInt(wei) / 10n ** 12n) / 1e6).toLocaleString("en", { maximumFractionDigits: 6 }) + " ETH";
export const ETHER = "0x" + "0".repeat(40);
export const same = (one, other) => Boolean(one && other) && one.toLowerCase() === other.toLowerCase();
export const money = (amount, token) => !same(token, ETHER) ? BigInt(amount).toLocaleString("en") + " of " + short(token) : BigInt(amount) < 10n ** 12n ? amount + " wei" : ether(amount);
export const FOR_EVER_S = 253402300799;
export const day = (s) => s > FOR_EVER_S ? "for ever" : new Date(s * 1000).toISOString().slice(0, 10);
export const since = (s) => Date.now() / 1000 - s;
export const moment = (s) => s > FOR_EVER_S ? "for ever" : new Date(s * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC";
export const minute = (s) => moment(s).slice(5, 16);
export const span = (s) => s < 10 ? s.toFixed(2) + " s" : s < 90 ? s.toFixed(1) + " s" : ago(s);
export const ago = (s) => s < 90 ? Math.max(0, s).toFixed(0) + " s" : s < 5400 ? (s / 60).toFixed(0) + " min" : s < 172800 ? (s / 3600).toFixed(1) + " h" : (s / 86400).toFixed(0) + " d";

// A value with a button that copies all of it. Outside of https and loopback browsers give no clipboard.
export function copied(value, shown = short(value)) {
  const e = make("span", "", "copied"), c = make("code", shown), button = make("button", "copy", "copy");
  c.title = value; e.append(c);
  if (!navigator.clipboard) return e;
  button.type = "button"; button.setAttribute("aria-label", "Copy " + value);
  button.addEventListener("click", async () => { await navigator.clipboard.writeText(value); button.textContent = "copied"; setTimeout(() => { button.textContent = "copy" }, 1000) });
  e.append(button);
  return e;
}

// The same, with a link to it on the operator's block explorer, if there is one. `kind`: tx, block or address.
export function linked(explorer, kind, value) {
  const number = kind === "block", e = make("span");
  e.append(number ? value.toLocaleString("en") : copied(value));
  if (!explorer) return e;
  const a = make("a", number ? value.toLocaleString("en") : "↗");
  a.href = explorer.replace(/\/+$/, "") + "/" + kind + "/" + value; a.rel = "noopener noreferrer"; a.target = "_blank";
  a.setAttribute("aria-label", kind + " " + value + " on the explorer");
  if (number) return a;
  e.append(" ", a);
  return e;
}

// What a page shows where it could not read: the form for a token, or what is wrong.
export function login(error) {
  at("login").hidden = error.status !== 401;
  at("state").textContent = error.status === 401 ? "locked" : error.status ? "error" : "no answer";
  at("state").className = "pill bad";
  if (error.status !== 401) at("alerts").replaceChildren(make("div", error.status ? error.message : "The node does not answer: it has stopped, or restarts.", "card alert"));
}
at("login").addEventListener("submit", (event) => { event.preventDefault(); sessionStorage.setItem("token", at("token").value) });

// The wanted elements in their order; those that are there already are not taken out: that would cost them the focus.
export function keep(parent, wanted) {
  wanted.forEach((each, i) => { if (parent.children[i] !== each) parent.insertBefore(each, parent.children[i] ?? null) });
  while (parent.children.length > wanted.length) parent.lastChild.remove();
}

// Whether a value is another one than last time: what has not changed stays as it is, for whoever reads, selects or tabs through it.
const last = new Map();
export function news(name, value) {
  const text = JSON.stringify(value), changed = last.get(name) !== text;
  last.set(name, text);
  return changed;
}

const permitted = () => { const token = sessionStorage.getItem("token"); return { headers: token ? { Authorization: "Bearer " + token } : {}, cache: "no-store" } };

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const reply = await fetch(query ? path + "?" + query : path, permitted());
  const body = await reply.json();
  if (!reply.ok) throw Object.assign(new Error(body.detail), { status: reply.status });
  return body;
}

// Server-sent events, until there are no more: EventSource would bring no token.
export async function listen(path, hear) {
  const reply = await fetch(path, permitted());
  if (!reply.ok) return;
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const found = /^event: (\w+)\ndata: (.*)$/.exec(event);
      if (found) hear(found[1], JSON.parse(found[2]));
    }
  }
}
