// The page of the board. Everything that is live comes from livestore's client.

import { connect } from "/live.js";

const $ = (id) => document.getElementById(id);
const LIST = "00000000-0000-0000-0000-000000000000", SIZE = 4000, COLORS = ["yellow", "pink", "green", "blue"];
const uuid = () => {
  // `crypto.randomUUID` is for secure pages only, and a phone in the same room has none.
  const bytes = crypto.getRandomValues(new Uint8Array(16)), hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};

const random = () => crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
/** Which of our windows this is. */
const tab = random();
/** The board that is open, its watches and who is there; who we are to others; the card in our hand, and which drag it is. */
let current, me, held, drag = random() >>> 1;
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
/** Does something at most so often: at once, and what came meanwhile last after a pause. */
const paced = (ms, act) => {
  let rests = false, next;
  const go = (...what) => {
    if (rests) return void (next = what);
    rests = true;
    act(...what);
    setTimeout(() => {
      rests = false;
      if (next) go(...next);
    }, ms);
    next = undefined;
  };
  return go;
};

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
  // One attempt after another is no news.
  if (state == "connecting" && $("state").className == "waiting") return;
  $("state").textContent = { open: "live", connecting: "connecting", waiting: "No connection, trying again", closed: "Closed" }[state];
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
  $("view").scrollTo(0, 0);
  const board = live.watch("board", key), here = live.watch("board@here", key);
  current = { key, board, people: new Map(), close: () => (board.close(), here.close()) };
  board.messages(point);
  board.subscribe((value) => {
    draw(value);
    if (value && !current.isShown) (current.isShown = true), reveal();
    if (board.end) say("This board has been removed."), open(undefined);
  });
  here.subscribe(people);
}

const hue = (id) => parseInt(id.slice(0, 4), 16) % 360;
const called = (id) => current?.people.get(id) ?? "somebody";
const build = (tag, className = "", text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
/** How many people are shown, of whom the others are counted. */
const SHOWN = 6;

function people(value) {
  const there = Object.values(value?.people ?? {}), { count = 0, partial } = value ?? {};
  if (current) current.people = new Map([...(partial ? current.people : []), ...there.map(({ id, name }) => [id, name])]);
  const items = there.slice(0, SHOWN).map(({ id, name }) => {
    const item = build("li"), initial = build("span", "initial", [...name][0].toUpperCase());
    initial.ariaHidden = "true";
    item.title = id == me ? `${name} (you)` : name;
    item.append(initial, build("span", "name", item.title));
    item.style.setProperty("--hue", hue(id));
    return item;
  });
  if (count > items.length) items.push(build("li", "more", `+${count - items.length}`));
  $("people").replaceChildren(...items);
  for (const pointer of pointers.values()) if (!current?.people.has(pointer.who)) pointer.remove();
  for (const shown of drawn.values()) label(shown);
}

function label({ element, card }) {
  // Of whom there is no name any more, none is shown.
  element.querySelector(".by").textContent = current?.people.get(card.author) ?? "";
  element.setAttribute("aria-label", `${card.color} card of ${called(card.author)}: ${card.text || "empty"}`);
}

const bringIn = (element) => element.scrollIntoView({ block: "nearest", inline: "nearest" });
/** Has a card on a board to be seen, if there is one: what lies on top, unless one is seen as it is. */
function reveal() {
  const view = $("view").getBoundingClientRect(), all = [...drawn.values()].sort((one, other) => other.card.at.z - one.card.at.z);
  const isSeen = ({ element }) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    return left >= view.left && right <= view.right && top >= view.top && bottom <= view.bottom;
  };
  if (!all.some(isSeen)) all[0]?.element.scrollIntoView({ block: "center", inline: "center" });
}

function draw(value) {
  const cards = value?.cards ?? {};
  $("title").textContent = document.title = value?.title ?? "Board";
  $("add").disabled = !value;
  $("undo").disabled = !value?.can_undo;
  $("redo").disabled = !value?.can_redo;
  $("empty").hidden = !value || Object.keys(cards).length > 0;
  $("end").hidden = $("remark").hidden = typeof value?.remark != "string";
  const remark = $("remark").querySelector("input");
  if (remark.typed === undefined && remark.value != (value?.remark ?? "")) remark.value = value?.remark ?? "";
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
    // What is in our hand is where our hand is.
    if (held != id) [element.style.left, element.style.top] = [`${card.at.x}px`, `${card.at.y}px`];
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
    const details = element.querySelector("details");
    details.hidden = card.author != me;
    if (card.note && !was?.card.note) details.open = true;
  }
}

