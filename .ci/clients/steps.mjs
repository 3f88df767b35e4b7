// What both TypeScript clients are made to do: import, query, page on, fail.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

// A client is given a binary and a data folder, or an address and a token; then the folder of examples.
export const [target, rest, examplesFolder] = process.argv.slice(2);
export const isRemote = target.startsWith("http://");
export const isOlder = target.endsWith("/sse");
export const withToken = { requestInit: { headers: { Authorization: `Bearer ${rest}` } } };

// A server elsewhere sees no files of ours.
const source = (examples, name) =>
  isRemote
    ? { name, content_base64: readFileSync(`${examples}/${name}`).toString("base64") }
    : { path: `${examples}/${name}` };

export const argumentsOf = (dataDir, examples) => ["stdio", "--data-dir", dataDir, "--root", examples];

export async function run(client, examples) {
  const { tools } = await client.listTools();
  assert.ok(tools.length >= 7, "seven tools");
  for (const tool of tools) assert.ok(tool.outputSchema, `${tool.name} has an output schema`);

  const call = (name, args) => client.callTool({ name, arguments: args });
  const ok = async (name, args) => {
    const reply = await call(name, args);
    assert.ok(!reply.isError, `${name} answered ${reply.content?.[0]?.text}`);
    return reply.structuredContent;
  };

  const { sheets: [strikes] } = await ok("import_file", source(examples, "birdstrikes.csv"));
  assert.equal(strikes.n_rows, 10000);
  await ok("list_sheets", {});
  await ok("describe_sheet", { sheet: strikes.name });
  assert.equal((await ok("preview_rows", { sheet: strikes.name, n_rows: 3 })).rows.length, 3);
  const cut = await ok("query", { sql: `select * from ${strikes.name}`, max_rows: 20 });
  assert.deepEqual([cut.truncated, cut.n_rows], [true, 20]);
  const more = await ok("read_result", { result: cut.result, offset: cut.next_offset });
  assert.ok(more.rows.length > 0, "more rows");

  const failed = await call("query", { sql: "select * from birdstrike" });
  assert.equal(failed.isError, true);
  assert.equal(failed.structuredContent.code, "sheet_not_found");
  assert.ok(failed.structuredContent.hint, "a hint");
  console.log(`${tools.length} tools, every reply as its schema says`);
}
