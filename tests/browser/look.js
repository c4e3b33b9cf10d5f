// Takes pictures of the board for whoever works on how it looks: wide and narrow, light and dark, with others, alone, cut off.
// `node tests/browser/look.js` puts them into `target/look`, or into a folder that is named.

import { mkdirSync } from "node:fs";
import { World, launch, target, until } from "./world.js";

const folder = process.argv[2] ?? `${target}/look`;
mkdirSync(folder, { recursive: true });
const wide = { viewport: { width: 1280, height: 800 } };
const narrow = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

const browser = await launch();
const world = await World.open(browser, "board");
/** In both schemes. */
const shoot = async ({ page }, name) => {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await until(() => page.evaluate(() => !document.getAnimations().length));
    await page.screenshot({ path: `${folder}/${name}-${colorScheme}.png` });
  }
};
try {
  const ann = await world.visit("Anna", wide);
  await ann.begin("Trip to Lisbon");
  await ann.page.locator("#people li").waitFor();
  await shoot(ann, "empty");
  const texts = ["Flights: Friday evening or Saturday morning?", "A place near the castle, with a balcony", "Tram 28, before nine", "Who brings the camera?", "Day trip to Sintra: tickets go early, so book a week ahead"];
  for (const [colors, text] of texts.entries()) {
    await ann.add(text);
    for (let times = 0; times < colors; times++) await ann.page.keyboard.press("c");
  }
  await ann.page.keyboard.press("n");
  await ann.page.keyboard.type("ask Ben about the car");
  const ben = await world.visit("Ben", narrow), chloe = await world.visit("Chloé", wide);
  for (const { page } of [ben, chloe]) await page.getByRole("article").nth(4).waitFor();
  await chloe.take("Tram", 60, 30);
  await ben.card("Who").locator(".text").tap();
  for (const { page } of [ann, ben, chloe]) await until(async () => (await page.locator("#people li").count()) == 3);
  await until(async () => (await ann.holder("Tram")) == "Chloé" && (await ann.holder("Who")) == "Ben");
  await shoot(ann, "wide");
  await shoot(chloe, "held");
  await shoot(ben, "narrow");
  await ben.page.getByRole("button", { name: "New board" }).tap();
  await shoot(ben, "dialog-narrow");
  await ben.page.getByRole("button", { name: "Not now" }).tap();
  await ann.page.setViewportSize(narrow.viewport);
  await shoot(ann, "admin-narrow");
  await world.kill();
  for (const person of [ann, ben, chloe]) await person.is("No connection");
  await shoot(chloe, "lost-wide");
  await shoot(ben, "lost-narrow");
} finally {
  await world.close();
  await browser.close();
}
console.log(folder);
