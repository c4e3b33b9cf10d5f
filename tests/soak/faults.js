// What was found wrong: sentences, each with how often it was true.

const faults = new Map();

/** Says what is wrong, at once and at the end. */
export const fault = (sentence) => {
  const count = (faults.get(sentence) ?? 0) + 1;
  faults.set(sentence, count);
  if (count == 1) console.error(`${new Date().toISOString().slice(11, 19)} FAULT: ${sentence}`);
};

/** Prints what was found wrong. Returns whether anything was. */
export const verdict = () => {
  for (const [sentence, count] of faults) console.log(`FAULT, ${count} times: ${sentence}`);
  console.log(faults.size ? `${faults.size} faults` : "no fault");
  return faults.size > 0;
};
