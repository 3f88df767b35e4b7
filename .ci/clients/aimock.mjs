// Has the built binary ask models of an independent mock of OpenAI's protocol: what goes well, and what goes wrong.
//
//   node aimock.mjs QUIRE
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMock } from "@copilotkit/aimock";

const [quire] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "quire-aimock-"));
const sheet = join(folder, "sales.csv");
writeFileSync(sheet, "region,amount\nNorth,10.5\nNorth,20.25\nSouth,5\n");
const sql = "select region, sum(amount) as total from sales group by region order by region";
const query = { toolCalls: [{ name: "query", arguments: JSON.stringify({ sql }) }] };
const said = "North sold 30.75.";
const answer = { toolCalls: [{ name: "final_answer", arguments: JSON.stringify({ answer: said, sql, caveats: [] }) }] };

const hasResult = request => request.messages.some(message => message.role === "tool");
const asks = match => ({ predicate: request => !hasResult(request), ...match });
const reads = match => ({ predicate: hasResult, ...match });

/** Asks over a mock that `prepare` has set up: the exit code, what was printed, and the requests that came. */
async function ask(prepare, flags = []) {
  const mock = new LLMock({ port: 0, logLevel: "silent" });
  prepare(mock);
  await mock.start();
  try {
    const env = { PATH: process.env.PATH, HOME: folder, QUIRE_LLM_MODEL: "gpt-4o", QUIRE_LLM_API_KEY: "mock", QUIRE_LLM_BASE_URL: `${mock.url}/v1` };
    const args = ["ask", "What did each region sell?", "--full", "--json", "--ask-no-cache", "--data-dir", join(folder, "data"), "--open", sheet];
    const ended = await new Promise(resolve =>
      execFile(quire, [...args, ...flags], { env, timeout: 120_000 }, (error, out, err) => resolve({ code: error ? error.code : 0, out, err })));
    const reply = ended.code === 0 ? JSON.parse(ended.out) : JSON.parse(ended.err.trim().split("\n").at(-1));
    return { ...ended, reply, requests: mock.getRequests() };
  } finally {
    await mock.stop();
  }
}

const plain = (opts = {}) => mock => mock.on(asks(), query, opts).on(reads(), answer);
const fine = ({ reply }) => assert.deepEqual([reply.status, reply.answer, reply.table.rows], ["answered", said, [["North", 30.75], ["South", 5]]]);

const cases = {
  "an answer with tool calls, streamed": async () => {
    const ended = await ask(plain({ chunkSize: 3 }));
    fine(ended);
    assert.equal(ended.requests.length, 2);
  },
  "the same not streamed": async () => fine(await ask(plain(), ["--llm-stream", "false"])),
  "a stream that is cut, then one that is whole": async () => {
    const ended = await ask(mock =>
      mock.on(asks({ sequenceIndex: 0 }), query, { chunkSize: 3, truncateAfterChunks: 4 }).on(asks(), query).on(reads(), answer));
    fine(ended);
    assert.equal(ended.requests.length, 3);
  },
  "streams that are always cut": async () => {
    const { reply } = await ask(plain({ chunkSize: 3, truncateAfterChunks: 4 }), ["--llm-retries", "1"]);
    assert.equal(reply.code, "model_failed");
  },
  "a storm of 429 that passes": async () => {
    let n = 0;
    const storm = () => (n++ < 2 ? { error: { message: "slow down", type: "rate_limit_error", code: "rate_limit_exceeded" }, status: 429, retryAfter: 1 } : query);
    const ended = await ask(mock => mock.on(asks(), storm).on(reads(), answer));
    fine(ended);
    assert.equal(ended.requests.length, 4);
  },
  "a storm of 429 that does not": async () => {
    const { reply } = await ask(mock => plain()(mock.setChaos({ rateLimitRate: 1 })), ["--llm-retries", "2"]);
    assert.equal(reply.code, "rate_limited");
    assert.match(reply.message, /given up after 3 attempts/);
  },
  "malformed JSON": async () => {
    const ended = await ask(mock =>
      mock.on(asks({ sequenceIndex: 0 }), query, { chaos: { malformedRate: 1 } }).on(asks(), query).on(reads(), answer));
    fine(ended);
    const { reply } = await ask(mock => plain()(mock.setChaos({ malformedRate: 1 })), ["--llm-retries", "1"]);
    assert.equal(reply.code, "model_failed");
  },
  "malformed arguments": async () => {
    const odd = { toolCalls: [{ name: "query", arguments: '{"sql": "sel' }] };
    const failed = request => request.messages.some(message => message.role === "tool" && message.content.includes("no JSON object"));
    const done = request => request.messages.filter(message => message.role === "tool").length > 1;
    const ended = await ask(mock => mock.on({ predicate: done }, answer).on({ predicate: failed }, query).on(asks(), odd));
    fine(ended);
    for (const { body } of ended.requests) {
      for (const call of (body?.messages ?? []).flatMap(message => message.tool_calls ?? [])) JSON.parse(call.function.arguments);
    }
  },
  "a slow first byte": async () => {
    fine(await ask(plain({ streamingProfile: { ttft: 1500 } }), ["--llm-patience", "20"]));
    const { reply } = await ask(plain({ streamingProfile: { ttft: 20_000 } }), ["--llm-patience", "0.5", "--llm-retries", "0"]);
    assert.equal(reply.code, "timed_out");
  },
  "a model that never stops calling tools": async () => {
    let n = 0;
    const more = () => ({ toolCalls: [{ name: "query", arguments: JSON.stringify({ sql: `select ${n++} as n from sales limit 1` }) }] });
    const ended = await ask(mock => mock.on({ predicate: () => true }, more), ["--ask-steps", "4"]);
    assert.equal(ended.reply.status, "partial");
    assert.equal(ended.requests.length, 4);
  },
};

let nFailed = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    console.log(`ok      aimock, ${name}`);
  } catch (error) {
    nFailed += 1;
    console.log(`FAILED  aimock, ${name}: ${error.message}`);
  }
}
rmSync(folder, { recursive: true, force: true });
process.exit(nFailed ? 1 : 0);
