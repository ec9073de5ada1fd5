// The dialog in which a licensor decides about a grant, has the wallet sign it, and puts it into force or hands it out.
import { ask, at, make, plain } from "./page.js";
import { run } from "./decide.js";
import * as wallet from "./wallet.js";

const form = at("grant-form"), fields = form.elements, WEI_DIGITS = 18;
let from = null, done = null, voucher = null;

// `offered`: what an ask says, if there is one. `activated` is called after a transaction of ours.
export function openGrant(account, models, offered, activated) {
  from = account; done = activated; voucher = null;
  form.reset();
  form.hidden = false; at("signed").hidden = true;
  fields.model_id.replaceChildren(...models.map((m) => { const o = make("option", m.title); o.value = m.model_id; return o }));
  at("grant-note").hidden = !offered?.purpose;
  at("grant-note").textContent = plain(offered?.purpose);
  for (const name of ["licensee", "model_id", "role"]) {
    if (offered) fields[name].value = offered[name];
    // Disabled controls keep their values, and the ask is what is answered.
    fields[name].disabled = Boolean(offered);
  }
  for (const box of fields.classes) box.checked = offered ? offered.classes.includes(box.value) : box.value === "commercial";
  showTerms(models);
  fields.model_id.onchange = () => showTerms(models);
  follow();
  at("grant").showModal();
}

function showTerms(models) {
  const model = models.find((m) => m.model_id === fields.model_id.value);
  const versions = (model?.terms ?? []).map((t) => { const o = make("option", "version " + t.version + " only (" + t.state + ")"); o.value = t.version; return o });
  const every = make("option", "every version");
  every.value = "0";
  fields.terms_version.replaceChildren(every, ...versions);
}

function follow() {
  fields.price_token.disabled = fields.unit.value !== "token";
  fields.price_token.required = !fields.price_token.disabled;
  // An operator's grant has no price floor: the fee is the requester's choice.
  fields.price_floor.disabled = fields.unit.disabled = fields.role.value === "operator";
}

function decided() {
  const classes = [...fields.classes].filter((box) => box.checked).map((box) => box.value);
  if (!classes.length) throw new Error("Choose at least one use.");
  const query = { model_id: fields.model_id.value, licensee: fields.licensee.value, role: fields.role.value, classes: classes.join(","), days: fields.days.value };
  query.royalty_bps = Math.round(Number(fields.royalty.value) * 100);
  query.terms_version = fields.terms_version.value;
  for (const name of ["quota", "daily_rate", "pay_to"]) if (fields[name].value) query[name] = fields[name].value;
  if (fields.price_floor.value && !fields.price_floor.disabled) {
    query.price_floor = smallest(fields.price_floor.value);
    if (!fields.price_token.disabled) query.price_token = fields.price_token.value;
  }
  return query;
}

function smallest(text) {
  const [whole, part = ""] = text.split(".");
  if (fields.unit.value === "ether") return BigInt(whole + part.padEnd(WEI_DIGITS, "0")).toString();
  if (part) throw new Error("A token's least fee is a whole number of its smallest units.");
  return whole;
}

async function sign() {
  const draft = await ask("/v1/licensing/draft", decided());
  const signature = await wallet.sign(from, draft.typed_data);
  const call = await ask("/v1/licensing/calls/activate", { ...draft.typed_data.message, signature, sender: from });
  voucher = { file: { grant_hash: draft.grant_hash, typed_data: draft.typed_data, signature }, call };
  const { licensee, seq, expiry } = draft.typed_data.message;
  const facts = [["licensee", licensee], ["number", seq], ["until", new Date(expiry * 1000).toISOString().slice(0, 16) + " UTC"], ["grant hash", draft.grant_hash]];
  at("signed-facts").replaceChildren(...facts.flatMap(([name, value]) => { const dd = make("dd"); dd.append(make("code", value)); return [make("dt", name), dd] }));
  form.hidden = true; at("signed").hidden = false;
}

async function activate() {
  await wallet.send(from, voucher.call);
  at("grant").close();
  await done("The grant is in force.");
}

function download() {
  const { message } = voucher.file.typed_data, link = make("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(voucher.file, null, 2) + "\n"], { type: "application/json" }));
  link.download = "voucher-" + message.licensee.slice(2, 10) + "-" + message.seq + ".json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

fields.unit.addEventListener("change", follow);
fields.role.addEventListener("change", follow);
form.addEventListener("submit", (event) => { event.preventDefault(); run(at("sign"), at("grant-error"), sign) });
at("activate").addEventListener("click", () => run(at("activate"), at("signed-error"), activate));
at("download").addEventListener("click", download);
for (const button of at("grant").querySelectorAll("button[value=cancel]")) button.addEventListener("click", () => at("grant").close());
