// People at the example `board`: those who stay, those who come and go, and what each of them does.

import { randomUUID } from "node:crypto";
import { fault } from "./faults.js";
import { Ledger, ON_DISK } from "./ledger.js";
import { Person, areHere, tokenOf } from "./person.js";
import { Stage } from "./stage.js";
import { Strangers } from "./stranger.js";
import { below, oneOf, perhaps, sleep, until } from "./time.js";

const NIL = "00000000-0000-0000-0000-000000000000";
const COLORS = ["yellow", "pink", "green", "blue"];
const BOARDS = 3;
/** So many cards lie on a board, or a few more; and so many are one keeper's. */
const CARDS = 40, KEPT = 8;
/** What is called so is ended soon. */
const PASSING = "passing";

let count = 0;
/** A text that is nobody else's. */
const words = () => `${++count} ${"lorem ipsum ".repeat(below(20))}`;
const place = () => ({ x: below(4000), y: below(4000) });

/** Somebody at one board. */
class Player extends Person {
  async sit(key, role) {
    this.board = this.watch("board", key);
    this.here = this.watch("board@here", key);
    this.id = await this.live.call("me");
    this.board.subscribe((board) => {
      if (!board) return;
      const noted = Object.values(board.cards).find(({ note, author }) => note && author != this.id);
      if (noted) fault(`${this.server.name}: a note is shown to somebody who has not written it`);
      if ((board.remark !== null) != (role == "admin")) fault(`${this.server.name}: a remark is not for the admin alone`, `it is ${JSON.stringify(board.remark)} for who is ${role}`);
    });
    await this.board.ready;
    return this;
  }
  cards = () => Object.entries(this.board.value?.cards ?? {});
  point = (card = null) => this.board.publish({ ...place(), card, tab: 1 });
  async add() {
    const card = randomUUID();
    await this.board.send({ add: { card, ...place(), color: oneOf(COLORS) } });
    return card;
  }
  async drag(card) {
    const drag = below(2 ** 32);
    for (let step = 1 + below(8); step; step--) {
      const { x, y } = place();
      const moved = (board) => (board.cards[card] ? { ...board, cards: { ...board.cards, [card]: { ...board.cards[card], at: { ...board.cards[card].at, x, y } } } } : board);
      const sent = this.board.send({ move: { card, x, y, drag } }, { optimistic: moved });
      this.point(card);
      await Promise.all([sent, sleep(30)]);
    }
  }
}

