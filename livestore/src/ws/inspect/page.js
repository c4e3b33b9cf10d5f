// Draws what livestore::ws::Inspector tells. What is told becomes text and lengths of lines, and nothing else.

import { connect } from "./client.js";

const FIGURES = "00000000-0000-0000-0000-000000000000";
/** How many samples a line has, and after how long a wait somebody is told, in milliseconds. */
const SAMPLES = 60, STUCK = 5_000;
const SVG = "http://www.w3.org/2000/svg";

const live = connect(new URL("socket", import.meta.url), { bigint: true });
const $ = (id) => document.getElementById(id);

// Words for figures.

const count = (n) => (n == null ? "" : n.toLocaleString());
const rate = (n) => (n == null ? "\u2026" : n.toLocaleString(undefined, { maximumFractionDigits: n < 10 ? 1 : 0 }));
const bytes = (n) => {
  if (n == null) return "\u2026";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (n = Number(n); n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${n.toLocaleString(undefined, { maximumFractionDigits: n < 10 && unit ? 1 : 0 })} ${units[unit]}`;
};
const time = (ms) => {
  if (ms == null) return "";
  const seconds = Math.floor(Number(ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  const [days, hours, minutes] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
};
const orDash = (text) => text || "\u2013";

// Tables. A row that is still there keeps its place in the document, so that focus and selection stay, and a cell is touched only if
// what it says is another.

const say = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};
const element = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

/** Columns: what stands above, what stands in it, and `kind`, `line` or `button`. The first is the row's name. */
class Table {
  #rows = new Map();
  #lines = new Map();
  constructor(id, columns) {
    this.table = $(`table-${id}`);
    this.none = this.table.parentNode.nextElementSibling;
    this.columns = columns;
    const head = columns.map(({ head, kind = "" }) => element("th", { scope: "col", class: kind }, head));
    this.table.append(element("thead", {}, element("tr", {}, ...head)), (this.body = element("tbody")));
  }
  draw(rows) {
    const left = new Set(this.#rows.keys());
    rows.forEach((row, at) => {
      left.delete(row.id);
      if (!this.#rows.has(row.id)) this.#rows.set(row.id, this.#begin(row));
      const { node, cells } = this.#rows.get(row.id);
      if (this.body.children[at] !== node) this.body.insertBefore(node, this.body.children[at] ?? null);
      node.classList.toggle("bad", !!row.bad);
      this.columns.forEach(({ text, line, isBad }, n) => {
        if (line) this.#draw(cells[n], `${row.id}\n${n}`);
        else say(cells[n], text(row));
        if (isBad) cells[n].classList.toggle("bad", !!isBad(row));
      });
    });
    for (const id of left) {
      this.#rows.get(id).node.remove();
      this.#rows.delete(id);
    }
    this.table.hidden = rows.length == 0;
    if (this.none?.classList.contains("none")) this.none.hidden = rows.length > 0;
  }
  /** Notes what lines show, which goes on while nothing is drawn. */
  note(rows) {
    this.columns.forEach(({ line }, n) => {
      if (!line) return;
      for (const row of rows) {
        const id = `${row.id}\n${n}`, points = this.#lines.get(id) ?? [];
        points.push(Number(line(row) ?? 0));
        if (points.length > SAMPLES) points.shift();
        this.#lines.set(id, points);
      }
    });
  }
  #begin(row) {
    const node = element("tr");
    const cells = this.columns.map(({ kind = "", line, click }, n) => {
      const cell = n == 0 ? element("th", { scope: "row", class: kind }) : element("td", { class: kind });
      node.append(cell);
      if (click) {
        const button = element("button", { type: "button", class: "link" });
        button.addEventListener("click", () => click(row));
        cell.append(button);
        return button;
      }
      if (!line) return cell;
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("class", "line");
      svg.setAttribute("viewBox", `0 0 ${SAMPLES - 1} 20`);
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("aria-hidden", "true");
      svg.append(document.createElementNS(SVG, "polyline"));
      cell.append(svg);
      return cell;
    });
    return { node, cells };
  }
  #draw(cell, id) {
    const points = this.#lines.get(id) ?? [], most = Math.max(1, ...points), from = SAMPLES - points.length;
    const drawn = points.map((point, at) => `${from + at},${(19 - (18 * point) / most).toFixed(1)}`).join(" ");
    cell.firstChild.firstChild.setAttribute("points", drawn);
  }
}

const name = { head: "Store", text: (row) => row.name };
const tables = {
  stores: new Table("stores", [
    { ...name, text: (row) => (row.is_closed ? `${row.name} (closed)` : row.name) },
    { head: "Entries", text: (row) => count(row.entries) },
    { head: "Watchers", text: (row) => count(row.watchers + row.watch_alls) },
    { head: "Held", text: (row) => count(row.held) },
    { head: "Granted, not taken up", text: (row) => count(row.granted), isBad: (row) => row.granted > 0 && row.holds.some((hold) => hold.granted) },
    { head: "Calls that wait", text: (row) => count(row.waiters) },
    { head: "Longest wait", text: (row) => orDash(row.waiters ? time(row.holds[0]?.waited_for) : "") },
    { head: "Mutations a second", text: (row) => rate(row.mutations) },
    { head: "of the last minute", line: (row) => row.mutations },
    { head: "Mutations", text: (row) => count(row.all_mutations), kind: "all" },
    { head: "Refused a second", text: (row) => rate(row.refused) },
    { head: "Refused", text: (row) => count(row.all_refused), kind: "all" },
  ]),
  holds: new Table("holds", [
    { head: "Key", text: (row) => row.key, kind: "key", click: (row) => open(row.store, row.key) },
    { head: "Store", text: (row) => row.store, kind: "text" },
    { head: "Held for at least", text: (row) => time(row.held_for) },
    { head: "By", text: (row) => (row.granted ? "granted, not taken up" : "a guard or a change"), kind: "text" },
    { head: "Calls that wait", text: (row) => count(row.waiters) },
    { head: "The first of them for", text: (row) => orDash(row.waiters ? time(row.waited_for) : "") },
  ]),
  watchers: new Table("watchers", [
    name,
    { head: "Entries watched", text: (row) => count(row.watched_entries) },
    { head: "With values", text: (row) => count(row.watchers - row.delta_watchers - row.set_watchers) },
    { head: "Without values", text: (row) => count(row.delta_watchers) },
    { head: "In sets", text: (row) => count(row.set_watchers) },
    { head: "Sets", text: (row) => count(row.watch_sets) },
    { head: "Of everything", text: (row) => count(row.watch_alls) },
    { head: "Lagged a second", text: (row) => rate(row.lagged) },
    { head: "Lagged", text: (row) => count(row.all_lagged), kind: "all" },
  ]),
  expiry: new Table("expiry", [
    name,
    { head: "Checked", text: (row) => (row.expiry_runs ? "yes" : "no") },
    { head: "In the queue", text: (row) => count(row.deadlines) },
    { head: "The next in", text: (row) => orDash(time(row.next_deadline)) },
    { head: "Batches for the callback", text: (row) => count(row.callbacks) },
    { head: "Expired a second", text: (row) => rate(row.expired) },
    { head: "Expired", text: (row) => count(row.all_expired), kind: "all" },
  ]),
  disk: new Table("disk", [
    name,
    { head: "State", text: (row) => row.disk.state, isBad: (row) => row.disk.state == "failed" },
    { head: "Waiting", text: (row) => count(row.disk.pending) },
    { head: "about", text: (row) => bytes(row.disk.pending_bytes) },
    { head: "Commits to disk a second", text: (row) => rate(row.disk.written) },
    { head: "of the last minute", line: (row) => row.disk.written },
    { head: "Not on disk yet", text: (row) => count(row.disk.committed - row.disk.durable) },
    { head: "Last sync", text: (row) => (row.disk.synced == null ? "none yet" : `${time(row.disk.synced)} ago`) },
    { head: "Log", text: (row) => bytes(row.disk.log_bytes) },
    { head: "Snapshot", text: (row) => (row.disk.snapshot_bytes ? bytes(row.disk.snapshot_bytes) : "none") },
    { head: "Cannot be written", text: (row) => count(row.disk.unwritten), isBad: (row) => row.disk.unwritten > 0 },
    { head: "Torn when opened", text: (row) => bytes(row.disk.torn_bytes) },
    { head: "Folder", text: (row) => row.disk.folder, kind: "text key" },
    { head: "Error", text: (row) => orDash(row.disk.error), kind: "text", isBad: (row) => row.disk.error },
  ]),
  sockets: new Table("sockets", [
    { head: "Served as", text: (row) => row.name },
    { head: "Connections", text: (row) => count(row.connections) },
    { head: "Users", text: (row) => count(row.users) },
    { head: "Frames a second", text: (row) => rate(row.frames) },
    { head: "of the last minute", line: (row) => row.frames },
    { head: "Bytes a second", text: (row) => bytes(row.bytes) },
    { head: "of the last minute", line: (row) => row.bytes },
    { head: "Bytes", text: (row) => bytes(row.all_bytes), kind: "all" },
    { head: "Folded a second", text: (row) => rate(row.folded) },
    { head: "Lagged a second", text: (row) => rate(row.lagged) },
    { head: "Lagged", text: (row) => count(row.all_lagged), kind: "all" },
    { head: "Commands a second", text: (row) => rate(row.accepted) },
    { head: "Refused a second", text: (row) => rate(row.refused) },
    { head: "Refused", text: (row) => count(row.all_refused), kind: "all" },
    { head: "Too soon a second", text: (row) => rate(row.limited) },
    { head: "Too soon", text: (row) => count(row.all_limited), kind: "all" },
  ]),
  subscriptions: new Table("subscriptions", [
    { head: "Store", text: (row) => row.store },
    { head: "Served as", text: (row) => row.live, kind: "text" },
    { head: "Role", text: (row) => row.role, kind: "text key" },
    { head: "Subscriptions", text: (row) => row.count },
    { head: "Keys", text: (row) => row.keys },
  ]),
};

const keys = new Table("entries", [
  { head: "Key", text: (row) => row.key, kind: "key", click: (row) => open(row.store, row.key) },
  { head: "Version", text: (row) => count(row.version) },
  { head: "Watchers", text: (row) => count(row.watchers) },
  { head: "Held", text: (row) => (row.held ? "yes" : "no") },
  { head: "Calls that wait", text: (row) => count(row.waiters) },
  { head: "Changed", text: (row) => `${time(row.changed)} ago` },
  { head: "Created", text: (row) => `${time(row.created)} ago` },
  { head: "Expires in", text: (row) => orDash(time(row.expires)) },
]);
keys.draw([]);

// What is told.

let told, isPaused = false;

const rowsOf = ({ stores, lives }) => {
  const named = stores.map((store) => ({ id: store.name, ...store }));
  const holds = stores.flatMap(({ name, holds }) =>
    holds.map((hold) => ({ id: `${name}\n${hold.key}`, store: name, bad: hold.waited_for >= STUCK || (hold.granted && hold.held_for >= STUCK), ...hold })),
  );
  holds.sort((one, other) => other.waited_for - one.waited_for || other.held_for - one.held_for);
  const subscriptions = lives.flatMap((live) =>
    live.subscriptions.flatMap(({ store, count: all, keys, is_partial, roles, all_roles }) => {
      const row = (role, number, atKeys) => ({
        id: `${live.name}\n${store}\n${role}`, live: live.name, store, role, count: (is_partial ? "at least " : "") + count(number), keys: atKeys,
      });
      return all ? [row(all_roles == 1 ? `${roles[0][0]} alone` : `all ${count(all_roles)}`, all, count(keys)), ...(all_roles > 1 ? roles.map(([role, number]) => row(role, number, "")) : [])] : [];
    }),
  );
  return {
    stores: named, holds, watchers: named, expiry: named, disk: named.filter((store) => store.disk),
    sockets: lives.map((live) => ({ id: live.name, ...live })), subscriptions,
  };
};

const draw = () => {
  if (!told || isPaused) return;
  const rows = rowsOf(told);
  for (const [id, table] of Object.entries(tables)) table.draw(rows[id]);
  $("disk").hidden = rows.disk.length == 0;
  const stuck = rows.holds.filter((row) => row.bad).length;
  const sentence = stuck == 1 ? "1 entry stands still" : `${count(stuck)} entries stand still`;
  say($("stuck"), stuck ? `${sentence}: somebody waits, or has not taken his turn. See what is held.` : "");
  $("stuck").hidden = !stuck;
  document.title = stuck ? `\u26a0 ${sentence} \u2013 inspector` : "inspector";
  const select = $("find").elements.store, names = told.stores.map((store) => store.name);
  if (names.join("\n") != [...select.options].map((option) => option.value).join("\n"))
    select.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
};

live.watch("figures", FIGURES).subscribe((value) => {
  if (!value) return;
  told = value;
  const rows = rowsOf(value);
  for (const [id, table] of Object.entries(tables)) table.note(rows[id]);
  draw();
  if (!isPaused) refresh();
});

live.state.subscribe((state) => {
  const words = { connecting: "connecting", open: "live", waiting: "no connection: trying again", closed: "closed" };
  const refused = live.closed?.code == 4401 || live.closed?.code == 4403;
  $("state").className = state;
  document.querySelector("main").classList.toggle("old", state != "open");
  say($("state"), refused ? "you are not let in any more: load the page anew" : words[state]);
});

$("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  $("pause").setAttribute("aria-pressed", isPaused);
  draw();
});

// Keys, and one entry.

/** What was asked for last, and what "Go on" asks for. */
let sought, next;

const find = async (asked) => {
  sought = asked;
  say($("found"), "looking\u2026");
  try {
    const { entries, after } = await live.call("keys", asked);
    if (asked != sought) return;
    keys.draw(entries.map((entry) => ({ id: `${asked.store}\n${entry.key}`, store: asked.store, ...entry })));
    next = after && { ...asked, after };
    const found = `${count(entries.length)} ${entries.length == 1 ? "key" : "keys"}`;
    say($("found"), after ? `${found}, and there are more` : entries.length ? found : asked.after ? "no more keys" : "no key begins so");
  } catch (error) {
    if (asked != sought) return;
    say($("found"), reason(error));
  }
  $("more").hidden = !next;
};
const reason = ({ code, reason }) => {
  const words = {
    not_found: "it is not there any more", rate_limited: "that was too soon after the last", forbidden: "no view of its values is given here",
    unknown: "the connection was lost", closed: "there is no connection",
  };
  return reason ?? words[code] ?? code;
};

$("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const { store, prefix } = event.target.elements;
  if (store.value) find({ store: store.value, prefix: prefix.value });
});
$("more").addEventListener("click", () => next && find(next));

let opened;

const facts = (entry) => [
  ["Version", count(entry.version)],
  ["Watchers", count(entry.watchers)],
  ["of them without values", count(entry.delta_watchers)],
  ["Held", entry.held ? `for at least ${time(entry.held_for)}${entry.granted ? ", granted, not taken up" : ""}` : "no"],
  ["Calls that wait", entry.waiters ? `${count(entry.waiters)}, the first for ${time(entry.waited_for)}` : "0"],
  ["Changed", `${time(entry.changed)} ago`],
  ["Created", `${time(entry.created)} ago`],
  ["Expires in", orDash(time(entry.expires))],
  ["Updates kept", count(entry.history)],
  ["Mutations kept", count(entry.delta_history)],
];

const open = (store, key) => {
  opened = { store, key };
  say($("entry-title"), `${store} ${key}`);
  say($("fault"), "");
  $("facts").replaceChildren();
  $("value").hidden = true;
  $("show").hidden = !told?.stores.find(({ name }) => name == store)?.has_view;
  $("entry").showModal();
  refresh();
};

/** What is known of the entry that is open, once for each sample. */
const refresh = async () => {
  const asked = opened;
  if (!asked) return;
  try {
    const entry = await live.call("entry", asked);
    if (asked != opened) return;
    const list = $("facts");
    facts(entry).forEach(([name, text], at) => {
      list.children[2 * at] ?? list.append(element("dt", {}, name), element("dd"));
      say(list.children[2 * at + 1], text);
    });
    say($("fault"), "");
  } catch (error) {
    if (asked == opened) say($("fault"), reason(error));
  }
};

/** Numbers beyond 2^53 as they are. */
const exact = (_, value) => (typeof value == "bigint" ? (JSON.rawJSON?.(String(value)) ?? String(value)) : value);

$("show").addEventListener("click", async () => {
  const asked = opened;
  try {
    const { value, version } = await live.call("value", asked);
    if (asked != opened) return;
    say($("value"), `at version ${count(version)}:\n${JSON.stringify(value, exact, 2)}`);
    $("value").hidden = false;
  } catch (error) {
    if (asked == opened) say($("fault"), reason(error));
  }
});
$("entry").addEventListener("close", () => {
  opened = undefined;
  say($("value"), "");
});
