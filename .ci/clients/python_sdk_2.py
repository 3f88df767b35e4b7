"""The official Python SDK, 2.x, in both eras of the protocol: `python_sdk_2.py BINARY DATA_DIR`."""
import asyncio
import sys

from mcp import Client, StdioServerParameters

import steps


async def main():
    for mode in ("auto", "legacy"):
        server = StdioServerParameters(command=sys.argv[1], args=steps.arguments(f"{sys.argv[2]}/{mode}"))
        async with Client(server, mode=mode) as client:
            tools = (await client.list_tools()).tools

            async def call(tool, arguments):
                reply = await client.call_tool(tool, arguments)
                return reply.is_error, reply.structured_content, reply.content[0].text

            print(f"mode {mode} speaks {client.protocol_version}")
            await steps.run({tool.name: tool.output_schema for tool in tools}, call)


asyncio.run(main())
