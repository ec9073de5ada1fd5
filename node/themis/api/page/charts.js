// What the last hours or days brought, as bars: one drawing for each kind of number, and one table that says the same.
import { at, ETHER, make, minute, money, span } from "./page.js";

const SVG = "http:" + "//www.w3.org/2000/svg", DAY_S = 86400, WIDE = 10, HIGH = 100, GAP = 2;
const wei = (text) => Number(BigInt(text ?? "0"));
const count = (n) => Math.round(n).toLocaleString("en");
const eth = (n) => money(BigInt(Math.round(n)).toString(), ETHER);

const KINDS = [
  { title: "Answers and refusals", shown: count, sums: true, series: [["answers", (p) => p.answers], ["refusals", (p) => p.refusals]] },
  { title: "Income and gas", shown: eth, sums: true, series: [["income", (p) => wei(p.income.ether)], ["gas", (p) => wei(p.gas_wei)]] },
  { title: "Time to the answer", shown: span, series: [["average", (p) => p.answer_s ?? 0]] },
  { title: "Open requests", shown: count, series: [["at most", (p) => p.open]] },
];

function byDay(hours) {
  const days = new Map();
  for (const h of hours) {
    const begins_s = Math.floor(h.begins_s / DAY_S) * DAY_S;
    const d = days.get(begins_s) ?? { begins_s, answers: 0, refusals: 0, seconds: 0, income: { ether: "0" }, gas_wei: "0", open: 0 };
    d.seconds += (h.answer_s ?? 0) * h.answers;
    d.answers += h.answers; d.refusals += h.refusals; d.open = Math.max(d.open, h.open);
    d.income.ether = (BigInt(d.income.ether) + BigInt(h.income.ether ?? "0")).toString();
    d.gas_wei = (BigInt(d.gas_wei) + BigInt(h.gas_wei)).toString();
    d.answer_s = d.answers ? d.seconds / d.answers : null;
    days.set(begins_s, d);
  }
  return [...days.values()];
}

function shape(name, attributes) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

function drawing({ title, shown, sums, series }, points, label) {
  const values = series.map(([, of]) => points.map(of)), most = Math.max(...values.flat());
  const said = series.map(([name], i) => name + " " + shown(sums ? values[i].reduce((a, b) => a + b, 0) : Math.max(...values[i])) + (sums ? " in all" : ", the highest")).join("; ");
  const svg = shape("svg", { viewBox: `0 0 ${points.length * WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": title + ": " + said });
  const thick = (WIDE - GAP) / series.length;
  points.forEach((point, at_) => series.forEach(([name], i) => {
    const high = most ? values[i][at_] / most * HIGH : 0;
    if (!high) return;
    const bar = shape("rect", { class: "bar" + i, x: at_ * WIDE + GAP / 2 + i * thick, y: HIGH - high, width: thick, height: high });
    const hover = shape("title", {});
    hover.textContent = label(point) + ": " + name + " " + shown(values[i][at_]);
    bar.append(hover); svg.append(bar);
  }));
  const card = make("div", "", "card chart"), legend = make("div", "", "faint legend"), axis = make("div", "", "faint axis");
  legend.append(...series.map(([name], i) => make("span", name, "key" + i)), make("span", most ? "up to " + shown(most) : "nothing", "push"));
  axis.append(make("span", label(points[0])), make("span", label(points.at(-1))));
  card.append(make("h3", title), legend, svg, axis);
  return card;
}

function table(points, label) {
  const columns = KINDS.flatMap(({ shown, series }) => series.map(([, of]) => (point) => shown(of(point))));
  const rows = points.filter((point) => KINDS.some(({ series }) => series.some(([, of]) => of(point)))).reverse();
  at("numbers").replaceChildren(...rows.map((point) => {
    const row = make("tr");
    row.append(make("th", label(point)), ...columns.map((text) => make("td", text(point), "number")));
    row.firstChild.scope = "row";
    return row;
  }));
  at("nothing").hidden = rows.length > 0;
}

export function draw(hours, days) {
  const points = days ? byDay(hours) : hours, label = (point) => days ? minute(point.begins_s).slice(0, 5) : minute(point.begins_s);
  at("charts").replaceChildren(...KINDS.map((kind) => drawing(kind, points, label)));
  table(points, label);
}
