// The chat, in a browser.

import assert from "node:assert/strict";
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
