// The page of the board. Everything that is live comes from livestore's client.

import { connect } from "/live.js";

const $ = (id) => document.getElementById(id);
const LIST = "00000000-0000-0000-0000-000000000000", SIZE = 4000, COLORS = ["yellow", "pink", "green", "blue"];
const uuid = () => {
  // `crypto.randomUUID` is for secure pages only, and a phone in the same room has none.
  const bytes = crypto.getRandomValues(new Uint8Array(16)), hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};

/** The board that is open, its watches and who is there; who we are to others; the card in our hand, and which drag it is. */
let current, me, held, drag = Math.floor(Math.random() * 1e9);
/** The cards that are shown, each as it was drawn: what is the same object needs no drawing. */
const drawn = new Map();
const pointers = new Map();

/** Asks something in a dialog. Returns nothing if that is closed, and asks again if there is no such answer. */
const ask = (dialog) =>
  new Promise((resolve) => {
    const form = dialog.querySelector("form"), no = form.querySelector("[value=no]");
    let answer;
    form.reset();
    form.onsubmit = () => (answer = Object.fromEntries(new FormData(form)));
    if (no) no.onclick = () => dialog.close();
    dialog.onclose = () => (answer || no ? resolve(answer) : dialog.showModal());
    dialog.showModal();
  });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const visible = (text) => (text ?? "").replace(/\p{Cc}/gu, "").trim();
