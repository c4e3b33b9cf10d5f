// Pauses, and what comes by chance.

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until something is so. Returns whether it came to be, within so many milliseconds. */
export const until = async (isSo, patience = 30_000) => {
  for (const end = Date.now() + patience; !(await isSo()); await sleep(10)) if (Date.now() > end) return false;
  return true;
};

/** A whole number from 0, below `end`. */
export const below = (end) => Math.floor(Math.random() * end);
export const oneOf = (items) => items[below(items.length)];
export const perhaps = (chance) => Math.random() < chance;
