// The TypeScript SDK, 1.x: `typescript_sdk_1.mjs BINARY DATA_DIR EXAMPLES`.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { argumentsOf, run } from "./steps.mjs";

const [binary, dataDir, examples] = process.argv.slice(2);
const client = new Client({ name: "smoke", version: "1" });
await client.connect(new StdioClientTransport({ command: binary, args: argumentsOf(dataDir, examples) }));
await run(client, examples);
await client.close();
