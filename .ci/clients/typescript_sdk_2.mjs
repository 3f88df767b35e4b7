// The TypeScript SDK, 2.x, in both eras of the protocol: `typescript_sdk_2.mjs BINARY DATA_DIR EXAMPLES`, or
// `typescript_sdk_2.mjs ADDRESS TOKEN EXAMPLES`.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { argumentsOf, examplesFolder, isOlder, isRemote, rest, run, target, withToken } from "./steps.mjs";

const transport = (mode) => {
  if (isOlder) return new SSEClientTransport(new URL(target), withToken);
  if (isRemote) return new StreamableHTTPClientTransport(new URL(target), withToken);
  return new StdioClientTransport({ command: target, args: argumentsOf(`${rest}/${mode}`, examplesFolder) });
};
for (const mode of isOlder ? ["legacy"] : ["auto", "legacy"]) {
  const client = new Client({ name: "smoke", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(transport(mode));
  await run(client, examplesFolder);
  await client.close();
}
