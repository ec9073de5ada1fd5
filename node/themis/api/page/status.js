// The status page: reads /v1/status and /v1/jobs every two seconds.
import { ago, ask, at, code, day, ether, listen, make, money, plain, short } from "./page.js";

const RUNNING = ["seen", "queued", "agreeing", "computed", "sending", "mined", "done"], PERIOD_MS = 2000;
const UNSENT = ["seen", "waiting", "queued", "agreeing", "computed", "sending"], MOST_READ = 4;
const drafts = new Map(); // What decoders write, by request, while their answers are on the way.
let read = 0;
const fee = (amount, token) => { const e = make("td", money(amount, token), "number"); e.title = amount + " smallest units"; return e };
const licensed = (l) => l.allowed ? "licensed" + (l.expiry_s ? " until " + day(l.expiry_s) : ": " + l.rule) : "not licensed: " + l.rule;

function tile(value, label) { const e = make("div", "", "card tile"); e.append(make("b", value), make("span", label)); return e }

function showStatus(s) {
  const waiting = s.loops.filter((loop) => loop.error).length;
  const pill = at("state");
  pill.textContent = waiting ? "waiting" : "running";
  pill.className = "pill " + (waiting ? "warn" : "good");
  at("alerts").replaceChildren(...s.alerts.map((text) => make("div", text, "card alert")));
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
  at("models").replaceChildren(...s.models.map((m) => {
    const e = make("div", "", "card"), head = make("div");
    head.append(make("b", m.name + " "), make("span", m.version + (m.exact ? "" : " (tolerant)"), "faint"));
    e.append(head, code(m.model_id, "div"), make("div", m.attribution, "faint"));
    if (m.license) e.append(make("div", licensed(m.license), m.license.allowed ? "faint" : "bad"));
    return e;
  }));
  const loops = s.loops.map((loop) => loop.name + (loop.error ? " waits" : "")).join(", ");
  const facts = [["operator", s.operator], ["oracle", s.oracle], ["chain", s.chain_id], ["version", s.version], ["RPC calls", s.rpc_calls.toLocaleString("en")], ["loops", loops]];
  at("facts").replaceChildren(...facts.flatMap(([name, value]) => { const dd = make("dd"); dd.append(make("code", value)); return [make("dt", name), dd] }));
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
  at("jobs").replaceChildren(...jobs.map((j) => {
    const row = make("tr"), id = document.createElement("td"), link = make("a", "");
    link.href = "/v1/jobs/" + j.id; link.append(make("code", short(j.id))); link.title = j.id; id.append(link);
    const kind = j.state === "done" ? "good" : j.state === "closed" ? "bad" : "warn";
    const state = make("td", j.reason ? j.reason.replaceAll("_", " ") : j.state, kind);
    state.title = j.detail;
    row.append(id, state, code(j.requester), make("td", j.use_class), fee(j.fee, j.token), make("td", j.seen_block, "number"), make("td", j.mined_block ?? "–", "number"), answer(j));
    return row;
  }));
  if (!jobs.length) { const row = make("tr"), cell = make("td", "None yet. To ask one: `themis request`.", "faint empty"); cell.colSpan = 8; row.append(cell); at("jobs").replaceChildren(row) }
}

async function refresh() {
  try {
    const [status, jobs] = await Promise.all([ask("/v1/status"), ask("/v1/jobs?limit=20")]);
    showStatus(status); showJobs(jobs);
    at("all").hidden = false; at("login").hidden = true;
    at("seen").textContent = "as of " + new Date().toLocaleTimeString();
  } catch (error) {
    at("login").hidden = error.status !== 401;
    at("state").textContent = error.status === 401 ? "locked" : error.status ? "error" : "no answer";
    at("state").className = "pill bad";
    if (error.status !== 401) at("alerts").replaceChildren(make("div", error.status ? error.message : "The node does not answer: it has stopped, or restarts.", "card alert"));
  }
  setTimeout(refresh, PERIOD_MS);
}
at("login").addEventListener("submit", (event) => { event.preventDefault(); sessionStorage.setItem("token", at("token").value) });
refresh();
