// axe, which finds what on a page stands in somebody's way.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** To be put onto a page, which must let it run. */
export const axe = fileURLToPath(import.meta.resolve("axe-core/axe.min.js"));
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What there is to be seen and heard now stands in nobody's way. */
export const check = async (page, what) => {
  // What glides or fades has come to its end.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
  const { violations, passes } = await page.evaluate((tags) => axe.run(document, { runOnly: tags }), tags);
  const told = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${what}: ${id}: ${html.slice(0, 200)} ${failureSummary}`));
  assert.deepEqual(told, []);
  assert(passes.length > 10, `${what}: ${passes.length}`);
};
