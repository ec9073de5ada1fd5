// Committees: who must agree, what is at stake behind an answer, and what became of all that each was asked.
import { ago, ask, at, copied, login, make, money, news, ETHER } from "./page.js";

const PERIOD_MS = 15000, MOST = 20;

const pair = (name, ...parts) => { const dd = make("dd"); dd.append(...parts); return [make("dt", name), dd] };
const cell = (label, ...parts) => { const e = make("td"); e.dataset.label = label; e.append(...parts); return e };
const number = (label, value, bad) => { const e = cell(label, value.toLocaleString("en")); e.className = value && bad ? "number bad" : "number"; return e };

function member(row) {
  const e = make("tr"), signs = row.slashed ? ["slashed", "bad"] : row.signing ? ["yes", "good"] : row.release_at_s ? ["left", "faint"] : ["no: fined", "warn"];
  e.append(cell("Member", copied(row.member)), cell("Signs", make("span", ...signs)), cell("Stake", money(row.stake_wei, ETHER)),
    number("Answered", row.answered), number("Outvoted", row.outvoted, true), number("Fined", row.fined, true),
    cell("Found at", make("span", row.endpoint || "calls the others", row.endpoint ? "" : "faint")));
  e.lastChild.classList.add("wrap");
  return e;
}

function section(found) {
  const e = make("section"), facts = make("dl", "", "card facts"), scroll = make("div", "", "card scroll below"), table = make("table", "", "cards"), head = make("tr"), body = make("tbody");
  const title = make("h2", "", "plain");
  title.append(found.threshold + " of " + found.signing + " must agree ", copied(found.committee));
  facts.append(
    ...pair("behind an answer", money(found.stake_behind_answer_wei, ETHER) + ", " + money(found.stake_wei, ETHER) + " of each member"),
    ...pair("asked", found.asked.toLocaleString("en")), ...pair("answered", found.answered.toLocaleString("en")),
    ...pair("late", found.late.toLocaleString("en") + ", of which refunded " + found.refunded.toLocaleString("en")),
    ...pair("slashed", found.slashed.toLocaleString("en") + " members, for two answers to one request"),
    ...pair("who is silent on chain", "is fined " + money(found.fine_wei, ETHER)),
    ...pair("a stake is bound", ago(found.unbonding_s) + " after its member has left"));
  for (const name of ["Member", "Signs", "Stake", "Answered", "Outvoted", "Fined", "Found at"]) head.append(make("th", name, ["Answered", "Outvoted", "Fined"].includes(name) ? "number" : ""));
  const thead = make("thead"); thead.append(head);
  body.append(...found.members.map(member));
  if (!found.members.length) { const row = make("tr"), none = make("td", "Nobody has joined it yet.", "empty"); none.colSpan = 7; row.append(none); body.append(row) }
  table.append(thead, body); scroll.append(table);
  scroll.tabIndex = 0; scroll.setAttribute("role", "region"); scroll.setAttribute("aria-label", "Members of " + found.committee);
  e.append(title, facts, scroll);
  return e;
}

async function refresh() {
  try {
    const list = await ask("/v1/committees");
    const shown = await Promise.all(list.slice(-MOST).reverse().map((each) => ask("/v1/committees/" + each.committee)));
    if (news("committees", shown)) at("committees").replaceChildren(...shown.map(section));
    if (!list.length) at("committees").replaceChildren(make("p", "None is known here: set committee.factory in config.toml to the contract that makes them, or join one.", "card"));
    at("all").hidden = false; at("login").hidden = true; at("alerts").replaceChildren();
    at("state").textContent = list.length === 1 ? "1 committee" : list.length + " committees"; at("state").className = "pill good";
    at("seen").textContent = "as of " + new Date().toLocaleTimeString();
  } catch (error) { login(error) }
  setTimeout(refresh, PERIOD_MS);
}
refresh();
