// Drives the page at `/` in headless Chromium as a person would: register, upload, look, save, make a token, delete, sign out.
//
//   node page.mjs QUIRE CHROMIUM EXAMPLES
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [quire, browserPath, examples] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "quire-page-"));
const server = spawn(quire, ["http", "--listen", "127.0.0.1:0", "--auth", "accounts", "--data-dir", join(folder, "data")], {
  stdio: ["ignore", "pipe", "inherit"],
});
let browser;
try {
  const [line] = await new Promise(resolve => createInterface({ input: server.stdout }).once("line", text => resolve([text])));
  const address = JSON.parse(line).listening;
  browser = await chromium.launch({
    executablePath: browserPath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const context = await browser.newContext({ acceptDownloads: true });
  const page = await context.newPage();
  const outside = [];
  const complaints = [];
  page.on("request", request => { if (!request.url().startsWith(address) && !/^(blob|data):/.test(request.url())) outside.push(request.url()); });
  page.on("console", message => { if (message.type() === "error" && !/401/.test(message.text())) complaints.push(message.text()); });
  page.on("pageerror", error => complaints.push(String(error)));
  page.on("dialog", dialog => dialog.accept());

  await page.goto(address);
  // A wrong password is said so, in the page.
  await page.getByLabel("E-mail").fill("ann@example.org");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  // An account of one's own.
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("E-mail").fill("ann@example.org");
  await page.getByLabel("Password").fill("correct horse, other battery");
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByRole("heading", { name: "Add files" }).waitFor();

  // Files, one of which is not what it says, and one whose cells are markup.
  const markup = join(folder, "markup.csv");
  writeFileSync(markup, 'name,n\n"<img src=x onerror=""document.title=1"">",1\nb,2\n');
  const broken = join(folder, "broken.xlsx");
  writeFileSync(broken, "PK\x03\x04 no workbook");
  await page.getByLabel("Drop spreadsheets here").setInputFiles([join(examples, "climate.xlsx"), markup, broken]);
  const uploads = page.getByRole("list", { name: "Uploads" }).getByRole("listitem");
  await uploads.filter({ hasText: "climate.xlsx" }).filter({ hasText: /rows\)/ }).waitFor({ timeout: 60_000 });
  await uploads.filter({ hasText: "markup.csv" }).filter({ hasText: "markup (2 rows)" }).waitFor({ timeout: 60_000 });
  await page.locator("#uploads .failed").waitFor({ timeout: 60_000 });

  // First rows, as text.
  const sheet = page.locator("details.sheet").filter({ has: page.locator(".name", { hasText: /^markup$/ }) });
  await sheet.locator("summary").click();
  const cell = sheet.getByRole("cell", { name: /<img src=x/ });
  await cell.waitFor();
  assert.equal(await sheet.locator("img").count(), 0);
  assert.equal(await page.title(), "Quire");

  // Saved again as it came.
  const [download] = await Promise.all([page.waitForEvent("download"), sheet.getByRole("button", { name: "Save as CSV" }).click()]);
  assert.equal(download.suggestedFilename(), "markup.csv");
  assert.match(readFileSync(await download.path(), "utf8"), /onerror/);

  // A token, shown once.
  await page.getByLabel("Name").fill("laptop");
  await page.getByRole("button", { name: "Create token" }).click();
  await page.locator("#token-text").filter({ hasText: /^quire_pat_/ }).waitFor();
  const token = await page.locator("#token-text").textContent();
  const answer = await fetch(`${address}/v1/sheets`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);

  // Search, delete.
  await page.getByLabel("Search").fill("markup");
  await page.getByLabel("Search").press("Enter");
  await page.locator("#n-sheets").filter({ hasText: "(1)" }).waitFor();
  await sheet.locator("summary").click();
  await sheet.getByRole("button", { name: "Delete" }).click();
  await page.getByText("None yet.").waitFor();

  // The session outlives a reload, and ends with signing out.
  await page.reload();
  await page.getByRole("heading", { name: "Add files" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();

  // What a screen reader needs: names for all controls, one h1, a language.
  const unnamed = await page.evaluate(() => [...document.querySelectorAll("input, select, button")]
    .filter(it => !(it.labels?.length || it.textContent.trim() || it.getAttribute("aria-label"))).length);
  assert.equal(unnamed, 0);
  assert.equal(await page.locator("h1").count(), 1);
  assert.deepEqual(outside, [], "requests to elsewhere");
  assert.deepEqual(complaints.filter(text => !/Failed to load resource/.test(text)), [], "errors in the console");
  if (process.env.QUIRE_SCREENSHOT) await page.screenshot({ path: process.env.QUIRE_SCREENSHOT, fullPage: true });
  console.log("registered, uploaded, looked, saved, made a token, deleted, signed out");
} finally {
  await browser?.close();
  server.kill("SIGTERM");
  await new Promise(resolve => server.exitCode === null ? server.once("exit", resolve) : resolve());
  rmSync(folder, { recursive: true, force: true });
}
