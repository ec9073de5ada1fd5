// The licensor's page: what was asked, granted, published and earned, and the decisions that only a licensor can make.
import { ETHER, FOR_EVER_S, ago, ask, at, code, day, make, money, same, short, since } from "./page.js";
import { decide } from "./decide.js";
import { openGrant } from "./grant.js";
import { openTerms } from "./terms.js";
import * as wallet from "./wallet.js";

const NEXT_S = 30 * 86_400, MOST_NEXT = 5;
const PERIOD_MS = 15_000, ROLES = ["requester", "operator"];
const KIND = { active: "good", granted: "good", "in force": "good", pending: "warn", "not yet": "warn", expired: "faint", past: "faint", outdated: "bad", revoked: "bad", refused: "bad" };
let seen = null, account = null, walletChain = null, said = null;

const model = (id) => seen.models.find((m) => m.model_id === id);
const title = (m) => m?.name ?? short(m?.model_id);
const mine = (id) => same(model(id)?.licensor, account);
const ready = () => account !== null && walletChain === seen.place.chain_id;
const amount = (units, token) => cell(money(units, token), "number", units + " smallest units");
const cell = (text, kind, full) => { const td = make("td", text, kind); if (full) td.title = full; return td };
// As long as whoever wrote it likes: it scrolls.
const words = (text, kind) => { const td = cell("", kind + " wrap"); if (text) td.append(make("div", text, "clip")); return td };
const button = (text, action, kind) => { const b = make("button", text, kind); b.type = "button"; b.addEventListener("click", action); return b };

function licensed() {
  const own = seen.models.filter((m) => same(m.licensor, account) || same(m.successor, account));
  at("scope").hidden = !own.length || own.length === seen.models.length;
  return own.length && !at("every").checked ? own : seen.models;
}

function show() {
  const shown = licensed(), ids = new Set(shown.map((m) => m.model_id));
  const asks = seen.asks.filter((a) => ids.has(a.model_id));
  showWallet();
  fill("asks", asks.filter((a) => a.state === "pending").map(askCard), "Nobody waits for an answer.");
  showIncome();
  showNext(seen.grants.filter((g) => ids.has(g.model_id)));
  rows("grants", seen.grants.filter((g) => ids.has(g.model_id)).map(grantRow), "No grant was ever activated.");
  fill("models", shown.map(modelCard), "No model is registered at this oracle.");
  const past = asks.filter((a) => a.state !== "pending");
  at("past").hidden = !past.length;
  rows("answered", past.map(pastRow), "");
  at("issue").hidden = !shown.some((m) => same(m.licensor, account));
  at("offer").disabled = at("cancel").disabled = !ready();
  at("place").textContent = "Oracle " + seen.place.oracle + " on chain " + seen.place.chain_id + ", as of " + new Date().toLocaleTimeString();
}

function fill(id, cards, empty) { at(id).replaceChildren(...cards.length ? cards : [make("div", empty, "card faint")]) }

function rows(id, found, empty) {
  const none = make("tr"), only = make("td", empty, "faint empty");
  only.colSpan = 9; none.append(only);
  at(id).replaceChildren(...found.length ? found : [none]);
}

function showWallet() {
  at("connect").hidden = account !== null || !wallet.present();
  at("account").replaceChildren(...account ? [make("code", short(account))] : []);
  at("account").title = account ?? "";
  const notices = [];
  if (said) notices.push(make("div", said.text, "card alert " + said.kind));
  if (!wallet.present()) notices.push(make("div", "No wallet in this browser: everything can be read here; to decide, open this page in a browser with a wallet, or use the command line: themis license.", "card alert"));
  else if (account && walletChain !== seen.place.chain_id) {
    const notice = make("div", "The wallet is on chain " + walletChain + ", this oracle on chain " + seen.place.chain_id + ". ", "card alert");
    notice.append(button("Switch the wallet to chain " + seen.place.chain_id, () => tell(() => wallet.switchTo(seen.place.chain_id).then(readWallet))));
    notices.push(notice);
  } else if (account && !seen.models.some((m) => same(m.licensor, account) || same(m.successor, account))) notices.push(make("div", "This account licenses no model here: switch to the licensor's account to decide.", "card alert"));
  at("notices").replaceChildren(...notices);
}