export class Board {
  #people = [];
  #keepers = [];
  constructor(server) {
    this.server = server;
    this.stage = new Stage(server.name);
    this.strangers = new Strangers(server, () => ({ token: tokenOf(server, "stranger"), store: "board", keys: this.keys }));
  }
  async open() {
    this.admin = new Person(this.server, "admin");
    this.list = this.admin.watch("boards", NIL);
    this.keys = [];
    for (let at = 0; at < BOARDS; at++) this.keys.push(await this.admin.live.call("begin", `board ${at}`));
    for (const key of this.keys) {
      const admin = await this.#seat(key, new Player(this.server, "admin", this.admin.token), "admin");
      const keeper = await this.#seat(key, new Player(this.server, "keeper"));
      keeper.ledger = new Ledger(`${this.server.name}, board ${key}`);
      this.#keepers.push(keeper);
      const slow = await this.#seat(key, new Player(this.server, "slow"));
      const players = [slow];
      for (const name of ["ann", "ben"]) players.push(await this.#seat(key, new Player(this.server, name)));
      this.stage.play("a remark", 3_000, () => admin.board.send({ remark: words() }));
      this.stage.play("a keeper", 250, () => this.#keep(keeper));
      for (const player of players) this.stage.play("a player", 500, () => this.#act(player));
      this.stage.play("a stall", 4_000, () => slow.stall(below(6_000)));
    }
    for (let at = 0; at < 4; at++) this.stage.play("a visit", 500, () => this.#visit());
    this.stage.play("a broken connection", 2_000, async () => oneOf(this.#people).cut());
    this.stage.play("a stranger", 5_000, async () => this.strangers.come());
    this.stage.play("a board that passes", 15_000, () => this.#pass());
  }
  get #everybody() {
    return [this.admin, ...this.#people];
  }
  async #seat(key, player, role = "somebody") {
    player.list = player.watch("boards", NIL);
    this.#people.push(await player.sit(key, role));
    return player;
  }

  /** A keeper alone writes on his cards, so he knows what is there, and takes nothing back. */
  async #keep(keeper) {
    const { board, ledger } = keeper;
    const his = keeper.cards().filter(([, { author }]) => author == keeper.id).map(([id]) => id);
    // What was removed, and came back with the server.
    const stray = his.find((id) => !ledger.has(id));
    if (stray) return board.send({ remove: { card: stray } });
    const card = oneOf(his), chance = Math.random();
    try {
      if (his.length < KEPT / 2 || (his.length < KEPT && chance < 0.1)) {
        const id = randomUUID();
        await ledger.write(id, "", () => board.send({ add: { card: id, ...place(), color: "blue" } }));
      } else if (chance < 0.2) await ledger.write(card, null, () => board.send({ remove: { card } }));
      else if (chance < 0.4) await board.send({ note: { card, text: words() } });
      else {
        const text = words();
        await ledger.write(card, text, () => board.send({ write: { card, text } }));
        // The watch shows what was done by then, unless the server was killed since and has not got it.
        if (board.value?.cards[card] && board.value.cards[card].text != text && keeper.live.state.value == "open")
          fault(`${this.server.name}: a text that was acknowledged is not shown to who has written it`);
      }
    } finally {
      // What was sent on a connection that has ended since, and may be under way, is over before there is more.
      if (keeper.live.state.value != "open") await sleep(1_000);
    }
  }
  async #act(player) {
    const { board } = player, cards = player.cards();
    const keepers = this.#keepers.map(({ id }) => id), open = cards.filter(([, { author }]) => !keepers.includes(author)).map(([id]) => id);
    const any = oneOf(cards)?.[0], card = oneOf(open), mine = open.find((id) => board.value.cards[id].author == player.id);
    if (cards.length > CARDS && card) return board.send({ remove: { card } });
    if (open.length < 8) return void (await player.add());
    const acts = [
      () => player.add(),
      () => player.drag(any),
      () => player.drag(any),
      () => board.send({ write: { card, text: words() } }),
      () => board.send({ paint: { card: any, color: oneOf(COLORS) } }),
      () => mine && board.send({ note: { card: mine, text: perhaps(0.3) ? "" : words() } }),
      () => board.send("undo"),
      () => board.send("redo"),
      // Which is not his to do.
      () => board.send({ remark: words() }),
      () => player.point(any),
    ];
    await oneOf(acts)();
  }
  async #visit() {
    const visitor = new Player(this.server, "visitor");
    try {
      await visitor.sit(oneOf(this.keys), "somebody");
      for (let left = below(6); left; left--) {
        await this.#act(visitor);
        if (perhaps(0.1)) visitor.cut();
        await sleep(below(500));
      }
    } finally {
      visitor.leave(perhaps(0.5));
    }
  }
  /** A board is begun, looked at and ended, which whoever watches it is told. */
  async #pass() {
    const { live } = this.admin, visitor = new Player(this.server, "visitor");
    try {
      // Those whose end was lost.
      for (const [key, title] of Object.entries(this.list.value?.boards ?? {})) if (title == PASSING) await live.call("end", key);
      await visitor.sit(await live.call("begin", PASSING), "somebody");
      await visitor.add();
      await live.call("end", visitor.board.key);
      const came = await until(() => visitor.board.end);
      if (!came) fault(`${this.server.name}: who watches a board that is ended is not told so`);
    } catch (error) {
      // The server was killed before the beginning, or the end, was on disk.
      if (error.code != "not_found") throw error;
    } finally {
      visitor.leave();
    }
  }

  /** Nobody does anything, and whatever there is, everybody has. */
  async look() {
    await this.stage.rest();
    this.strangers.leave();
    await this.#agree();
    await this.#check("when all is quiet");
    this.stage.resume();
  }
  async #agree() {
    await Promise.all(this.#everybody.map((person) => person.agrees()));
    for (const key of this.keys) {
      const there = this.#people.filter(({ board }) => board.key == key);
      await areHere(`${this.server.name}, board ${key}`, there[0].here, "id", there.map(({ id }) => id));
    }
  }
  /** Asks a fresh connection whether what was acknowledged is there. */
  async #check(when) {
    const fresh = new Person(this.server);
    for (const { ledger, board } of this.#keepers) {
      const answer = await fresh.live.get("board", board.key).catch(({ message }) => fault(`${this.server.name}: ${when} a board is gone: ${message}`));
      ledger.check(answer?.value.cards ?? {}, when);
    }
    fresh.leave();
  }
  /** Kills the server in the middle of it, and starts it anew. Clients come back by themselves. */
  async kill() {
    await this.look();
    // What was there when all was quiet is on disk by then.
    await sleep(2 * ON_DISK);
    const at = Date.now();
    await this.server.kill();
    for (const { ledger } of this.#keepers) ledger.lose(at - ON_DISK);
    const rested = this.stage.rest();
    await sleep(below(3_000));
    await this.server.start();
    const came = await until(() => this.#everybody.every(({ live }) => live.state.value == "open"), 60_000);
    if (!came) fault(`${this.server.name}: not everybody has come back within a minute after a kill`);
    await rested;
    await this.#check("after a kill");
    await Promise.all(this.#everybody.map((person) => person.agrees()));
    this.stage.resume();
  }

  /** The last look; all go. */
  async close() {
    await this.stage.rest();
    // The server finds out by itself who is dead.
    this.strangers.leave({ butMute: true });
    await this.#agree();
    await this.#check("at the end");
    this.stage.end();
    for (const [at, person] of this.#everybody.entries()) person.leave(at % 2 == 0);
    // Whoever looks who is there is not there.
    const eye = new Person(this.server), here = this.keys.map((key) => eye.watch("board@here", key));
    for (const one of here) await areHere(`${this.server.name}, when all have gone`, one, "id", []);
    eye.leave();
  }
}
