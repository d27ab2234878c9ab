import type { CryptoProvider } from '../src/crypto/provider.ts';
import { Engine } from '../src/engine/engine.ts';
import type { EngineSettings, Output } from '../src/ike/output.ts';
import { ip } from '../src/lib/ip.ts';
import type { Connection } from '../src/policy/connection.ts';
import type { Credentials } from '../src/policy/credentials.ts';
import type { BackendFeatures, Path } from '../src/policy/sa.ts';

const FEATURES: BackendFeatures = {
  modes: ['tunnel'],
  protocols: ['esp'],
  esn: true,
  forceUdpEncapsulation: false,
  maximumReplayWindow: 4096,
};

/** Two engines wired to each other with nothing between: what is measured is theirs alone. */
export class Pair {
  readonly initiator: Engine;
  readonly responder: Engine;
  /** Microseconds of CPU spent inside the responder by this thread. */
  responderTime = 0;
  established = 0;
  readonly #failures: string[] = [];
  readonly #queue: (() => void)[] = [];
  #spi = 256;
  #setUps = 0;
  #now = Date.UTC(2030, 0, 1);

  constructor(
    provider: CryptoProvider,
    initiator: { connections: Connection[]; credentials: Credentials },
    responder: { connections: Connection[]; credentials: Credentials },
    settings: Partial<EngineSettings> = {},
  ) {
    const common = {
      provider,
      features: FEATURES,
      settings: { cookieThreshold: 1e9, cookieThresholdPerAddress: 1e9, blockThreshold: 0, ...settings },
    };
    this.initiator = new Engine({ ...common, ...initiator });
    this.responder = new Engine({ ...common, ...responder });
  }

  /** One more IKE SA with its first child, from the first message to both installed. */
  setUp(): void {
    const connection = `site-${this.#setUps++}`;
    const before = this.established;
    const { outputs } = this.initiator.initiate({ connection }, this.#now);
    this.#take('initiator', outputs);
    this.#drain();
    if (this.established === before) throw new Error(`the set-up failed: ${this.#failures.join('; ')}`);
  }

  #take(side: 'initiator' | 'responder', outputs: readonly Output[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'transmit': {
          const other = side === 'initiator' ? 'responder' : 'initiator';
          const path: Path = { local: output.path.remote, remote: output.path.local };
          this.#queue.push(() =>
            this.#enter(other, engine => engine.receive(output.datagram, path, this.#now)),
          );
          break;
        }
        case 'ask': {
          const { id, question } = output;
          const answer =
            question.kind === 'allocate-spi'
              ? ({ kind: 'spi', spi: ++this.#spi } as const)
              : question.kind === 'install'
                ? ({ kind: 'done' } as const)
                : ({
                    kind: 'path',
                    path: {
                      local: { address: ip('192.0.2.1'), port: 500 },
                      remote: { address: ip('192.0.2.2'), port: 500 },
                    },
                  } as const);
          this.#queue.push(() => this.#enter(side, engine => engine.answer(id, answer, this.#now)));
          break;
        }
        case 'event':
          if (output.event.kind === 'failed') this.#failures.push(output.event.failure.summary);
          if (output.event.kind === 'child-up' && side === 'initiator') this.established++;
          break;
        default:
          break;
      }
    }
  }

  #enter(side: 'initiator' | 'responder', way: (engine: Engine) => readonly Output[]): void {
    this.#now += 0.01;
    const before = process.threadCpuUsage();
    const outputs = way(this[side]);
    if (side === 'responder') this.responderTime += cpuSince(before);
    this.#take(side, outputs);
  }

  #drain(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
  }
}

/** Microseconds of CPU of this thread since `before`: what other programs do to the clock does not count. */
export function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return user + system;
}
