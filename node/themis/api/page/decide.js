// The dialog that names what is about to happen and asks whether it shall, and how a button runs what it starts.
import { at } from "./page.js";

const form = at("decide-form"), FIELDS = ["reason", "successor", "voucher"];

// `field`: what else has to be said, if anything; `work` gets it. The dialog stays open with the error where `work` fails.
export function decide({ heading, text, verb, field, work }) {
  at("decide-title").textContent = heading;
  at("decide-text").textContent = text;
  at("decide-go").textContent = verb;
  at("decide-error").hidden = true;
  form.reset();
  for (const name of FIELDS) {
    at("decide-" + name).hidden = name !== field;
    form.elements[name].required = name === field;
    // What is hidden must not be checked either.
    form.elements[name].disabled = name !== field;
  }
  form.onsubmit = (event) => {
    event.preventDefault();
    run(at("decide-go"), at("decide-error"), async () => { await work(field && said(form.elements[field])); at("decide").close() });
  };
  at("decide").showModal();
}

const said = (input) => input.type === "file" ? input.files[0] : input.value;

// Once at a time, its error in the place meant for it.
export async function run(button, error, work) {
  button.disabled = true; error.hidden = true;
  try { await work() } catch (failure) { error.textContent = failure.message ?? String(failure); error.hidden = false }
  button.disabled = false;
}

at("decide").querySelector("button[value=cancel]").addEventListener("click", () => at("decide").close());
