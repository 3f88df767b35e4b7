// The TypeScript SDK, 2.x, in both eras of the protocol: `typescript_sdk_2.mjs BINARY DATA_DIR EXAMPLES`.
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { argumentsOf, run } from "./steps.mjs";

const [binary, dataDir, examples] = process.argv.slice(2);
for (const mode of ["auto", "legacy"]) {
  const client = new Client({ name: "smoke", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(new StdioClientTransport({ command: binary, args: argumentsOf(`${dataDir}/${mode}`, examples) }));
  await run(client, examples);
  await client.close();
}
