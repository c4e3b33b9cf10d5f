// The chat, in a browser.

import assert from "node:assert/strict";
import { axe, check } from "./axe.js";
import { stories } from "./world.js";

const story = stories("chat");

/** It used `crypto.randomUUID` and the clipboard, which are for secure pages only. */
story("from another machine, by plain http, people talk and hand on the link", async (world) => {
  world.leave();
  world.url += "/lobby";
  const people = [];
  for (const name of ["Ann", "Ben"]) {
    const person = await world.come(name);
    await person.page.getByLabel("Your name").fill(name);
    await person.page.getByRole("button", { name: "Join" }).click();
    people.push(person);
  }
  const [ann, ben] = people;
  assert(!(await ann.page.evaluate(() => isSecureContext)));
  await ann.page.getByLabel("Say something").fill("hello");
  await ann.page.keyboard.press("Enter");
  await ben.page.getByRole("log").getByText("hello").waitFor();
  const shown = ben.page.waitForEvent("dialog");
  await Promise.all([shown.then((dialog) => dialog.accept()), ben.page.getByRole("button", { name: "Copy link" }).click()]);
  assert.equal((await shown).defaultValue(), ben.page.url());
});

story("nothing stands in the way of anybody", async (world) => {
  for (const colorScheme of ["light", "dark"])
    for (const width of [1200, 390]) {
      const { page, context } = await world.come("Ann", { bypassCSP: true, colorScheme, viewport: { width, height: 800 } });
      const see = (what) => check(page, `${colorScheme} ${width} ${what}`);
      await page.addScriptTag({ path: axe });
      await see("the start");
      await page.getByRole("button", { name: "Go to the lobby" }).click();
      await page.getByLabel("Your name").fill("Ann");
      await page.addScriptTag({ path: axe });
      await see("who is it");
      await page.getByRole("button", { name: "Join" }).click();
      await page.getByLabel("Say something").fill(`hello ${width} ${colorScheme}`);
      await page.keyboard.press("Enter");
      await page.getByRole("log").getByText(`hello ${width} ${colorScheme}`).waitFor();
      await see("one talks");
      await context.close();
    }
});
