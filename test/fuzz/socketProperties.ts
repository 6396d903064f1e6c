import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { testClock } from '../support/log.ts';
import { checkError } from './answers.ts';
import { fuzz, type Property } from './property.ts';
import { CLUSTER_ID, fill, type HttpRequestParts, roundTrip, stateOf } from './service.ts';
import { anyScript, type Script } from './wire.ts';

/** What the local server holds for any bytes on its port. */

const PAUSE_MS = 2;
const LATE_MS = 30;

export const socketsProperty: Property<Script> = {
  name: 'sockets',
  share: 2,
  cases: 40,
  inputs: anyScript,
  show: ({ chunks, end }) => `${chunks.map((chunk) => Buffer.from(chunk).toString('hex')).join(' ')}, ${end}`,
  check: checkOnCluster,
};

/** Every case has a cluster of its own: what a client left behind may still be served when the next one comes. */
async function checkOnCluster(script: Script): Promise<void> {
  const cluster = await startLocalCluster({ clock: testClock(1_790_000_000_000) });
  try {
    await fill(cluster.wadi);
    await checkScript(cluster, script);
  } finally {
    await cluster.close();
  }
}

async function checkScript(cluster: LocalCluster, script: Script): Promise<void> {
  const before = await stateOf(cluster.wadi);
  const answers = readAnswers(await play(cluster, script));
  for (const { status, body } of answers) {
    assert(status < 500, `${status} ${body}`);
    // Node answers an unknown Expect itself, and a HEAD has no body.
    if (status >= 400 && body !== '') checkError(status, body);
  }
  if (answers.length === script.methods?.length && answers.every(({ status }) => status >= 400)) {
    assert.deepEqual(await stateOf(cluster.wadi), before, 'a refusal changed something');
  }
  await roundTrip((request) => succeed(cluster.url, request), cluster.wadi.clusterId);
}

/** Writes the script, and resolves to what came back when the connection is closed. */
export async function play({ url, wadi }: LocalCluster, { chunks, methods, end }: Script): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk)).on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const chunk of chunks) {
    if (socket.destroyed || !socket.writable) break;
    socket.write(ofCluster(chunk, wadi.clusterId));
    await delay(PAUSE_MS);
  }
  if (methods !== undefined) {
    // Fewer come when one of them closes the connection.
    const isAnswered = () => readAnswers(Buffer.concat(received)).length >= methods.length;
    while (!socket.readableEnded && !socket.destroyed && !isAnswered()) await delay(1);
  }
  if (end === 'late') await delay(LATE_MS);
  leave(socket, end);
  await closed;
  return Buffer.concat(received);
}

function leave(socket: Socket, end: Script['end']): void {
  if (end === 'destroy') socket.destroy();
  else if (end === 'reset') socket.resetAndDestroy();
  else socket.end();
}

/** The cluster's own id instead of the one that requests are made with; it is as long. */
function ofCluster(chunk: Uint8Array, clusterId: string): Buffer {
  assert.equal(clusterId.length, CLUSTER_ID.length);
  return Buffer.from(Buffer.from(chunk).toString('latin1').replaceAll(CLUSTER_ID, clusterId), 'latin1');
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The whole answers at the begin of what came back. */
export function readAnswers(received: Buffer): Answer[] {
  const answers: Answer[] = [];
  for (let position = 0; position < received.length; ) {
    const headEnd = received.indexOf('\r\n\r\n', position);
    if (headEnd < 0) break;
    const head = received.toString('latin1', position, headEnd);
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(head) ?? [];
    if (status === undefined) break;
    // The answer to a HEAD tells the length of a body that does not come: the next answer does.
    const isHead = received.toString('latin1', headEnd + 4, headEnd + 13) === 'HTTP/1.1 ';
    const length = isHead ? 0 : Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    const end = headEnd + 4 + length;
    if (end > received.length) break;
    if (Number(status) >= 200)
      answers.push({ status: Number(status), body: received.toString('utf8', headEnd + 4, end) });
    position = end;
  }
  return answers;
}

async function succeed(
  url: string,
  { method, path, query, headers, body }: HttpRequestParts,
): Promise<unknown> {
  const response = await fetch(`${url}${path}?${query}`, {
    method,
    headers,
    ...(method === 'POST' && { body: Buffer.from(body) }),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

export const socketFuzzes = [fuzz(socketsProperty)];