function askCard(a) {
  const card = make("div", "", "card ask"), head = make("div", "", "row");
  head.append(make("b", a.role + ", " + a.classes.join(" and ") + " use"), make("span", title(model(a.model_id)), "faint"), make("span", "block " + a.block.toLocaleString("en"), "faint push"));
  const who = make("div", "", "who");
  who.append(make("code", a.licensee));
  card.append(head, who, make("p", a.purpose, "words"));
  if (a.uri) { const uri = make("div", "", "who"); uri.append(make("code", a.uri)); card.append(uri) }
  if (mine(a.model_id)) {
    const decide = make("div", "", "buttons"), approve = button("Approve…", () => grant(a), "main"), no = button("Refuse…", () => refuse(a));
    approve.disabled = no.disabled = !ready();
    decide.append(no, approve);
    card.append(decide);
  } else card.append(make("div", "for " + model(a.model_id).licensor + " to answer", "faint who"));
  return card;
}

function grantRow(g) {
  const uses = g.state === "revoked" ? cell("") : numbers(g.quota === null ? "any number" : g.quota_left + " of " + g.quota, g.used_today || g.daily_rate !== null ? g.used_today + (g.daily_rate === null ? "" : " of " + g.daily_rate) + " today" : "");
  const royalty = numbers(g.royalty_bps / 100 + " %", g.price_floor === "0" ? "" : "fee at least " + money(g.price_floor, g.price_token));
  royalty.title = "to " + (same(g.pay_to, ETHER) ? "the licensor" : g.pay_to);
  const last = make("td", "", "number");
  if (mine(g.model_id) && !["revoked", "expired"].includes(g.state)) { const b = button("Revoke…", () => revoke(g)); b.disabled = !ready(); last.append(b) }
  return labeled(["Licensee", "Model", "Role", "Use", "State", "Until", "Uses left", "Royalty", ""], [code(g.licensee), cell(title(model(g.model_id)), "", g.model_id), cell(g.role),
    cell(g.classes.join(", "), "wrap"), cell(g.state, KIND[g.state]), cell(g.expiry_s ? day(g.expiry_s) : ""), uses, royalty, last]);
}

function pastRow(a) {
  const answer = words(a.reason ? a.state + ": " + a.reason : a.state, KIND[a.state]);
  return labeled(["Licensee", "Model", "Role", "Use", "Answer", "Purpose"],
    [code(a.licensee), cell(title(model(a.model_id)), "", a.model_id), cell(a.role), cell(a.classes.join(", "), "wrap"), answer, words(a.purpose, "")]);
}

function numbers(first, second) {
  const td = cell(first, "number"), box = make("span", first);
  if (second) box.append(make("small", second));
  td.replaceChildren(box);
  return td;
}

// On a narrow screen each row becomes a list, and the labels stand beside the values.
function labeled(labels, cells) {
  const row = make("tr");
  cells.forEach((td, index) => { td.dataset.label = labels[index] });
  row.append(...cells);
  return row;
}

function modelCard(m) {
  const card = make("div", "", "card"), head = make("div", "", "row");
  head.append(make("b", m.name ?? "model"), code(m.model_id, "span"), make("span", same(m.licensor, account) ? "licensed by you" : "licensed by " + short(m.licensor), "faint push"));
  card.append(head);
  if (!m.terms.length) card.append(make("p", "No terms are published: every use is closed.", "warn"));
  for (const t of [...m.terms].reverse()) card.append(termsBlock(t));
  if (m.successor) card.append(make("p", m.successor + " becomes its licensor on accepting that.", "warn words"));
  const buttons = decisions(m).map(([verb, action]) => { const b = button(verb, action); b.disabled = !ready(); return b });
  if (buttons.length) { const row = make("div", "", "buttons"); row.append(...buttons); card.append(row) }
  return card;
}

// What the connected account can decide about a model.
function decisions(m) {
  const found = [];
  if (same(m.licensor, account)) {
    found.push(["Revoke all…", () => revokeAll(m)]);
    found.push(m.successor ? ["Keep the model…", () => keep(m)] : ["Hand over…", () => transfer(m)]);
    found.push(["Publish terms…", () => openTerms({ ...m, title: title(m) }, seen.place, (query) => send("publish", query, "The terms are published."))]);
  }
  if (same(m.successor, account)) found.push(["Become the licensor…", () => accept(m)]);
  return found;
}

function termsBlock(t) {
  const block = make("section", "", "terms"), head = make("div", "", "row");
  const when = t.state === "pending" ? "from " : "since ";
  head.append(make("b", "Version " + t.version), make("span", t.state, KIND[t.state]), make("span", when + day(t.effective_at_s), "faint"));
  const facts = make("dl", "", "facts");
  for (const [role, modes] of Object.entries(t.policy)) facts.append(make("dt", role), make("dd", Object.entries(modes).map(([use, mode]) => use + " " + mode).join(", ")));
  for (const [name, value] of [["attribution", t.attribution], ["text", t.uri]]) if (value) facts.append(make("dt", name), make("dd", value));
  const hash = make("dd");
  hash.append(make("code", t.terms_hash));
  facts.append(make("dt", "keccak256"), hash);
  block.append(head, facts);
  return block;
}

