"""Flask and one RPUSH a request into Redis: a queue in front of something else.

gunicorn -w 2 -k gthread --threads 8 bench.references.flask_redis:app         # REDIS_SOCKET
"""

import json
import os

import redis
from flask import Flask, Response, request

app = Flask(__name__)
queue = redis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"])


@app.post("/collect")
def collect() -> Response:
    """Answered when Redis has it in memory; its file is synced once a second."""
    body = json.loads(request.get_data())
    queue.rpush("events", *[json.dumps(event) for event in body.get("events", [body])])
    return Response(status=204)