let name = visible(localStorage.name);
while (!name) name = visible((await ask($("who"))).name);
localStorage.name = name;
localStorage.secret ??= uuid();
const token = `${localStorage.secret}.${[...new TextEncoder().encode(name)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;

let silence;
const say = (text) => {
  $("said").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => ($("said").textContent = ""), 6000);
};
const REASONS = {
  gone: "Somebody has removed that card.", full: "The board is full.", too_long: "That is too long.", not_yours: "That is for somebody else to do.",
  nothing_to_undo: "There is nothing of yours to take back.", unknown: "The connection was lost: look whether that was done.",
};
const failed = (error) => say(REASONS[error.reason] ?? REASONS[error.code] ?? error.message);

const live = connect("/live", { token });
live.state.subscribe((state) => {
  $("state").textContent = { open: "live", connecting: "connecting", waiting: "no connection, trying again", closed: "closed" }[state];
  $("state").className = state;
  if (state != "closed") return;
  say(`The server does not let us in (${live.closed?.code}).`);
  // Maybe it does under another name.
  if (live.closed?.code == 4401) delete localStorage.name;
});

// ---- Which boards there are.

$("boards").onchange = () => open($("boards").value);
addEventListener("hashchange", () => {
  const key = location.hash.slice(1);
  if ([...$("boards").options].some(({ value }) => value == key)) open(key);
});
$("begin").onclick = async () => {
  const named = await ask($("naming"));
  if (named) live.call("begin", named.title).then(open, failed);
};
$("end").onclick = async () => {
  const { key } = current ?? {};
  if (key && (await ask($("ending")))) live.call("end", key).catch(failed);
};

// ---- One board.

function open(key) {
  if (key == current?.key) return;
  // What is being written there is written.
  const at = document.activeElement;
  if (!current?.board.end && at?.closest("#view, #remark")) at.blur();
  current?.close();
  current = undefined;
  draw(undefined);
  people(undefined);
  if (!key) return;
  location.hash = key;
  $("boards").value = key;
  const board = live.watch("board", key), here = live.watch("board@here", key);
  current = { key, board, people: new Map(), close: () => (board.close(), here.close()) };
  board.messages(point);
  board.subscribe((value) => {
    draw(value);
    if (board.end) say("This board has been removed."), open(undefined);
  });
  here.subscribe(people);
}

const hue = (id) => parseInt(id.slice(0, 4), 16) % 360;
const called = (id) => current?.people.get(id) ?? "somebody";

function people(value) {
  const there = Object.values(value?.people ?? {});
  if (current) current.people = new Map(there.map(({ id, name }) => [id, name]));
  $("people").replaceChildren(...there.map(({ id, name }) => {
    const item = document.createElement("li");
    item.textContent = name;
    item.style.setProperty("--hue", hue(id));
    return item;
  }));
  for (const [who, pointer] of pointers) if (!current?.people.has(who)) pointer.remove();
  for (const shown of drawn.values()) label(shown);
}

function label({ element, card }) {
  element.querySelector(".by").textContent = called(card.author);
  element.setAttribute("aria-label", `${card.color} card of ${called(card.author)}: ${card.text || "empty"}`);
}

function draw(value) {
  const cards = value?.cards ?? {};
  $("title").textContent = value?.title ?? "board";
  document.title = value?.title ?? "board";
  $("add").disabled = !value;
  $("undo").disabled = !value?.can_undo;
  $("redo").disabled = !value?.can_redo;
  $("empty").hidden = !value || Object.keys(cards).length > 0;
  $("end").hidden = $("remark").hidden = typeof value?.remark != "string";
  const remark = $("remark").querySelector("input");
  if (document.activeElement != remark) remark.value = value?.remark ?? "";
  for (const [id, { element }] of drawn) {
    if (Object.hasOwn(cards, id)) continue;
    drawn.delete(id);
    if (held == id) held = undefined;
    // Whoever was at it goes on at the next one.
    const isThere = element.contains(document.activeElement), next = element.nextElementSibling ?? element.previousElementSibling ?? $("view");
    element.remove();
    if (isThere) next.focus();
  }
  for (const [id, card] of Object.entries(cards)) {
    const was = drawn.get(id);
    if (was?.card === card) continue;
    const element = was?.element ?? make(id);
    drawn.set(id, { element, card });
    element.style.left = `${card.at.x}px`;
    element.style.top = `${card.at.y}px`;
    element.style.zIndex = card.at.z;
    element.dataset.color = card.color;
    label({ element, card });
    for (const field of ["text", "note"]) {
      const area = element.querySelector(`.${field}`), now = card[field] ?? "";
      // What is being typed is sent soon, and goes over what others have written.
      if (area.typed !== undefined || area.value == now) continue;
      const { selectionStart, selectionEnd } = area;
      area.value = now;
      if (document.activeElement == area) area.setSelectionRange(selectionStart, selectionEnd);
    }
    element.querySelector("details").hidden = card.author != me;
  }
}

const send = (command, change) => current?.board.send(command, { optimistic: change && ((value) => ({ ...value, cards: change(value.cards) })) }).catch(failed);
/** A change of one card, if it is still there. */
const of = (id, change) => (cards) => (Object.hasOwn(cards, id) ? { ...cards, [id]: { ...cards[id], ...change } } : cards);
const top = (cards) => Math.max(0, ...Object.values(cards).map(({ at }) => at.z)) + 1;
const within = (n) => Math.round(Math.min(SIZE, Math.max(0, n)));

const move = (id, x, y) => {
  [x, y] = [within(x), within(y)];
  return send({ move: { card: id, x, y, drag } }, (cards) => of(id, { at: { x, y, z: top(cards) } })(cards));
};
const paint = (id) => {
  const color = COLORS[(COLORS.indexOf(drawn.get(id).card.color) + 1) % COLORS.length];
  send({ paint: { card: id, color } }, of(id, { color }));
};
const remove = (id) => send({ remove: { card: id } }, ({ [id]: _, ...cards }) => cards);
const add = () => {
  const id = uuid(), { scrollLeft, scrollTop, clientWidth, clientHeight } = $("view");
  const [x, y] = [scrollLeft + clientWidth / 2 - 105 + Math.random() * 60, scrollTop + clientHeight / 3 + Math.random() * 60].map(within);
  send({ add: { card: id, x, y, color: "yellow" } }, (cards) => ({ ...cards, [id]: { author: me, at: { x, y, z: top(cards) }, text: "", color: "yellow" } }));
  drawn.get(id)?.element.querySelector(".text").focus();
};
$("add").onclick = add;
$("undo").onclick = () => send("undo");
$("redo").onclick = () => send("redo");
$("remark").querySelector("input").onchange = (event) => send({ remark: event.target.value });

function make(id) {
  const element = $("card").content.firstElementChild.cloneNode(true), text = element.querySelector(".text"), note = element.querySelector(".note");
  element.querySelector(".paint").onclick = () => paint(id);
  element.querySelector(".remove").onclick = () => remove(id);
  for (const [area, field] of [[text, "text"], [note, "note"]]) {
    // Only what was typed is sent, as others may be writing there as well.
    let later;
    const write = () => {
      clearTimeout(later);
      const text = area.typed;
      area.typed = undefined;
      if (text === undefined || !current) return;
      if (!drawn.has(id)) say(REASONS.gone);
      else if (text != (drawn.get(id).card[field] ?? "")) send({ [field == "text" ? "write" : "note"]: { card: id, text } }, of(id, { [field]: text }));
    };
    area.oninput = () => {
      area.typed = area.value;
      clearTimeout(later);
      later = setTimeout(write, 400);
    };
    area.onblur = write;
  }
  element.onkeydown = (event) => {
    if (event.target != element) {
      if (event.key == "Escape") element.focus();
      return;
    }
    const step = event.shiftKey ? 100 : 20, { x, y } = drawn.get(id).card.at;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by) drag++, move(id, x + by[0], y + by[1]);
    else if (event.key == "Enter") text.focus();
    else if (event.key == "c" && !event.ctrlKey && !event.metaKey) paint(id);
    else if (event.key == "Delete" || event.key == "Backspace") remove(id);
    else return;
    event.preventDefault();
  };
  element.onpointerdown = (event) => {
    if (event.target.closest("textarea, button, summary") || event.button) return;
    const from = drawn.get(id).card.at, { clientX, clientY } = event, { scrollLeft, scrollTop } = $("view");
    drag++;
    let sent = 0, last;
    const to = (event) => [from.x + event.clientX - clientX + $("view").scrollLeft - scrollLeft, from.y + event.clientY - clientY + $("view").scrollTop - scrollTop];
    element.setPointerCapture(event.pointerId);
    element.classList.add("held");
    held = id;
    element.onpointermove = (event) => {
      last = to(event);
      [element.style.left, element.style.top] = last.map((n) => `${within(n)}px`);
      if (event.timeStamp - sent < 60) return;
      sent = event.timeStamp;
      move(id, ...last);
    };
    element.onpointerup = element.onpointercancel = () => {
      element.onpointermove = element.onpointerup = element.onpointercancel = undefined;
      element.classList.remove("held");
      held = undefined;
      if (last) move(id, ...last);
      element.focus();
    };
  };
  $("cards").append(element);
  return element;
}

// ---- Where others point.

function point({ who, x, y, card }) {
  if (who == me) return;
  let pointer = pointers.get(who);
  if (!pointer) {
    const element = document.createElement("div");
    element.className = "pointer";
    element.style.setProperty("--hue", hue(who));
    element.append(document.createElement("span"));
    $("pointers").append(element);
    pointer = {
      show(x, y, card) {
        element.querySelector("span").textContent = called(who);
        element.style.transform = `translate(${x}px, ${y}px)`;
        this.hold(card);
        clearTimeout(this.gone);
        this.gone = setTimeout(() => this.remove(), 10_000);
      },
      hold(card) {
        const before = drawn.get(this.card)?.element, now = drawn.get(card)?.element;
        if (before && before != now) delete before.dataset.holder;
        if (now) (now.dataset.holder = called(who)), now.style.setProperty("--hue", hue(who));
        this.card = card;
      },
      remove() {
        this.hold(undefined);
        clearTimeout(this.gone);
        element.remove();
        pointers.delete(who);
      },
    };
    pointers.set(who, pointer);
  }
  pointer.show(x, y, card);
}

let pointed = 0;
$("surface").addEventListener("pointermove", (event) => {
  if (!current || event.timeStamp - pointed < 50) return;
  pointed = event.timeStamp;
  const { left, top } = $("surface").getBoundingClientRect();
  current.board.publish({ x: Math.round(event.clientX - left), y: Math.round(event.clientY - top), card: held ?? null });
});

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const writes = event.target.closest?.("textarea, input, select");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() == "z" && !writes) {
    event.preventDefault();
    send(event.shiftKey ? "redo" : "undo");
  } else if (event.key == "a" && !writes && !event.ctrlKey && !event.metaKey && $("view").contains(event.target)) {
    event.preventDefault();
    add();
  }
});

// ---- It begins.

while (me === undefined) {
  try {
    me = await live.call("me");
  } catch ({ code, retry, after }) {
    // The reply was lost, or it was too soon. Otherwise we are not let in, which the state says.
    if (code != "unknown" && !retry) break;
    await pause(after ?? 0);
  }
}
let isFirst = true;
live.watch("boards", LIST).subscribe((value) => {
  const options = Object.entries(value?.boards ?? {}).map(([key, title]) => new Option(title, key, false, key == current?.key));
  $("boards").replaceChildren(...options);
  if (!value) return;
  if (isFirst && !options.length) $("begin").click();
  isFirst = false;
  if (!options.some(({ value }) => value == current?.key)) open(options.find(({ value }) => value == location.hash.slice(1))?.value ?? options[0]?.value);
});
