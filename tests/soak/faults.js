// What was found wrong: sentences, each with how often it was true and what it was like the first time.

const faults = new Map();

/** Says what is wrong, at once and at the end. */
export const fault = (sentence, details = "") => {
  const first = faults.get(sentence) ?? { details, count: 0 };
  faults.set(sentence, first);
  if (!first.count++) console.error(`${new Date().toISOString().slice(11, 19)} FAULT: ${sentence}. ${details}`);
};

/** Prints what was found wrong. Returns whether anything was. */
export const verdict = () => {
  for (const [sentence, { count, details }] of faults) console.log(`FAULT, ${count} times: ${sentence}. First: ${details || "as said"}`);
  console.log(faults.size ? `${faults.size} kinds of faults` : "no fault");
  return faults.size > 0;
};