function showIncome() {
  at("earned").hidden = at("overview").hidden = !seen.income?.earnings.length;
  if (!seen.income) { at("income").replaceChildren(make("div", "Connect a wallet to see what it has earned.", "card faint")); return }
  rows("earnings", seen.income.earnings.map((e) => labeled(["Model", "Royalties", "From requests", "Answers", "Refunds"],
    [cell(title(model(e.model_id)), "", e.model_id), amount(e.royalties, e.token), cell(e.requests.toLocaleString("en"), "number"), amount(e.answers, e.token), amount(e.refunds, e.token)])), "");
  rows("months", seen.income.months.map((m) => labeled(["Month", "Royalties", "Answers"], [cell(m.month), amount(m.royalties, m.token), amount(m.answers, m.token)])), "");
  rows("users", seen.income.users.map((u) => labeled(["Requester", "Model", "Answers", "Paid in all", "Last in block"],
    [code(u.requester), cell(title(model(u.model_id)), "", u.model_id), cell(u.answers.toLocaleString("en"), "number"), amount(u.fees, u.token), cell(u.last_block.toLocaleString("en"), "number")])), "None yet.");
  at("royalties").hidden = !seen.income.royalties.length;
  rows("paid", seen.income.royalties.map((r) => labeled(["Block", "Model", "Request", "Royalty", "By"],
    [cell(r.block.toLocaleString("en"), "number"), cell(title(model(r.model_id)), "", r.model_id), code(r.request_id), amount(r.amount, r.token), cell(r.source, "wrap")])), "");
  at("income").replaceChildren(...seen.income.accounts.map((i) => {
    const card = make("div", "", "card tile"), b = button("Withdraw", () => withdraw(i));
    card.append(make("b", money(i.withdrawable, i.token)), make("span", "to withdraw; withdrawn so far: " + money(i.withdrawn, i.token)));
    card.title = "the account's credits, from all models: " + i.withdrawable + " smallest units";
    b.disabled = !ready() || i.withdrawable === "0";
    card.append(b);
    return card;
  }));
}

// What ends first, of the grants that are in force: within NEXT_S, or the first one after.
function showNext(grants) {
  const standing = grants.filter((g) => g.state === "active" && g.expiry_s && g.expiry_s <= FOR_EVER_S).sort((a, b) => a.expiry_s - b.expiry_s);
  const soon = standing.filter((g, at) => at === 0 || -since(g.expiry_s) < NEXT_S).slice(0, MOST_NEXT);
  at("next").hidden = !soon.length;
  at("ending").replaceChildren(...soon.map((g) => {
    const e = make("div", "", "row");
    e.append(make("b", "in " + ago(-since(g.expiry_s)), -since(g.expiry_s) < NEXT_S ? "warn" : "faint"), code(g.licensee, "span"), make("span", g.role + " of " + title(model(g.model_id)) + ", until " + day(g.expiry_s), "faint"));
    return e;
  }));
}

const grant = (offered) => openGrant(account, licensed().filter((m) => same(m.licensor, account)).map((m) => ({ ...m, title: title(m) })), offered, finished);
const holder = (of) => ({ model_id: of.model_id, licensee: of.licensee, role: of.role });

const refuse = (a) => decide({ heading: "Refuse this ask", text: a.licensee + " asked to be " + (a.role === "operator" ? "an " : "a ") + a.role + " for " + a.classes.join(" and ") + " use.", verb: "Refuse", field: "reason",
  work: (reason) => send("refuse", { ...holder(a), reason }, "The ask is refused.") });
const revoke = (g) => decide({ heading: "Revoke this grant", text: "It ends at once, with vouchers that wait to be put into force: " + g.licensee + " can no longer " + (g.role === "requester" ? "ask" : "answer, not even requests that are open,") + " where the terms leave that to a grant.", verb: "Revoke",
  work: () => send("revoke", holder(g), "The grant is revoked.") });
const cancel = () => decide({ heading: "Cancel a voucher", text: "Choose the file that you handed out: nobody can put that voucher into force any more. A grant that is in force already takes Revoke.", verb: "Cancel the voucher", field: "voucher",
  work: async (file) => send("cancel", { nonce: await cancelable(file) }, "The voucher of " + file.name + " is canceled.") });

