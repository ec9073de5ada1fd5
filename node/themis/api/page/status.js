// The status page: reads /v1/status and /v1/jobs every two seconds.
import { draw } from "./charts.js";
import { ETHER, ago, ask, at, code, copied, day, ether, keep, linked, listen, login, make, minute, moment, money, news, plain, same, short, since } from "./page.js";

const RUNNING = ["seen", "waiting", "queued", "agreeing", "computed", "sending", "mined", "done"], PERIOD_MS = 2000;
const OLD_S = 300, UNREAD = 20, MANY = 256;
const UNSENT = ["seen", "waiting", "queued", "agreeing", "computed", "sending"], MOST_READ = 4;
const drafts = new Map(); // What decoders write, by request, while their answers are on the way.
const MOST_HOURS = 48, CHARTS_S = 15;
let read = 0, charted_s = 0;
const models = new Map(); // Names by id.
const block = (number, s) => { const e = make("td", number ?? "–", "number"); if (number !== null) { const when = make("small", minute(s), "nowrap"); when.title = moment(s); e.append(when) } return e };
const fee = (amount, token) => { const e = make("td", money(amount, token), "number"); e.title = amount + " smallest units"; return e };
const licensed = (l) => l.allowed ? "licensed" + (l.expiry_s ? " until " + day(l.expiry_s) : ": " + l.rule) : "not licensed: " + l.rule;

function tile(value, label) { const e = make("div", "", "card tile"); e.append(make("b", value), make("span", label)); return e }

function showStatus(s) {
  const waiting = s.loops.filter((loop) => loop.error).length;
  const pill = at("state");
  pill.textContent = waiting ? "waiting" : "running";
  pill.className = "pill " + (waiting ? "warn" : "good");
  if (news("alerts", s.alerts)) at("alerts").replaceChildren(...s.alerts.map((text) => make("div", text, "card alert")));
  if (news("health", health(s))) at("health").replaceChildren(...health(s).flatMap(([name, good, text]) => {
    const dd = make("dd"); dd.append(make("b", good ? "good" : "look", good ? "good" : "bad"), " " + plain(text)); return [make("dt", name), dd];
  }));
  const behind = s.head && s.recorded_block !== null ? s.head.number - s.recorded_block : 0;
  at("tiles").replaceChildren(
    tile(s.head ? s.head.number.toLocaleString("en") : "–", behind > 0 ? behind + " blocks to read" : "newest block, all read"),
    tile(s.balance_wei === null ? "–" : ether(s.balance_wei), "operator's balance"),
    tile(s.jobs.done.toLocaleString("en"), "requests answered"),
    tile(s.unsettled, "transactions unsettled"),
    tile(ago(Date.now() / 1000 - s.started_at_s), "running"));
  at("flow").replaceChildren(...[...RUNNING, "closed"].map((state) => {
    const e = make("div", "", s.jobs[state] ? "" : "zero");
    e.append(make("b", s.jobs[state].toLocaleString("en")), make("span", state, "faint"));
    return e;
  }));
  const closed = Object.entries(s.closed).filter(([, count]) => count);
  at("reasons").replaceChildren(...closed.length ? [make("p", "Closed: " + closed.map(([why, count]) => count + " " + why.replaceAll("_", " ")).join(", "), "faint")] : []);
  if (news("models", s.models)) at("models").replaceChildren(...s.models.map((m) => {
    const e = make("div", "", "card"), head = make("div");
    head.append(make("b", m.name + " "), make("span", m.version + (m.exact ? "" : " (tolerant)"), "faint"));
    e.append(head, copied(m.model_id), make("div", m.attribution, "faint"));
    if (m.license) e.append(make("div", licensed(m.license), m.license.allowed ? "faint" : "bad"));
    return e;
  }));
  const { operator, oracle, chain_id, version, explorer_url } = s;
  if (news("facts", [operator, oracle, chain_id, version, explorer_url])) {
    const facts = [["operator", linked(explorer_url, "address", operator)], ["oracle", linked(explorer_url, "address", oracle)], ["chain", make("code", chain_id)], ["version", make("code", version)]];
    at("facts").replaceChildren(...facts.flatMap(([name, value]) => { const dd = make("dd"); dd.append(value); return [make("dt", name), dd] }));
  }
}

// What an operator looks at first: name, whether all is well, and in words.
function health(s) {
  const waiting = s.loops.filter((loop) => loop.error).map((loop) => loop.name), unfit = s.endpoints.filter((e) => !e.fit);
  const late = s.head ? since(s.head.timestamp_s) : null, unread = s.head && s.recorded_block !== null ? s.head.number - s.recorded_block : 0;
  const licenses = s.models.filter((m) => m.license && !m.license.allowed).map((m) => m.name);
  return [
    ["chain", s.head !== null && late < OLD_S && unread < UNREAD, s.head ? "newest block " + (late < OLD_S ? "of just now" : ago(late) + " old") + (unread ? ", " + unread + " blocks to read" : ", all read") : "not read yet"],
    ["endpoints", !unfit.length, unfit.length ? unfit.map((e) => e.url + ": " + e.error).join("; ") : s.endpoints.length + " answering"],
    ["loops", !waiting.length, waiting.length ? waiting.join(", ") + (waiting.length > 1 ? " wait" : " waits") : s.loops.length + " at work"],
    ["licenses", !licenses.length, licenses.length ? "none for " + licenses.join(", ") : "paid answers are allowed"],
    ["transactions", s.unsettled < MANY, s.unsettled ? s.unsettled + " without a receipt" : "all settled"]];
}

