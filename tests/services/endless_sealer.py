"""A process that seals and seals until it is killed: ``python -m tests.services.endless_sealer URL KEY``."""

import asyncio
import sys
from pathlib import Path

from pydantic import SecretStr

from app.config import Settings
from app.database import engine, keeping
from app.seals import sealing
from app.seals.keys import of_settings


async def main(url: str, key: str) -> None:
    settings = Settings(data_dir=Path("nowhere"), database_url=SecretStr(url), seal_key=SecretStr(key))
    engine.configure(settings)
    sealing.BATCH = 3  # many seals, so that a kill meets one
    signer = of_settings(settings).signer
    assert signer is not None
    while True:
        async with keeping("audit log: seal") as work:
            n = await sealing.seal(work, signer)
        if n:
            sys.stdout.write("sealed\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
