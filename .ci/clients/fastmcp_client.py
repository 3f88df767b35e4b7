"""FastMCP's client: `fastmcp_client.py BINARY DATA_DIR`."""
import asyncio
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

import steps


async def main():
    async with Client(StdioTransport(sys.argv[1], steps.arguments(sys.argv[2]))) as client:
        tools = await client.list_tools()

        async def call(tool, arguments):
            reply = await client.call_tool(tool, arguments, raise_on_error=False)
            return reply.is_error, reply.structured_content, reply.content[0].text

        await steps.run({tool.name: tool.output_schema for tool in tools}, call)


asyncio.run(main())
