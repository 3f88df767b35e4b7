"""The official Python SDK, 2.x, in both eras of the protocol: `python_sdk_2.py BINARY DATA_DIR`, or `python_sdk_2.py ADDRESS TOKEN`."""
import asyncio

from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

import steps


def server(mode):
    if steps.TARGET.endswith("/sse"):
        return sse_client(steps.TARGET, headers=steps.HEADERS)
    if steps.IS_REMOTE:
        return streamable_http_client(steps.TARGET, http_client=create_mcp_http_client(headers=steps.HEADERS))
    return StdioServerParameters(command=steps.TARGET, args=steps.arguments(f"{steps.REST}/{mode}"))


async def main():
    for mode in ("legacy",) if steps.TARGET.endswith("/sse") else ("auto", "legacy"):
        async with Client(server(mode), mode=mode) as client:
            tools = (await client.list_tools()).tools

            async def call(tool, arguments):
                reply = await client.call_tool(tool, arguments)
                return reply.is_error, reply.structured_content, reply.content[0].text

            print(f"mode {mode} speaks {client.protocol_version}")
            await steps.run({tool.name: tool.output_schema for tool in tools}, call)


asyncio.run(main())
