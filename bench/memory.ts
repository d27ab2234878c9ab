import { fork } from 'node:child_process';
import { Pair } from './pair.ts';
import { pskParties } from './parties.ts';
import type { Row } from './row.ts';

const COUNTS = [1000, 10_000];
const TARGET = 18 * 1024;

interface Sample {
  readonly heap: number;
  readonly rss: number;
}

/** Heap and resident memory of the responder's IKE SAs, each with one child, in a process of their own. */
export async function benchMemory(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of COUNTS) {
    const { heap, rss } = await inOwnProcess(count);
    rows.push(
      {
        name: `${count} SAs: heap each`,
        value: heap / 1024,
        unit: 'KiB',
        target: '≤ 18 KiB',
        met: heap <= TARGET,
      },
      { name: `${count} SAs: resident each`, value: rss / 1024, unit: 'KiB' },
    );
  }
  return rows;
}

function inOwnProcess(count: number): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, [String(count)], { execArgv: ['--expose-gc'] });
    child.once('message', message => resolve(message as Sample));
    child.once('error', reject);
    child.once('exit', code => reject(new Error(`the measuring process ended with ${code}`)));
  });
}

/** Both ends live in this process; what is told is half of what they take together. */
function sample(count: number): Sample {
  const { provider, initiator, responder } = pskParties();
  const pair = new Pair(provider, initiator, responder);
  for (let i = 0; i < 50; i++) pair.setUp();
  const before = settled();
  for (let i = 0; i < count; i++) pair.setUp();
  const after = settled();
  if (pair.responder.status().length !== count + 50) throw new Error('SAs are missing');
  return { heap: (after.heap - before.heap) / count / 2, rss: (after.rss - before.rss) / count / 2 };
}

function settled(): Sample {
  for (let i = 0; i < 4; i++) globalThis.gc?.();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  // `external` holds the array buffers already.
  return { heap: heapUsed + Math.max(external, arrayBuffers), rss };
}

const [asked] = process.argv.slice(2);
if (process.send !== undefined && asked !== undefined) process.send(sample(Number(asked)));
