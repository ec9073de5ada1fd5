// Covers: who stands for whose answers, until when, with how much, and what of an answer is proved.
import { ago, ask, at, copied, login, make, moment, money, news, ETHER } from "./page.js";

const PERIOD_MS = 15000, MOST = 50;

const pair = (name, ...parts) => { const dd = make("dd"); dd.append(...parts); return [make("dt", name), dd] };
const wei = (amount) => money(amount, ETHER);

function section(found) {
  const e = make("section"), facts = make("dl", "", "card facts"), title = make("h2", "", "plain");
  title.append("Answers with ", make("span", found.model ?? "a model that this node does not hold"), " ", copied(found.model_id));
  facts.append(
    ...pair("proved", make("span", found.proved, "words")),
    ...pair("a wrong answer costs", wei(found.bond_wei)),
    ...pair("can be challenged", "until " + ago(found.window_s) + " after the request's deadline, for " + wei(found.challenge_bond_wei)),
    ...pair("covered until", found.until_s === null ? "its guarantor ends it" : moment(found.until_s)),
    ...pair("bond", make("span", wei(found.free_wei) + " free of " + wei(found.bonded_wei) + ": " + found.answers.toLocaleString("en") + (found.answers === 1 ? " answer" : " answers") + " can be wrong before it is spent", found.answers ? "" : "bad"),
      ...(found.leaving_wei === "0" ? [] : [", ", make("span", wei(found.leaving_wei) + " leaving", "warn")])),
    ...pair("answers of", copied(found.operator)), ...pair("bond of", copied(found.guarantor)),
    ...pair("decided by", copied(found.dispute)), ...pair("read by", copied(found.adaptor)), ...pair("cover", copied(found.cover)));
  e.append(title, facts);
  return e;
}

async function refresh() {
  try {
    const list = await ask("/v1/covers");
    if (news("covers", list)) at("covers").replaceChildren(...list.slice(-MOST).reverse().map(section));
    if (!list.length) at("covers").replaceChildren(make("p", "Nobody covers answers here: an answer is as good as its operator. Where there is a warranty, dispute.warranty in config.toml names it.", "card"));
    at("all").hidden = false; at("login").hidden = true; at("alerts").replaceChildren();
    at("state").textContent = list.length === 1 ? "1 cover" : list.length + " covers"; at("state").className = "pill good";
    at("seen").textContent = "as of " + new Date().toLocaleTimeString();
  } catch (error) { login(error) }
  setTimeout(refresh, PERIOD_MS);
}
refresh();
