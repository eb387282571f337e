"""redis-py against the socket in argv; see ioredis.js."""

import sys

import redis


def main(path):
    client = redis.Redis(unix_socket_path=path, client_name="redis-py-test", retry_on_error=[ConnectionError])
    assert client.ping()
    assert client.client_getname() == "redis-py-test"

    assert client.set("name", "Shanil", px=60_000)
    assert client.set("name", "other", nx=True) is None
    assert client.get("name") == b"Shanil"
    assert 0 < client.pttl("name") <= 60_000
    every_byte = bytes(range(256))
    client.set(every_byte, every_byte)
    assert client.get(every_byte) == every_byte
    assert client.mget("name", "nobody") == [b"Shanil", None]
    assert client.incrbyfloat("f", 1.5) == 1.5
    try:
        client.incr("name")
        raise AssertionError("incr of a name")
    except redis.ResponseError as error:
        assert "not an integer" in str(error), error

    with client.pipeline(transaction=False) as pipeline:
        for i in range(1000):
            pipeline.set(f"p:{i}", i)
        assert pipeline.execute() == [True] * 1000

    with client.pipeline() as pipeline:
        assert pipeline.set("t", 1).incr("t").get("t").execute() == [True, 2, b"2"]
    with client.pipeline() as pipeline:
        pipeline.watch("t")
        client.set("t", "changed")
        pipeline.multi()
        pipeline.set("t", "mine")
        try:
            pipeline.execute()
            raise AssertionError("a watched key changed")
        except redis.WatchError:
            pass

    found = list(client.scan_iter(match="p:*", count=100))
    assert len(found) == 1000 and len(set(found)) == 1000
    assert client.info()["redis_version"]
    assert client.dbsize() >= 1000
    assert client.config_get("maxmemory")

    print("restart", flush=True)
    sys.stdin.readline()
    assert client.set("after", "restart")
    print("passed", flush=True)


main(sys.argv[1])
