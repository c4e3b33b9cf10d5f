// People who look at the example `dashboard`: the worst devices, those of a site, and one after the other.

import { Person } from "./person.js";
import { Stage } from "./stage.js";
import { Strangers } from "./stranger.js";
import { below, oneOf, perhaps, sleep } from "./time.js";

const uuid = (number) => `00000000-0000-0000-0000-${number.toString(16).padStart(12, "0")}`;
const NIL = uuid(0);
const SITES = 12;

class Viewer extends Person {
  async look() {
    this.worst = this.watch("worst", NIL);
    this.overview = this.watch("overview", NIL);
    await this.worst.ready;
    await this.turn();
    return this;
  }
  /** Looks at another site, and at another device. */
  async turn() {
    if (this.site) this.unwatch(this.site);
    if (this.device) this.unwatch(this.device);
    this.site = this.watch("site", uuid(1 + below(SITES)));
    const number = oneOf(this.worst.value ?? [])?.value?.number ?? 1 + below(100_000);
    this.device = this.watch("device", uuid(number));
    await Promise.allSettled([this.site.ready, this.device.ready]);
  }
}

export class Dashboard {
  #people = [];
  constructor(server) {
    this.server = server;
    this.stage = new Stage(server.name);
    this.strangers = new Strangers(server, () => ({ store: "worst", keys: [NIL] }));
  }
  async open() {
    for (const name of ["ann", "ben", "cleo", "slow"]) {
      const viewer = await new Viewer(this.server, name).look();
      this.#people.push(viewer);
      this.stage.play("another device", 2_000, () => viewer.turn());
      if (name == "slow") this.stage.play("a stall", 4_000, () => viewer.stall(below(6_000)));
    }
    for (let at = 0; at < 4; at++) this.stage.play("a visit", 500, () => this.#visit());
    this.stage.play("a broken connection", 2_000, async () => oneOf(this.#people).cut());
    this.stage.play("a stranger", 5_000, async () => this.strangers.come());
  }
  async #visit() {
    const viewer = new Viewer(this.server, "visitor");
    try {
      await viewer.look();
      for (let left = below(4); left; left--) {
        await sleep(below(1_000));
        await viewer.turn();
        if (perhaps(0.2)) viewer.cut();
      }
    } finally {
      viewer.leave(perhaps(0.5));
    }
  }

  async look() {
    await this.stage.rest();
    this.strangers.leave();
    await this.#agree();
    this.stage.resume();
  }
  /** The devices never rest. */
  #agree = () => Promise.all(this.#people.map((person) => person.agrees({ moves: true })));
  async close() {
    await this.stage.rest();
    this.strangers.leave({ butMute: true });
    await this.#agree();
    this.stage.end();
    for (const [at, person] of this.#people.entries()) person.leave(at % 2 == 0);
  }
}
