// What the server has acknowledged of one writer's cards, and so must have.

import { fault } from "./faults.js";

/**
 * An acknowledged change is on disk after the board's interval, a tenth of a second, and the time to write a batch or two, on a disk
 * that others use as well.
 */
export const ON_DISK = 2_000;

export class Ledger {
  /** Of each card what was written, oldest first, and when that was acknowledged, if it was. `null`: there is no such card. */
  #cards = new Map();
  constructor(what) {
    this.what = what;
  }
  has = (card) => this.#cards.has(card);
  /** Has a text written, which nobody else does to this card. */
  async write(card, text, send) {
    const written = { text }, history = this.#cards.get(card) ?? [{ text: null, at: 0 }];
    this.#cards.set(card, history);
    history.push(written);
    try {
      await send();
      written.at = Date.now();
    } catch (error) {
      // It may have been carried out or not.
      if (error.code != "unknown") history.splice(history.indexOf(written), 1);
      throw error;
    }
  }
  /** The server was killed: what was acknowledged after that time may be lost. */
  lose(after) {
    for (const history of this.#cards.values()) for (const written of history) if (written.at > after) written.at = undefined;
  }
  /** Looks whether the last that was acknowledged is there, or what was written since. */
  check(cards, when) {
    for (const [id, history] of this.#cards) {
      const last = history.findLastIndex(({ at }) => at !== undefined);
      history.splice(0, last);
      const is = cards[id]?.text ?? null;
      const isRight = history.some(({ text }) => text === is);
      if (!isRight)
        fault(`${this.what}: ${when} a card is not what was acknowledged`, `${id} is ${JSON.stringify(is)}, and should be one of ${JSON.stringify(history)}`);
      // What is wrong is said once.
      if (!isRight || (history.length == 1 && history[0].text === null)) this.#cards.delete(id);
    }
  }
}
