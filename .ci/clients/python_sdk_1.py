"""The official Python SDK, 1.x: `python_sdk_1.py BINARY DATA_DIR`."""
import asyncio
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import steps


async def main():
    server = StdioServerParameters(command=sys.argv[1], args=steps.arguments(sys.argv[2]))
    async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools

        async def call(tool, arguments):
            reply = await session.call_tool(tool, arguments)
            return reply.isError, reply.structuredContent, reply.content[0].text

        await steps.run({tool.name: tool.outputSchema for tool in tools}, call)


asyncio.run(main())
