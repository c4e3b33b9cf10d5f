// The server is killed while people are at it, and comes back.

import assert from "node:assert/strict";
import { stories, until } from "./world.js";

const story = stories();
/** What the browser itself says of a server that is not there. */
const allowed = /^WebSocket connection to .* failed/;

const commands = (person, name) => person.sent.filter((frame) => frame.includes('"cmd"') && frame.includes(`"${name}"`)).length;

story("both come back by themselves, with all there was and what was done meanwhile", async (world) => {
  const people = await world.together(["Ann", "Ben"], { allowed }), [ann, ben] = people;
  await ann.add("Before");
  await ben.card("Before").waitFor();
  await ann.card("Before").locator(".text").click();
  await world.keeps("Before");
  await world.kill();
  for (const person of people) await person.is("No connection, trying again");
  // Nobody is stopped from going on.
  await ann.page.keyboard.press("End");
  await ann.page.keyboard.type(", during");
  await ann.page.keyboard.press("Escape");
  await ann.page.keyboard.press("c");
  await ben.add("By Ben");
  for (const person of people) await person.is("No connection, trying again");
  await world.start();
  for (const person of people) {
    await person.is("live");
    await person.card("Before, during").waitFor();
    await person.card("By Ben").waitFor();
    await until(async () => (await person.color("Before, during")) == "pink", "it is pink");
    assert.equal(await person.count(), 2);
    await until(async () => (await person.page.locator("#people li").count()) == 2, "both are there");
  }
  // It goes on as before, in both directions, and from the disk.
  await ben.add("Later");
  await ann.card("Later").waitFor();
  await ann.add("Last");
  await ben.card("Last").waitFor();
  await world.keeps("Last");
  await world.kill();
  await world.start();
  for (const person of people) {
    await person.is("live");
    assert.equal(await person.count(), 4);
  }
  // Who comes now sees the same.
  const cid = await world.visit("Cid");
  await cid.card("Last").waitFor();
  assert.equal(await cid.count(), 4);
  for (const text of ["Before, during", "By Ben", "Later", "Last"]) assert.deepEqual(await cid.at(text), await ann.at(text));
});

story("a text of which nobody knows whether it has come is there in the end, once", async (world) => {
  const people = await world.together(["Ann", "Ben"], { allowed }), [ann, ben] = people;
  await ann.add("Draft");
  await world.keeps("Draft");
  // The server hears nothing any more, which nobody knows yet.
  world.server.kill("SIGSTOP");
  const before = commands(ann, "write");
  await ann.card("Draft").locator(".text").fill("Final");
  await until(() => commands(ann, "write") == before + 1, "it is on its way");
  await ann.card("Final").locator(".text").fill("Final, really");
  await until(() => commands(ann, "write") == before + 2, "that as well");
  const remark = ann.page.getByLabel("Remark on the board");
  await remark.fill("For me");
  await until(() => commands(ann, "remark") == 1, "and the remark");
  await world.kill();
  await ann.is("No connection");
  await world.start();
  for (const person of people) await person.card("Final, really").waitFor();
  await until(() => ann.received.some((frame) => frame.includes("For me")), "the remark has come");
  assert.equal(await remark.inputValue(), "For me");
  // Each once more, and none of the older ones.
  assert.equal(commands(ann, "write"), before + 3);
  assert.equal(commands(ann, "remark"), 2);
  assert.equal(await ben.count(), 1);
  assert.equal(await ann.page.locator("#said").textContent(), "");
});

story("of anything else that may have come or not one is told", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"], { allowed });
  await ann.add("Yellow");
  await world.keeps("Yellow");
  world.server.kill("SIGSTOP");
  const before = commands(ann, "paint");
  await ann.card("Yellow").getByRole("button", { name: "Another color" }).click();
  // It is shown at once.
  assert.equal(await ann.color("Yellow"), "pink");
  await until(() => commands(ann, "paint") == before + 1, "it is on its way");
  await world.kill();
  await ann.page.locator("#said", { hasText: "look whether that was done" }).waitFor();
  await world.start();
  await ann.is("live");
  // Both see what there is, and it is asked for no second time.
  await until(async () => (await ann.color("Yellow")) == "yellow", "it is what it was");
  await ben.is("live");
  assert.equal(await ben.color("Yellow"), "yellow");
  assert.equal(commands(ann, "paint"), before + 1);
});
