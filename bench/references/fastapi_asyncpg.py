"""FastAPI and one INSERT an event through an asyncpg pool: the usual small collector, written with care.

uvicorn bench.references.fastapi_asyncpg:app          # DATABASE_URL, as asyncpg reads it
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request, Response

from bench.references.wire import events_of

INSERT = "INSERT INTO events (id, type, url, title, referrer, props) VALUES ($1, $2, $3, $4, $5, $6)"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """A pool as large as asyncpg makes it by itself."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"]) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/collect", status_code=204)
async def collect(request: Request) -> Response:
    """Answered when Postgres has committed; a batch is one transaction."""
    rows = [(e.id, e.type, e.url, e.title, e.referrer, str(e.props)) for e in events_of(await request.body())]
    async with app.state.pool.acquire() as connection:
        if len(rows) == 1:
            await connection.execute(INSERT, *rows[0])
        else:
            await connection.executemany(INSERT, rows)
    return Response(status_code=204)
