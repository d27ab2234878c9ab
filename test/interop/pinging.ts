import type { ChildProcess } from 'node:child_process';
import { type Lab, until } from './lab.ts';

let serial = 0;

/**
 * A ping every 10 ms until stopped. Where all answers have to come this is asked, and not a ping of so many packets: that
 * waits for its last answer as long as between two packets, and for no answer that a busy machine has late.
 */
export class Pinging {
  readonly #lab: Lab;
  readonly #log = `ping-${serial++}.log`;
  readonly #process: ChildProcess;

  /** `options`: of ping, besides; `through`: what starts it. */
  constructor(
    lab: Lab,
    namespace: string,
    [from, to]: readonly [from: string, to: string],
    { options = [], through = [] }: { options?: readonly string[]; through?: readonly string[] } = {},
  ) {
    this.#lab = lab;
    const command = [...through, 'ping', '-i', '0.01', ...options, '-I', from, to];
    this.#process = lab.start(namespace, this.#log, command);
  }

  /** Waits until `count` more pings have come back, however long the machine takes for them. */
  async answers(count: number): Promise<void> {
    const before = this.#answered.size;
    await until(`${count} pings come back`, () => this.#answered.size >= before + count);
  }

  /** How many were sent, and which of them did not come back. */
  async stop(): Promise<{ readonly sent: number; readonly lost: readonly number[] }> {
    this.#process.kill('SIGINT');
    const [, sent] = await until('ping counts', () =>
      /(\d+) packets transmitted/.exec(this.#lab.read(this.#log)),
    );
    const answered = this.#answered;
    // What was under way when ping was told to stop is not lost.
    const last = Math.max(0, ...answered);
    const all = Array.from({ length: last }, (_, i) => i + 1);
    return { sent: Number(sent), lost: all.filter(sequence => !answered.has(sequence)) };
  }

  get #answered(): ReadonlySet<number> {
    const replies = this.#lab.read(this.#log).matchAll(/bytes from .* icmp_seq=(\d+)/g);
    return new Set([...replies].map(([, sequence]) => Number(sequence)));
  }
}
