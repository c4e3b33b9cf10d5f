// The page of the dashboard. Everything that is live comes from livestore's client.

import { connect } from "/live.js";

const $ = (id) => document.getElementById(id);
/** The key of the device, or site, with a number. */
const keyOf = (number) => `00000000-0000-0000-0000-${number.toString(16).padStart(12, "0")}`;
const ALL = keyOf(0);
const count = (number) => number.toLocaleString("en");
const degrees = (tenths) => `${(tenths / 10).toFixed(1)} °C`;
const stateOf = ({ is_failing, temperature }) => (is_failing ? "failing" : temperature >= 700 ? "warm" : "well");
/** Sets what has changed, and nothing else: what is read aloud is not read twice. */
const write = (element, text, kind = element.className) => {
  if (element.textContent != text) element.textContent = text;
  if (element.className != kind) element.className = kind;
};

const live = connect("/live");
live.state.subscribe((state) => {
  // One attempt after another is no news.
  if (state != "connecting" || $("state").className != "waiting")
    write($("state"), { open: "live", connecting: "connecting", waiting: "No connection, trying again", closed: "Closed" }[state], state);
});

live.watch("overview", ALL).subscribe((value) => {
  for (const name of ["devices", "failing", "changes"]) write($(name), value ? count(value[name]) : "–");
});

// ---- The list: the worst of all, or of one site.

let sites = [], list, isHeld = false;
/** The rows that are shown, by key. */
const rows = new Map();
const moves = matchMedia("(prefers-reduced-motion: no-preference)");

function look() {
  list?.close();
  list = $("site").value ? live.watch("site", $("site").value) : live.watch("worst", ALL);
  list.subscribe(() => isHeld || draw(list?.value));
}
const hold = (holds) => {
  isHeld = holds;
  $("pause").ariaPressed = String(holds);
};
$("site").onchange = () => (hold(false), look());
$("pause").onclick = () => {
  hold(!isHeld);
  if (!isHeld) draw(list?.value);
};

function draw(value) {
  // Without a connection yet, what there was stays.
  if (!value) return;
  const tops = new Map([...rows].map(([key, { row }]) => [key, row.getBoundingClientRect().top]));
  const at = $("rows").contains(document.activeElement) ? [...$("rows").children].indexOf(document.activeElement.closest("tr")) : -1;
  const keys = new Set(value.map(({ key }) => key));
  for (const [key, { row }] of rows) if (!keys.has(key)) row.remove(), rows.delete(key);
  for (const { key, value: device } of value) {
    const known = rows.get(key) ?? { row: make(device) };
    rows.set(key, known);
    // What is the same object needs no drawing.
    if (known.device != device) fill(known.row, (known.device = device));
  }
  const order = value.map(({ key }) => rows.get(key).row);
  arrange(order);
  if (at >= 0 && !$("rows").contains(document.activeElement)) order[Math.min(at, order.length - 1)]?.querySelector("button").focus({ preventScroll: true });
  if (moves.matches && !document.hidden) glide(tops);
}

/** Puts rows in order. The one that has the focus stays where it is, and the others go about it: else it would lose it. */
function arrange(order) {
  const still = document.activeElement?.closest("#rows tr"), at = order.indexOf(still);
  const put = (rows, next, end) => {
    for (const row of rows) row == next && next != end ? (next = next.nextSibling) : $("rows").insertBefore(row, next);
  };
  put(order.slice(0, Math.max(at, 0)), $("rows").firstChild, still);
  put(order.slice(at + 1), at < 0 ? $("rows").firstChild : still.nextSibling, null);
}

/** Has rows glide from where they were seen, which may be on their way, to where they are. */
function glide(tops) {
  for (const { row } of rows.values()) for (const animation of row.getAnimations()) animation.cancel();
  const now = [...rows].map(([key, { row }]) => [row, tops.get(key), row.getBoundingClientRect().top]);
  for (const [row, from, to] of now) {
    if (from === undefined) row.animate({ opacity: [0, 1] }, 180);
    else if (Math.abs(from - to) >= 1) row.animate({ transform: [`translateY(${from - to}px)`, "none"] }, { duration: 180, easing: "ease-out" });
  }
}

