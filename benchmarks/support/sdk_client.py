"""Runs tiny workflows with the official SDK, as `python sdk_client.py COUNT SALT`, and prints the seconds."""

import asyncio
import sys
import time

from comfy_sdk import AsyncComfy

AT_ONCE = 50


async def main(count: int, salt: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    async with AsyncComfy() as client:

        async def run(number: int) -> None:
            graph = {
                "1": {
                    "class_type": "EmptyImage",
                    "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": (salt + number) % 0xFFFFFF},
                },
                "9": {
                    "class_type": "SaveImage",
                    "inputs": {"images": ["1", 0], "filename_prefix": "pictures/sdk"},
                },
            }
            async with gate:
                await client.run(client.workflows.from_json(graph))

        started = time.perf_counter()
        await asyncio.gather(*(run(number) for number in range(count)))
    print(time.perf_counter() - started)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