function words(cell, text) { cell.textContent = plain(text); cell.title = plain(text) }

function readAlong(jobs) {
  for (const id of drafts.keys()) if (!jobs.some((j) => j.id === id)) drafts.delete(id);
  for (const j of jobs.filter((each) => UNSENT.includes(each.state) && !drafts.has(each.id)).slice(0, MOST_READ - read)) {
    drafts.set(j.id, ""); read++;
    listen("/v1/jobs/" + j.id + "/stream", (name, said) => {
      if (name !== "draft" || !said.text) return;
      drafts.set(j.id, said.text);
      for (const cell of document.querySelectorAll("td.words")) if (cell.dataset.request === j.id) words(cell, said.text);
    }).catch(() => {}).finally(() => { read-- }); // the next refresh says what is wrong
  }
}

function answer(j) {
  if (!drafts.has(j.id) || j.output && !drafts.get(j.id)) return code(j.output);
  const cell = make("td", "", "words"); cell.dataset.request = j.id; words(cell, drafts.get(j.id)); return cell;
}

function showJobs(jobs) {
  readAlong(jobs);
  if (!news("jobs", [jobs, [...models]])) return;
  if (!jobs.length) { const row = make("tr"), cell = make("td", at("filter").value ? "None now." : "None yet. To ask one: `themis request`.", "faint empty"); cell.colSpan = 9; row.append(cell); rows.clear(); at("jobs").replaceChildren(row); return }
  for (const id of rows.keys()) if (!jobs.some((j) => j.id === id)) rows.delete(id);
  keep(at("jobs"), jobs.map((j) => {
    const row = rows.get(j.id) ?? begun(j.id);
    while (row.children.length > 1) row.lastChild.remove();
    const kind = j.state === "done" ? "good" : j.state === "closed" ? "bad" : "warn";
    const state = make("td", j.reason ? j.reason.replaceAll("_", " ") : j.state, kind);
    state.title = j.detail;
    row.append(state, make("td", models.get(j.model_id) ?? short(j.model_id)), code(j.requester), make("td", j.use_class), fee(j.fee, j.token), block(j.seen_block, j.seen_s), block(j.mined_block, j.mined_s), answer(j));
    return row;
  }));
}

// A row by its request: whoever has tabbed to its link stays there when the rest of it changes.
const rows = new Map();
function begun(id) {
  const row = make("tr"), first = document.createElement("td"), link = make("a", "");
  link.href = "/request?id=" + id; link.append(make("code", short(id))); link.title = id; first.append(link);
  row.append(first); rows.set(id, row);
  return row;
}

// What an account has earned and not taken yet, by token, and how it is taken.
async function credit(operator) {
  const { accounts } = await ask("/v1/licensing/income", { account: operator }), due = accounts.filter((a) => a.withdrawable !== "0");
  if (news("credit", due)) at("credit").replaceChildren(...due.length ? due.map((a) => {
    const e = make("div", "", "row"), command = (token) => "themis withdraw" + (same(a.token, ETHER) ? "" : " --token " + token);
    e.append(make("b", money(a.withdrawable, a.token)), copied(command(a.token), command(short(a.token))));
    return e;
  }) : [make("div", "Nothing waits.", "faint")]);
}

async function chart() {
  const count = at("period").value;
  const hours = await ask("/v1/hours", { count });
  if (news("hours", hours)) draw(hours, count > MOST_HOURS);
}

const newest = () => ask("/v1/jobs", { limit: 20, ...at("filter").value ? { state: at("filter").value } : {} });

async function refresh() {
  try {
    const [status, jobs] = await Promise.all([ask("/v1/status"), newest()]);
    for (const m of status.models) models.set(m.model_id, m.name);
    showStatus(status); showJobs(jobs);
    if (since(charted_s) > CHARTS_S) { await chart(); credit(status.operator).catch((error) => at("credit").replaceChildren(make("div", error.message, "faint"))); charted_s = Date.now() / 1000 }
    at("all").hidden = false; at("login").hidden = true;
    at("seen").textContent = "as of " + new Date().toLocaleTimeString();
  } catch (error) { login(error) }
  setTimeout(refresh, PERIOD_MS);
}
at("period").addEventListener("change", () => chart().catch(login));
at("filter").append(...[...RUNNING, "closed"].map((state) => make("option", state)));
at("filter").addEventListener("change", () => newest().then(showJobs).catch(login));
refresh();
