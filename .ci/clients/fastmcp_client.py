"""FastMCP's client: `fastmcp_client.py BINARY DATA_DIR`, or `fastmcp_client.py ADDRESS TOKEN`."""
import asyncio

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport

import steps


def transport():
    if steps.TARGET.endswith("/sse"):
        return SSETransport(steps.TARGET, headers=steps.HEADERS)
    if steps.IS_REMOTE:
        return StreamableHttpTransport(steps.TARGET, headers=steps.HEADERS)
    return StdioTransport(steps.TARGET, steps.arguments(steps.REST))


async def main():
    async with Client(transport()) as client:
        tools = await client.list_tools()

        async def call(tool, arguments):
            reply = await client.call_tool(tool, arguments, raise_on_error=False)
            return reply.is_error, reply.structured_content, reply.content[0].text

        await steps.run({tool.name: tool.output_schema for tool in tools}, call)


asyncio.run(main())
