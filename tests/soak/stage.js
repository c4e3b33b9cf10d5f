// Those who do something on one server all the time, by turns, and rest together when they are told to.

import { fault } from "./faults.js";
import { sleep, until } from "./time.js";

/** What is no fault: the connection was lost, or a rule of the example has said no. */
const FINE = ["unknown", "closed", "rejected"];

export class Stage {
  #actors = 0;
  #waiting = 0;
  #isResting = false;
  #isOver = false;

  constructor(name) {
    this.name = name;
  }
  /** Has somebody do something again and again, after pauses of about so many milliseconds. */
  async play(what, pause, act) {
    this.#actors++;
    while (await this.#turn(pause)) {
      try {
        await act();
      } catch (error) {
        if (!FINE.includes(error.code)) fault(`${this.name}: ${what} failed: ${error.message}`, error.code ? "" : error.stack);
      }
    }
    this.#actors--;
  }
  async #turn(pause) {
    this.#waiting++;
    await sleep(pause * (0.5 + Math.random()));
    while (this.#isResting && !this.#isOver) await sleep(20);
    this.#waiting--;
    return !this.#isOver;
  }
  /** From now on nobody does anything. Returns when whatever was begun has ended. */
  async rest() {
    this.#isResting = true;
    const came = await until(() => this.#waiting == this.#actors, 60_000);
    if (!came) fault(`${this.name}: what was asked of the server was not answered within a minute`);
  }
  resume() {
    this.#isResting = false;
  }
  end() {
    this.#isOver = true;
  }
}
