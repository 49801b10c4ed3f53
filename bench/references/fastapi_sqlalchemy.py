"""FastAPI and one INSERT an event through SQLAlchemy's asynchronous ORM: the collector of the tutorials.

uvicorn bench.references.fastapi_sqlalchemy:app       # DATABASE_URL, postgresql://…
"""

import os

from fastapi import FastAPI, Request, Response
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.references.wire import events_of


class Base(DeclarativeBase):
    """The tables."""


class Row(Base):
    """An event as it is kept."""

    __tablename__ = "events"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    type: Mapped[str]
    url: Mapped[str]
    title: Mapped[str | None]
    referrer: Mapped[str | None]
    props: Mapped[str | None]


engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"))
sessions = async_sessionmaker(engine)
app = FastAPI()


@app.post("/collect", status_code=204)
async def collect(request: Request) -> Response:
    """Answered when Postgres has committed; a batch is one transaction."""
    async with sessions() as session:
        for e in events_of(await request.body()):
            session.add(
                Row(id=e.id, type=e.type, url=e.url, title=e.title, referrer=e.referrer, props=str(e.props))
            )
        await session.commit()
    return Response(status_code=204)
