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
export const day = (s) => s > 253402300799 ? "for ever" : new Date(s * 1000).toISOString().slice(0, 10);
export const ago = (s) => s < 90 ? Math.max(0, s).toFixed(0) + " s" : s < 5400 ? (s / 60).toFixed(0) + " min" : s < 172800 ? (s / 3600).toFixed(1) + " h" : (s / 86400).toFixed(0) + " d";

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