function make({ number, site }) {
  const row = $("row").content.firstElementChild.cloneNode(true);
  row.querySelector("button").textContent = number;
  row.children[1].textContent = sites[site] ?? "";
  row.onclick = () => choose(number);
  row.dataset.number = number;
  mark(row);
  return row;
}
function fill(row, device) {
  const state = stateOf(device);
  row.classList.toggle("failing", device.is_failing);
  write(row.children[2].firstChild, state);
  write(row.children[3], degrees(device.temperature));
  write(row.children[4], `${device.load} %`);
}

// ---- One device.

const SPAN = 120_000;
/** The device that is chosen: its number and watch, and what it told when, from which nothing is known where that is missing. */
let one, samples = [];

const mark = (row) => {
  const isChosen = +row.dataset.number == one?.number;
  row.classList.toggle("chosen", isChosen);
  row.querySelector("button").ariaCurrent = String(isChosen);
};
function choose(number) {
  if (number == one?.number && !one.watch.end) return;
  one?.watch.close();
  const watch = live.watch("device", keyOf(number)), mine = { number, watch };
  [one, samples] = [mine, []];
  location.hash = number;
  for (const { row } of rows.values()) mark(row);
  $("one-title").textContent = `Device ${number}`;
  $("detail").hidden = true;
  write($("said"), "", "");
  watch.subscribe((device) => one == mine && show(device));
}
function show(device) {
  const { watch } = one;
  if (watch.end) {
    samples.push([Date.now()]);
    write($("said"), watch.end.why == "removed" ? "It has been taken away." : "There is no such device.", "");
    return;
  }
  if (!device) return;
  samples.push([Date.now(), device.temperature]);
  $("detail").hidden = false;
  const state = stateOf(device);
  write($("said"), { failing: "It is failing.", warm: "It is warm.", well: "All is well." }[state], state);
  write($("temperature"), degrees(device.temperature));
  write($("load"), `${device.load} %`);
  write($("at"), sites[device.site] ?? "");
  write($("version"), count(watch.version));
  plot();
}

/** A second is one wide, ten degrees are ten high; from 20 to 120 degrees. */
function plot() {
  if (!samples.length || document.hidden) return;
  const now = Date.now(), known = [...samples, [now, samples.at(-1)[1]]];
  while (samples.length > 1 && samples[1][0] < now - SPAN) samples.shift();
  const x = (time) => (120 - (now - time) / 1000).toFixed(2), y = (tenths) => (120 - tenths / 10).toFixed(1);
  let path = "", before;
  for (const [time, tenths] of known) {
    if (tenths !== undefined) path += before === undefined ? `M${x(time)} ${y(tenths)}` : `H${x(time)}V${y(tenths)}`;
    else if (before !== undefined) path += `H${x(time)}`;
    before = tenths;
  }
  $("line").setAttribute("d", path);
  const all = samples.map(([, tenths]) => tenths).filter((tenths) => tenths !== undefined);
  if (all.length) $("plot").ariaLabel = `Between ${degrees(Math.min(...all))} and ${degrees(Math.max(...all))}`;
}
// Time goes on, also while nothing is told; what happens without a connection is not known.
setInterval(plot, 250);
live.state.subscribe((state) => {
  if (!samples.length) return;
  const device = state == "open" && one.watch.value;
  samples.push(device ? [Date.now(), device.temperature] : [Date.now()]);
});

$("search").onsubmit = (event) => {
  event.preventDefault();
  choose(+$("number").value);
};
addEventListener("keydown", (event) => {
  if (event.key != "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
  event.preventDefault();
  $("number").select();
});
const chooseHash = () => /^#\d{1,9}$/.test(location.hash) && choose(+location.hash.slice(1));
addEventListener("hashchange", chooseHash);

// ---- It begins.

while (!sites.length) {
  try {
    sites = await live.call("sites");
  } catch ({ code, retry, after }) {
    // The reply was lost, or it was too soon. Otherwise we are not let in, which the state says.
    if (code != "unknown" && !retry) break;
    await new Promise((done) => setTimeout(done, after ?? 0));
  }
}
$("site").append(...sites.map((name, at) => new Option(`in ${name}`, keyOf(at + 1))));
look();
chooseHash();
