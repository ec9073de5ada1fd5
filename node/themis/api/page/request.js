// The page of one request: asked by whom, about what, answered how, under which license, and all that happened to it.
import { ask, at, copied, linked, login, make, money, moment, news, plain, since, span } from "./page.js";

const PERIOD_MS = 2000, FINAL = ["done", "closed"], LIMIT = 600;
const id = new URLSearchParams(location.search).get("id") ?? "";
let explorer = null;

const pair = (name, ...parts) => { const dd = make("dd"); dd.append(...parts); return [make("dt", name), dd] };
const link = (kind, value) => linked(explorer, kind, value);
const told = (words, none) => words.length ? words.flatMap(({ name, text }) => pair(name, scrolled(make("div", text, "clip words"), name))) : pair("", make("span", none, "faint"));

// What may be longer than its place can be reached by keyboard.
const scrolled = (e, name) => { e.tabIndex = 0; e.setAttribute("role", "group"); e.setAttribute("aria-label", name); return e };

function bytes(hex) {
  if (hex.length <= LIMIT) { const e = make("div", "", "clip"); e.append(make("code", hex)); return scrolled(e, "bytes") }
  const e = make("details"), all = make("div", "", "clip");
  all.append(make("code", hex)); e.append(make("summary", (hex.length - 2) / 2 + " bytes"), scrolled(all, "bytes"));
  return e;
}

function show(job, words) {
  const state = at("state"), kind = job.state === "done" ? "good" : job.state === "closed" ? "bad" : "warn";
  state.textContent = job.reason ? "closed: " + job.reason.replaceAll("_", " ") : job.state;
  state.className = "pill " + kind;
  const r = job.request, first = job.history[0]?.at_s, mined = job.history.findLast((fact) => fact.fact === "Mined");
  at("asked").replaceChildren(
    ...pair("id", copied(job.id)), ...pair("asked by", link("address", r.requester)),
    ...pair("model", make("b", words.model ?? "not served here"), " ", copied(r.model_id)),
    ...pair("fee", money(r.fee, r.token)), ...pair("deadline", moment(r.deadline_s)),
    ...pair("callback", r.callback_gas ? r.callback_gas.toLocaleString("en") + " gas" : "none"),
    ...pair(job.ordered ? "ordered at" : "asked in", "block ", link("block", job.seen_at.block_number), first ? ", seen " + moment(first) : ""),
    ...(job.ordered ? [] : pair("transaction", link("tx", job.seen_at.tx_hash))),
    ...(job.detail ? pair("why", plain(job.detail)) : []));
  at("question").replaceChildren(...told(words.question, "nothing in words"), ...pair("input", bytes(job.input)));
  at("answer").replaceChildren(...told(words.answer, job.output ? "nothing in words" : "none yet"),
    ...(job.output === null ? [] : [...pair("output", bytes(job.output)), ...pair("result hash", copied(job.result_hash))]),
    ...(job.mined_at ? [...pair("answered in", "block ", link("block", job.mined_at.block_number), mined ? ", seen " + moment(mined.at_s) : ""),
      ...pair("transaction", link("tx", job.mined_at.tx_hash))] : []),
    ...(job.latency_s === null ? [] : pair("after", span(job.latency_s))),
    ...(job.attribution ? pair("attribution", plain(job.attribution)) : []));
  at("verify").hidden = !job.mined_at;
  const own = /^0x0*$/.test(r.licensee);
  at("license").replaceChildren(...pair("use", r.use_class),
    ...pair("granted to", own ? "the requester" : link("address", r.licensee)),
    ...pair("grant", r.grant_seq ? "number " + r.grant_seq : "none needed: the terms are open"),
    ...pair("terms", "version " + r.terms_version + (job.terms_hash ? ", " : ""), job.terms_hash ? copied(job.terms_hash) : ""),
    ...pair("royalty", (r.royalty_bps / 100).toLocaleString("en") + " %"));
  at("history").replaceChildren(...job.history.map((fact, i) => {
    const row = make("tr");
    row.append(make("td", moment(fact.at_s)), make("td", i ? span(fact.at_s - job.history[0].at_s) : "", "number"), make("td", fact.fact), make("td", fact.detail, "wrap"));
    return row;
  }));
  document.title = "Themis: request " + job.id.slice(0, 10);
}

async function refresh() {
  let again = true;
  try {
    const [job, words, status] = await Promise.all([ask("/v1/jobs/" + id), ask("/v1/jobs/" + id + "/words"), ask("/v1/status")]);
    explorer = status.explorer_url;
    if (news("request", [job, words])) show(job, words);
    at("all").hidden = false; at("login").hidden = true; at("alerts").replaceChildren();
    at("seen").textContent = "as of " + new Date().toLocaleTimeString();
    again = !FINAL.includes(job.state) || since(job.history.at(-1).at_s) < 60;
  } catch (error) { login(error) }
  if (again) setTimeout(refresh, PERIOD_MS);
}

at("verify").addEventListener("click", async () => {
  const said = at("verified"), button = at("verify");
  button.disabled = true; said.hidden = false; said.className = "card alert"; said.textContent = "The model runs it again…";
  try {
    const [found] = await ask("/v1/verify/" + at("asked").querySelector("code").title);
    said.className = "card alert " + (found.outcome === "equal" ? "good" : "bad");
    said.textContent = found.outcome === "equal" ? "Equal: " + found.model + " gives the same bytes here."
      : found.outcome + (found.first_difference === null ? ". " : ", from byte " + found.first_difference + " on. ") + plain(found.detail);
  } catch (error) { said.className = "card alert bad"; said.textContent = plain(error.message) }
  button.disabled = false;
});
refresh();
