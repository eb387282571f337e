// node-redis against the socket in argv, in RESP2 and RESP3; see ioredis.js.
'use strict';
const assert = require('node:assert/strict');
const { createClient, commandOptions, WatchError } = require('redis');

const path = process.argv[2];

const restarted = () => new Promise((resolve) => {
  process.stdin.once('data', resolve);
  console.log('restart');
});

async function main() {
  const client = createClient({
    name: 'node-redis-test',
    socket: { path, reconnectStrategy: () => 50 },
  });
  client.on('error', () => {});
  await client.connect();
  assert.equal(await client.ping(), 'PONG');

  assert.equal(await client.set('name', 'Shanil', { EX: 60, NX: true }), 'OK');
  assert.equal(await client.set('name', 'other', { NX: true }), null);
  assert.equal(await client.get('name'), 'Shanil');
  const bytes = Buffer.from([0, 13, 10, 255, 128]);
  await client.set('bytes', bytes);
  assert.deepEqual(await client.get(commandOptions({ returnBuffers: true }), 'bytes'), bytes);
  assert.deepEqual(await client.mGet(['name', 'nobody']), ['Shanil', null]);
  assert.equal(await client.incrByFloat('f', 1.5), '1.5');
  await assert.rejects(client.incr('name'), /not an integer/);

  const many = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => client.set(`p:${i}`, String(i))),
  );
  assert.equal(many.length, 1000);

  assert.deepEqual(await client.multi().set('t', '1').incr('t').get('t').exec(), ['OK', 2, '2']);
  await client.executeIsolated(async (isolated) => {
    await isolated.watch('t');
    await client.set('t', 'changed');
    await assert.rejects(isolated.multi().set('t', 'mine').exec(), WatchError);
  });

  const found = new Set();
  for await (const key of client.scanIterator({ MATCH: 'p:*', COUNT: 100 })) {
    assert.ok(!found.has(key), `${key} came twice`);
    found.add(key);
  }
  assert.equal(found.size, 1000);
  assert.ok(await client.info());

  const reconnected = new Promise((resolve) => client.once('ready', resolve));
  await restarted();
  await reconnected;
  assert.equal(await client.set('after', 'restart'), 'OK');
  await client.quit();
  console.log('passed');
  process.stdin.destroy();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
