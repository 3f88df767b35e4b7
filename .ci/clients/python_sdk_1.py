"""The official Python SDK, 1.x: `python_sdk_1.py BINARY DATA_DIR`, or `python_sdk_1.py ADDRESS TOKEN`."""
import asyncio

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

import steps


def transport():
    if steps.TARGET.endswith("/sse"):
        return sse_client(steps.TARGET, headers=steps.HEADERS)
    if steps.IS_REMOTE:
        return streamable_http_client(steps.TARGET, http_client=create_mcp_http_client(headers=steps.HEADERS))
    return stdio_client(StdioServerParameters(command=steps.TARGET, args=steps.arguments(steps.REST)))


async def main():
    async with transport() as (reading, writing, *_), ClientSession(reading, writing) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools

        async def call(tool, arguments):
            reply = await session.call_tool(tool, arguments)
            return reply.isError, reply.structuredContent, reply.content[0].text

        await steps.run({tool.name: tool.outputSchema for tool in tools}, call)


asyncio.run(main())
