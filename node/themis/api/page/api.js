// The API's own description, for people: what can be asked, with what, and what comes back.
import { ask, at, login, make } from "./page.js";

let schemas = {};
const named = (schema) => schema?.$ref ? schema.$ref.split("/").pop() : null;
const kind = (s) => !s ? "" : named(s) ?? (s.anyOf ? s.anyOf.map(kind).join(" or ") : s.type === "array" ? "list of " + kind(s.items) : s.enum ? s.enum.join(", ") : s.type ?? "anything");

function inside(schema) {
  if (!schema) return [];
  if (named(schema)) return [named(schema)];
  return [...(schema.anyOf ?? []), schema.items].flatMap(inside);
}

function list(pairs) {
  const e = make("dl", "", "facts");
  e.append(...pairs.flatMap(([name, what, said]) => { const dd = make("dd", what); if (said) dd.append(make("span", ". " + said, "faint")); return [make("dt", name), dd] }));
  return e;
}

// A schema and all that it is made of, each once.
function shapes(schema, seen = new Set()) {
  return inside(schema).flatMap((name) => {
    if (seen.has(name)) return [];
    seen.add(name);
    const { description, properties = {} } = schemas[name];
    const e = make("details"), fields = Object.entries(properties);
    e.append(make("summary", name + (description ? ": " + description : "")), list(fields.map(([field, s]) => [field, kind(s), s.description])));
    return [e, ...fields.flatMap(([, s]) => shapes(s, seen))];
  });
}

function operation(method, path, o) {
  const card = make("section", "", "card"), head = make("h2", ""), body = o.requestBody?.content["application/json"]?.schema;
  head.className = "plain"; head.append(make("code", method.toUpperCase() + " " + path));
  card.append(head);
  if (o.description) card.append(make("p", o.description));
  if (o.parameters?.length) card.append(make("h3", "Asks"), list(o.parameters.map((p) => [p.name, kind(p.schema) + (p.required ? "" : ", may be left out"), p.schema.pattern ?? p.description])));
  if (body) card.append(make("h3", "Takes"), make("p", kind(body)), ...shapes(body));
  const [type, said] = Object.entries(Object.values(o.responses)[0].content ?? {})[0] ?? ["nothing"];
  card.append(make("h3", "Answers"), make("p", said?.schema && kind(said.schema) ? kind(said.schema) : type), ...shapes(said?.schema));
  return card;
}

async function read() {
  try {
    const said = await ask("/v1/openapi.json");
    schemas = said.components.schemas;
    at("about").textContent = said.info.description;
    at("operations").replaceChildren(...Object.entries(said.paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, o]) => operation(method, path, o))));
    at("state").textContent = "version " + said.info.version; at("state").className = "pill good";
    at("all").hidden = false; at("login").hidden = true; at("alerts").replaceChildren();
  } catch (error) { login(error) }
}
at("login").addEventListener("submit", () => read());
read();
