// The inspector: it shows what goes on at the board, to its admin alone, and stands in nobody's way.

import assert from "node:assert/strict";
import { axe, check } from "./axe.js";
import { stories, until } from "./world.js";

const story = stories();

/** What stands in a table's row, by the heads of its columns. */
const row = (page, table, name) =>
  page.locator(table).evaluate((table, name) => {
    const heads = [...table.tHead.rows[0].cells].map(({ textContent }) => textContent.trim());
    const row = [...table.tBodies[0].rows].find(({ cells }) => cells[0].textContent.trim() == name);
    return row && Object.fromEntries([...row.cells].map(({ textContent }, at) => [heads[at], textContent.trim()]));
  }, name);

story("it follows what people do", async (world) => {
  const [ann, ben] = await world.together(["Ann", "Ben"]);
  const admin = await ann.look(world.admin);
  await admin.locator("#state", { hasText: "live" }).waitFor();
  const shows = (table, name, head, value) =>
    until(async () => (await row(admin, table, name))?.[head] == value, `${name}: ${head} ${value}`);
  await shows("#table-stores", "board", "Entries", "1");
  await shows("#table-sockets", "live", "Connections", "2");
  await shows("#table-disk", "board", "State", "open");
  await ann.add("bread");
  await until(async () => (await row(admin, "#table-stores", "board")).Mutations != "0", "a change is counted");
  await ben.context.close();
  await shows("#table-sockets", "live", "Connections", "1");

  // One entry is looked at, as somebody sees it who has nothing to do with it.
  await admin.getByRole("button", { name: "Find" }).click();
  await admin.locator("#table-entries button, #table-entries a").first().click();
  await admin.getByRole("button", { name: "Show the value" }).click();
  const value = admin.locator("#value", { hasText: "bread" });
  await value.waitFor();
  assert(!/"note":\s*"/.test(await value.textContent()), "nobody's notes");
});

story("it is nothing to those who do not know the secret", async (world) => {
  const ann = await world.visit("Ann", { allowed: /404/ });
  for (const path of ["/inspect", "/inspect/page.js", "/admin/00000000-0000-4000-8000-000000000000"]) {
    const { status } = await ann.page.request.get(world.url + path).then((answer) => ({ status: answer.status() }));
    assert.equal(status, 404, path);
  }
});

for (const colorScheme of ["light", "dark"])
  for (const [width, viewport] of [["wide", { width: 1280, height: 800 }], ["narrow", { width: 390, height: 844 }]])
    story(`${colorScheme} and ${width}`, async (world) => {
      const ann = await world.visit("Ann", { colorScheme, viewport, bypassCSP: true });
      await ann.begin("Plans");
      const admin = await ann.look(world.admin);
      await admin.addScriptTag({ path: axe });
      await admin.locator("#state", { hasText: "live" }).waitFor();
      await until(async () => (await row(admin, "#table-stores", "board"))?.Entries == "1", "the board is there");
      await check(admin, "what goes on");
      await admin.getByRole("button", { name: "Find" }).click();
      await admin.locator("#table-entries button, #table-entries a").first().click();
      await admin.getByRole("button", { name: "Show the value" }).click();
      await admin.locator("#value:visible").waitFor();
      await check(admin, "an entry");
    });
