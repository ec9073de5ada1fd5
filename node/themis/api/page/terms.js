// The dialog in which a licensor writes the next version of a model's terms. Its text stays here: only its hash is sent.
import { at, make } from "./page.js";
import { decide, run } from "./decide.js";
import { keccak256 } from "./keccak.js";

const form = at("publish-form"), fields = form.elements;
const ROLES = ["requester", "operator"], USES = ["personal", "research", "commercial"], MODES = ["closed", "open", "grant"];
const WORDS = { closed: "closed", open: "open to all", grant: "needs a grant" };
const MARGIN_S = 3600;
let model = null, place = null, publish = null;

// `sent` publishes: it takes what /v1/licensing/calls/publish does.
export function openTerms(of, where, sent) {
  model = of; place = where; publish = sent;
  form.reset();
  at("publish-title").textContent = "Version " + (model.terms.length + 1) + " of the terms of " + model.title;
  at("publish-error").hidden = true;
  const latest = model.terms.at(-1);
  for (const role of ROLES) for (const use of USES) fields[role + "-" + use].value = latest?.policy[role][use] ?? "closed";
  fields.uri.value = latest?.uri ?? "";
  fields.attribution.value = latest?.attribution ?? "";
  // Changed terms need notice, and what is signed later than it was written must still be in time.
  fields.effective_at.required = Boolean(latest);
  fields.effective_at.value = latest ? local(place.now_s + place.notice_s + MARGIN_S) : "";
  at("publish").showModal();
}

const local = (s) => new Date(Math.ceil(s / 60) * 60_000).toISOString().slice(0, 16);
const policy = (role) => USES.map((use) => use + "=" + fields[role + "-" + use].value).join(",");

async function review() {
  const file = fields.terms.files[0], terms_hash = keccak256(new Uint8Array(await file.arrayBuffer()));
  const effective_at_s = fields.effective_at.value ? Date.parse(fields.effective_at.value + "Z") / 1000 : 0;
  const query = { model_id: model.model_id, terms_hash, requester: policy("requester"), operator: policy("operator"), effective_at_s, uri: fields.uri.value, attribution: fields.attribution.value };
  const spelled = ROLES.map((role) => (role === "operator" ? "an " : "a ") + role + ": " + USES.map((use) => use + " use " + WORDS[fields[role + "-" + use].value]).join(", ")).join("; ");
  const text = "It holds from " + (effective_at_s ? new Date(effective_at_s * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC" : "now") + " on, for " + spelled + ". " +
    "The text is " + file.name + ", keccak256 " + terms_hash + ". A published version is never changed or taken back: only another one, with notice of " + Math.round(place.notice_s / 86_400) + " days, can follow it.";
  decide({ heading: "Publish version " + (model.terms.length + 1) + " of the terms of " + model.title, text, verb: "Publish", work: async () => { await publish(query); at("publish").close() } });
}

for (const role of ROLES) for (const use of USES) {
  const label = make("label", role[0].toUpperCase() + role.slice(1) + ", " + use), select = make("select");
  select.name = role + "-" + use;
  select.append(...MODES.map((mode) => { const option = make("option", WORDS[mode]); option.value = mode; return option }));
  label.append(select);
  at("publish-policy").append(label);
}
form.addEventListener("submit", (event) => { event.preventDefault(); run(at("publish-review"), at("publish-error"), review) });
at("publish").querySelector("button[value=cancel]").addEventListener("click", () => at("publish").close());