// The nonce of a voucher, if canceling it would stop it.
async function cancelable(file) {
  let signed;
  try { signed = JSON.parse(await file.text()).typed_data } catch { /* said below */ }
  const { domain, message } = signed ?? {};
  if (!domain || !message?.nonce) throw new Error(file.name + " is not a voucher.");
  if (domain.chainId !== seen.place.chain_id || !same(domain.verifyingContract, seen.place.registry)) throw new Error("This voucher is for another chain or registry.");
  if (!same(message.licensor, account)) throw new Error("Only " + message.licensor + ", who signed this voucher, can cancel it.");
  const newest = seen.grants.find((g) => g.model_id === message.modelId && same(g.licensee, message.licensee) && g.role === ROLES[message.role]);
  if (newest?.seq >= message.seq) throw new Error("Number " + newest.seq + " of this licensee is " + newest.state + ": this voucher cannot be put into force any more, or is in force already and takes Revoke.");
  return message.nonce;
}

const withdraw = (i) => tell(() => send("withdraw", { token: i.token, account }, "Withdrawn."));

function revokeAll(m) {
  const standing = seen.grants.filter((g) => g.model_id === m.model_id && ["active", "not yet"].includes(g.state)).length;
  decide({ heading: "Revoke every grant of " + title(m), text: (standing === 1 ? "The 1 grant that stands now" : "All " + standing + " grants that stand now") + " and every voucher signed so far end at once and for good: nobody can ask by them any more, nor answer what is asked from now on. What was asked before is still answered. What you sign afterwards counts again.", verb: "Revoke all",
    work: () => send("revoke-all", { model_id: m.model_id }, "Every grant of " + title(m) + " is revoked.") });
}

const transfer = (m) => decide({ heading: "Hand " + title(m) + " over", text: "You stay its licensor until that account accepts. From then on it alone publishes terms, grants, revokes and hands over, and earns the royalties of grants that name no payee. Grants in force stand; vouchers of yours that nobody has put into force are void.", verb: "Offer it", field: "successor",
  work: (successor) => send("transfer", { model_id: m.model_id, successor }, "The model is offered to " + successor + ".") });
const keep = (m) => decide({ heading: "Keep " + title(m), text: m.successor + " can no longer accept it.", verb: "Keep it",
  work: () => send("transfer", { model_id: m.model_id, successor: ETHER }, "You keep the model.") });
const accept = (m) => decide({ heading: "Become the licensor of " + title(m), text: "You decide about it alone from now on, in the place of " + m.licensor + ". Its terms and the grants in force stand; vouchers of the former licensor that nobody has put into force are void.", verb: "Accept",
  work: () => send("accept", { model_id: m.model_id }, "You are the licensor of " + title(m) + ".") });

async function send(call, parameters, words) {
  await wallet.send(account, await ask("/v1/licensing/calls/" + call, { ...parameters, sender: account }));
  await finished(words);
}

async function finished(words) { said = { text: words, kind: "good" }; await read() }

async function tell(work) {
  try { await work() } catch (error) { said = { text: error.message ?? String(error), kind: "bad" }; await (seen ? show() : read()) }
}

async function readWallet() {
  account = await wallet.account();
  walletChain = account ? await wallet.chainId() : null;
  said = null;
  await read();
}

async function read() {
  try {
    const [place, models, grants, asks, income] = await Promise.all([ask("/v1/licensing"), ask("/v1/licensing/models"), ask("/v1/licensing/grants"),
      ask("/v1/licensing/asks"), account ? ask("/v1/licensing/income", { account }) : null]);
    seen = { place, models, grants, asks: asks.reverse(), income };
    at("all").hidden = false; at("login").hidden = true;
    show();
  } catch (error) {
    at("login").hidden = error.status !== 401;
    const words = error.status === 401 ? "Locked: this node asks for its API token." : error.status ? error.message : "The node does not answer: it has stopped, or restarts.";
    at("notices").replaceChildren(make("div", words, "card alert"));
  }
}

async function refresh() { if (!document.querySelector("dialog[open]") && !document.hidden) await read(); setTimeout(refresh, PERIOD_MS) }

at("login").addEventListener("submit", () => read()); // page.js, which comes first, keeps the token
at("connect").addEventListener("click", () => tell(() => wallet.connect().then(readWallet)));
at("every").addEventListener("change", show);
at("offer").addEventListener("click", () => grant(null));
at("cancel").addEventListener("click", cancel);
if (wallet.present()) { wallet.watch(() => tell(readWallet)); await tell(readWallet) } else await read();
setTimeout(refresh, PERIOD_MS);
