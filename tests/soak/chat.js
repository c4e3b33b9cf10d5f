// People in the rooms of the example `chat`: the lobby, where some stay, and rooms that are left and go.

import { fault } from "./faults.js";
import { Person, areHere, tokenOf } from "./person.js";
import { Stage } from "./stage.js";
import { Strangers } from "./stranger.js";
import { below, oneOf, perhaps, sleep } from "./time.js";

/** A room goes when nobody has been in it for ten minutes, which is looked for once a minute; and a moment. */
const GONE = 11.5 * 60_000;
/** How many lines a room remembers. */
const HISTORY = 100;

let count = 0;
const words = () => `${++count} ${"dolor sit amet ".repeat(below(40))}`.trim();

/** Somebody in a room. */
class Guest extends Person {
  async enter(key) {
    this.room = this.watch("room", key);
    this.here = this.watch("room@here", key);
    this.room.subscribe((room) => {
      const numbers = room?.lines.map(({ number }) => number) ?? [];
      if (numbers.length > HISTORY || numbers.some((number, at) => number != numbers[0] + at)) fault("chat: the lines of a room have a gap", numbers);
    });
    this.id = await this.live.call("me");
    await this.room.ready;
    return this;
  }
  async say() {
    const text = words();
    await this.room.send({ say: text });
    // It may have been pushed out by others since, and then is older than all that there is.
    if (!this.room.value.lines.some((line) => line.text == text)) fault("chat: a line that was acknowledged is not shown to who has said it");
  }
  type = () => this.room.publish(null);
}

export class Chat {
  #people = [];
  /** Rooms that were left, and when. */
  #left = [];
  #gone = 0;
  constructor(server) {
    this.server = server;
    this.stage = new Stage(server.name);
    this.strangers = new Strangers(server, () => ({ token: tokenOf(server, "stranger"), store: "room", keys: [this.lobby] }));
  }
  async open() {
    this.lobby = await this.#room("/lobby");
    for (const name of ["ann", "ben", "cleo", "dan", "eve", " "]) {
      const guest = await new Guest(this.server, name).enter(this.lobby);
      this.#people.push(guest);
      if (name != " ") this.stage.play("a line", 800, () => guest.say());
      if (name != " ") this.stage.play("typing", 500, async () => guest.type());
      if (name == "eve") this.stage.play("a stall", 4_000, () => guest.stall(below(6_000)));
    }
    for (let at = 0; at < 6; at++) this.stage.play("a visit", 250, () => this.#visit());
    this.stage.play("a room", 5_000, () => this.#meet());
    this.stage.play("a broken connection", 2_000, async () => oneOf(this.#people).cut());
    this.stage.play("a stranger", 5_000, async () => this.strangers.come());
    this.stage.play("a room that is left", 5_000, () => this.#lookAfterRooms());
  }
  /** Where one is sent from there. */
  async #room(path, method = "GET") {
    const { headers } = await fetch(this.server.url + path, { method, redirect: "manual", headers: { connection: "close" } });
    return headers.get("location").split("/").at(-1);
  }
  async #visit() {
    const guest = new Guest(this.server, "visitor");
    try {
      await guest.enter(this.lobby);
      for (let left = below(5); left; left--) {
        guest.type();
        await sleep(below(400));
        await guest.say();
        if (perhaps(0.2)) guest.cut();
      }
    } finally {
      guest.leave(perhaps(0.5));
    }
  }
  /** Some meet in a room of their own, and leave it. */
  async #meet() {
    const key = await this.#room("/", "POST");
    const guests = [];
    for (const name of ["fay", "gus"]) guests.push(await new Guest(this.server, name).enter(key));
    for (const guest of guests) await guest.say();
    for (const guest of guests) guest.leave(perhaps(0.5));
    this.#left.push({ key, at: Date.now() });
  }
  async #lookAfterRooms() {
    const { key, at } = this.#left[0] ?? {};
    if (!(Date.now() > at + GONE)) return;
    this.#left.shift();
    this.#gone++;
    const { status } = await fetch(`${this.server.url}/room/${key}`, { headers: { connection: "close" } });
    if (status != 404) fault(`chat: a room is there ${Math.round((Date.now() - at) / 60_000)} minutes after all have left`);
  }

  async #agree() {
    await Promise.all(this.#people.map((person) => person.agrees()));
    const named = this.#people.filter(({ name }) => name.trim());
    await areHere("chat, the lobby", this.#people[0].here, "who", named.map(({ id }) => id));
  }
  async look() {
    await this.stage.rest();
    this.strangers.leave();
    await this.#agree();
    this.stage.resume();
  }
  async close() {
    await this.stage.rest();
    this.strangers.leave({ butMute: true });
    await this.#agree();
    this.stage.end();
    for (const [at, person] of this.#people.entries()) person.leave(at % 2 == 0);
    const eye = new Person(this.server), here = eye.watch("room@here", this.lobby);
    await areHere("chat, when all have gone", here, "who", []);
    eye.leave();
    console.log(this.#gone ? `chat: ${this.#gone} rooms were left, and looked for when they should be gone` : "chat: too short to see a room go that was left");
  }
}
