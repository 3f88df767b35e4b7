// The TypeScript SDK, 1.x: `typescript_sdk_1.mjs BINARY DATA_DIR EXAMPLES`, or `typescript_sdk_1.mjs ADDRESS TOKEN EXAMPLES`.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { argumentsOf, examplesFolder, isOlder, isRemote, rest, run, target, withToken } from "./steps.mjs";

const transport = () => {
  if (isOlder) return new SSEClientTransport(new URL(target), withToken);
  if (isRemote) return new StreamableHTTPClientTransport(new URL(target), withToken);
  return new StdioClientTransport({ command: target, args: argumentsOf(rest, examplesFolder) });
};
const client = new Client({ name: "smoke", version: "1" });
await client.connect(transport());
await run(client, examplesFolder);
await client.close();