/** `lost` hears of it if nobody knows what came of it. */
const send = (command, change, lost = failed) =>
  current?.board
    .send(command, { optimistic: change && ((value) => ({ ...value, cards: change(value.cards) })) })
    .catch((error) => (error.code == "unknown" ? lost : failed)(error));
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
/** A place for a new card in what is seen of the board: as near to its middle as there is room. */
const room = () => {
  const { scrollLeft, scrollTop, clientWidth, clientHeight } = $("view"), [width, height, gap] = [220, 130, 16];
  const middle = [scrollLeft + (clientWidth - width) / 2, scrollTop + clientHeight / 3 - height / 2], places = [];
  // The buttons stand at the bottom.
  for (let x = scrollLeft + gap; x <= scrollLeft + clientWidth - width - gap; x += 20)
    for (let y = scrollTop + gap; y <= scrollTop + clientHeight - height - 90; y += 20) places.push([x, y, Math.hypot(x - middle[0], y - middle[1])]);
  places.sort(([, , one], [, , other]) => one - other);
  const cards = [...drawn.values()].map(({ element, card }) => ({ ...card.at, bottom: card.at.y + element.offsetHeight }));
  const isFree = ([x, y]) => cards.every((at) => Math.abs(at.x - x) >= width + gap || y >= at.bottom + gap || y + height + gap <= at.y);
  return (places.find(isFree) ?? middle.map((at) => at + Math.random() * 60)).slice(0, 2).map(within);
};
const add = () => {
  const id = uuid(), [x, y] = room();
  send({ add: { card: id, x, y, color: "yellow" } }, (cards) => ({ ...cards, [id]: { author: me, at: { x, y, z: top(cards) }, text: "", color: "yellow" } }));
  drawn.get(id)?.element.querySelector(".text").focus();
};
$("add").onclick = add;
$("undo").onclick = () => send("undo");
$("redo").onclick = () => send("redo");
write($("remark").querySelector("input"), ({ remark }) => remark ?? undefined, (remark) => ({ remark }));

function make(id) {
  const element = $("card").content.firstElementChild.cloneNode(true), [text, note] = [".text", ".note"].map((area) => element.querySelector(area));
  element.dataset.id = id;
  element.querySelector(".paint").onclick = () => paint(id);
  element.querySelector(".remove").onclick = () => remove(id);
  for (const [area, field, command] of [[text, "text", "write"], [note, "note", "note"]])
    write(area, ({ cards: { [id]: card } }) => card && (card[field] ?? ""), (text) => ({ [command]: { card: id, text } }), (text) => of(id, { [field]: text }));
  element.onkeydown = (event) => {
    if (event.target != element) {
      if (event.key == "Escape") element.focus();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 100 : 20, { x, y } = drawn.get(id).card.at;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by) {
      drag++;
      move(id, x + by[0], y + by[1]);
      bringIn(element);
      tell(x + by[0], y + by[1]);
    } else if (event.key == "Enter") text.focus();
    else if (event.key == "n" && !element.querySelector("details").hidden) (element.querySelector("details").open = true), note.focus();
    else if (event.key == "c") paint(id);
    else if (event.key == "Delete" || event.key == "Backspace") remove(id);
    else return;
    event.preventDefault();
  };
  take(id, element);
  $("cards").append(element);
  return element;
}

/**
 * Sends what is typed somewhere, and nothing else, as others may be writing there as well. `read` says what of a board is there,
 * `command` and `change` make it another text.
 */
function write(area, read, command, change) {
  let later, latest;
  /** What is there unless somebody else writes: what was there, and what was sent since and is not answered. */
  const ours = new Set();
  const ask = (text, lost) => send(command(text), change?.(text), lost).then(() => text == latest && ours.clear());
  const writeNow = () => {
    clearTimeout(later);
    const { typed: text } = area, here = current, was = here?.board.value && read(here.board.value);
    area.typed = undefined;
    if (text === undefined || !here) return;
    if (was === undefined) return say(REASONS.gone);
    if (text == was) return;
    if (!ours.size) ours.add(was);
    ours.add((latest = text));
    ask(text, async (error) => {
      // Nobody knows whether it has come, but for what there is. If it has not, it comes now, and no older one.
      const now = await live.get("board", here.key).then(({ value }) => read(value), () => {});
      const isNewest = text == latest && area.typed === undefined;
      if (now === undefined || (isNewest && !ours.has(now))) failed(error);
      else if (isNewest && now != text && current == here) return ask(text);
    });
  };
  area.oninput = () => {
    area.typed = area.value;
    clearTimeout(later);
    later = setTimeout(writeNow, 400);
  };
  area.onblur = writeNow;
}
// Whoever leaves the page has written what he has written.
document.addEventListener("visibilitychange", () => document.hidden && document.activeElement?.onblur?.());

