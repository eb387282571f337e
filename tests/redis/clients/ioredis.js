// ioredis against the socket in argv: what an application does with it. When it prints `restart`,
// the test restarts the daemon and writes a line.
'use strict';
const assert = require('node:assert/strict');
const Redis = require('ioredis');

const socket = process.argv[2];

const restarted = () => new Promise((resolve) => {
  process.stdin.once('data', resolve);
  console.log('restart');
});

async function main() {
  const redis = new Redis(socket, { connectionName: 'ioredis-test', retryStrategy: () => 50 });
  assert.equal(await redis.ping(), 'PONG');
  assert.equal(await redis.client('GETNAME'), 'ioredis-test');

  assert.equal(await redis.set('name', 'Shanil', 'PX', 60_000), 'OK');
  assert.equal(await redis.get('name'), 'Shanil');
  assert.ok((await redis.pttl('name')) > 0);
  const bytes = Buffer.from([0, 13, 10, 255, 128]);
  await redis.set(bytes, bytes);
  assert.deepEqual(await redis.getBuffer(bytes), bytes);
  assert.equal(await redis.get('nobody'), null);
  assert.deepEqual(await redis.mget('name', 'nobody'), ['Shanil', null]);
  await assert.rejects(redis.incr('name'), /not an integer/);

  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.set(`p:${i}`, i);
  pipeline.incrby('p:999', 1).call('NOSUCH');
  const replies = await pipeline.exec();
  assert.equal(replies.length, 1002);
  assert.deepEqual(replies[1000], [null, 1000]);
  assert.match(replies[1001][0].message, /unknown command/);

  const results = await redis.multi().set('t', '1').incr('t').get('t').exec();
  assert.deepEqual(results, [[null, 'OK'], [null, 2], [null, '2']]);
  const other = redis.duplicate();
  await redis.watch('t');
  await other.set('t', 'changed');
  assert.equal(await redis.multi().set('t', 'mine').exec(), null);

  const found = new Set();
  for await (const keys of redis.scanStream({ match: 'p:*', count: 100 })) {
    for (const key of keys) {
      assert.ok(!found.has(key), `${key} came twice`);
      found.add(key);
    }
  }
  assert.equal(found.size, 1000);

  other.disconnect();
  const reconnected = new Promise((resolve) => redis.once('ready', resolve));
  redis.on('error', () => {});
  await restarted();
  await reconnected;
  assert.equal(await redis.set('after', 'restart'), 'OK');
  assert.equal(await redis.client('GETNAME'), 'ioredis-test');
  await redis.quit();
  console.log('passed');
  process.stdin.destroy();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
