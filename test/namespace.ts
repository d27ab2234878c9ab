import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { systemCalls } from '../src/sys/system-calls.ts';

/**
 * For the `skip` option of a test that needs network namespaces: false where they can be made, otherwise the reason.
 * In CI the privilege is expected, so the test then runs and fails without it.
 */
export const withoutNamespaces: string | false =
  systemCalls()?.capabilities().netAdmin === true || process.env['CI'] !== undefined
    ? false
    : 'needs CAP_NET_ADMIN and CAP_SYS_ADMIN: run as root, or under `unshare -Urn`';

/**
 * Runs `file` (the test file itself, which calls `insideNetwork` when it is not the main thread) in a thread with an
 * empty network namespace of its own, and gives what it answered.
 */
export async function inNetwork(file: string): Promise<unknown> {
  const worker = new Worker(file);
  const [answer] = await Promise.race([
    once(worker, 'message'),
    once(worker, 'exit').then(() => {
      throw new Error(`${file} ended without an answer`);
    }),
  ]);
  await worker.terminate();
  return answer;
}

/** In the thread that `inNetwork` started: enters the empty namespace, runs `scenario` there and answers with its result. */
export function insideNetwork(scenario: () => unknown): void {
  if (isMainThread) return;
  systemCalls()?.newNetwork();
  void Promise.resolve(scenario()).then(answer => parentPort?.postMessage(answer));
}