/** Has a card taken in the hand and put down elsewhere, wherever it is touched but where one is writing. */
function take(id, element) {
  const isWritten = (target) => target.matches("textarea") && target == document.activeElement;
  // Whether it is to be written on is known when it is let go.
  element.onmousedown = (event) => {
    if (event.target.matches("textarea") && !isWritten(event.target)) event.preventDefault();
  };
  element.onpointerdown = (event) => {
    if (event.target.closest("button, summary") || isWritten(event.target) || event.button) return;
    const from = drawn.get(id).card.at, { target, clientX, clientY } = event, { scrollLeft, scrollTop } = $("view");
    const by = (event) => [event.clientX - clientX + $("view").scrollLeft - scrollLeft, event.clientY - clientY + $("view").scrollTop - scrollTop];
    const moves = paced(60, (...at) => held == id && move(id, ...at));
    let last;
    drag++;
    element.setPointerCapture(event.pointerId);
    element.onpointermove = (event) => {
      const [x, y] = by(event);
      // Hands are not that steady.
      if (!last && Math.hypot(x, y) < 4) return;
      last = [from.x + x, from.y + y];
      held = id;
      element.classList.add("held");
      [element.style.left, element.style.top] = last.map((at) => `${within(at)}px`);
      moves(...last);
    };
    element.onpointerup = element.onpointercancel = ({ type }) => {
      element.onpointermove = element.onpointerup = element.onpointercancel = undefined;
      element.classList.remove("held");
      held = undefined;
      if (last) move(id, ...last);
      if (!last && type == "pointerup" && target.matches("textarea")) target.focus();
      else element.focus({ preventScroll: true });
      if (!last) bringIn(element);
    };
  };
}

// ---- Where others point, and what they have chosen.

function point({ who, tab: its, x, y, card }) {
  if (who == me && its == tab) return;
  const key = `${who} ${its}`;
  let pointer = pointers.get(key);
  if (!pointer) {
    const shown = build("div", "pointer");
    shown.style.setProperty("--hue", hue(who));
    shown.append(build("span"));
    $("pointers").append(shown);
    pointer = {
      who,
      show(x, y, card) {
        shown.firstChild.textContent = called(who);
        shown.style.transform = `translate(${x}px, ${y}px)`;
        this.hold(card);
        clearTimeout(this.gone);
        this.gone = setTimeout(() => this.remove(), 10_000);
      },
      hold(card) {
        const before = drawn.get(this.card)?.element, now = drawn.get(card)?.element;
        if (before && before != now) delete before.dataset.holder;
        if (now) (now.dataset.holder = called(who)), now.style.setProperty("--hue", hue(who));
        // The card has the name, then.
        shown.classList.toggle("holding", !!now);
        this.card = card;
      },
      remove() {
        this.hold(undefined);
        clearTimeout(this.gone);
        shown.remove();
        pointers.delete(key);
      },
    };
    pointers.set(key, pointer);
  }
  pointer.show(x, y, card);
}

/** The card that is chosen: in our hand, or where the keyboard is. */
const chosen = () => held ?? document.activeElement?.closest(".card")?.dataset.id;
let place;
const tell = paced(50, (x, y) => {
  place = [x, y].map(Math.round);
  current?.board.publish({ x: place[0], y: place[1], card: chosen() ?? null, tab });
});
$("surface").addEventListener("pointermove", (event) => {
  const { left, top } = $("surface").getBoundingClientRect();
  tell(event.clientX - left, event.clientY - top);
});
const tellChosen = () => {
  const at = drawn.get(chosen())?.card.at;
  if (place ?? at) tell(...(place ?? [at.x, at.y]));
};
for (const event of ["focusin", "focusout"]) $("cards").addEventListener(event, () => queueMicrotask(tellChosen));
// It is shown for ten seconds.
setInterval(() => chosen() && !document.hidden && tellChosen(), 5_000);

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const writes = event.target.closest?.("textarea, input, select");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() == "z" && !writes) {
    event.preventDefault();
    send(event.shiftKey ? "redo" : "undo");
  } else if (event.key == "a" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey && (event.target == document.body || $("view").contains(event.target))) {
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
  $("boards").hidden = !options.length;
  if (!value) return;
  if (isFirst && !options.length) $("begin").click();
  isFirst = false;
  if (!options.some(({ value }) => value == current?.key)) open(options.find(({ value }) => value == location.hash.slice(1))?.value ?? options[0]?.value);
});
