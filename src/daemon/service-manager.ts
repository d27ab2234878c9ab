import type { UnixDatagram } from '../sys/unix-datagram.ts';

/** What systemd, or whoever speaks its protocol (sd_notify(3), sd_listen_fds(3)), tells a service in its environment. */
export type ServiceEnvironment = Readonly<Record<string, string | undefined>>;

/** Descriptors that are handed over begin here. */
const FIRST_DESCRIPTOR = 3;

/**
 * The descriptor that a socket unit hands over: the one named `vici` where they have names, otherwise the first.
 * Undefined where there is none, or where they are meant for another process.
 */
export function handedOver(environment: ServiceEnvironment, pid: number): number | undefined {
  const count = Number(environment['LISTEN_FDS'] ?? 0);
  if (Number(environment['LISTEN_PID']) !== pid || !Number.isInteger(count) || count < 1) return undefined;
  const named = (environment['LISTEN_FDNAMES'] ?? '').split(':').slice(0, count).indexOf('vici');
  return FIRST_DESCRIPTOR + Math.max(0, named);
}

/** Programs that we start are not meant by any of it. */
export const SERVICE_VARIABLES = [
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
] as const;

/** Tells the service manager how the daemon is doing, if there is one. Nothing of it can fail the daemon. */
export class ServiceManager {
  readonly #socket: UnixDatagram | undefined;
  readonly #watchdog: NodeJS.Timeout | undefined;
  #statusTimer: NodeJS.Timeout | undefined;

  /** `open` opens the socket at a path; `onWarning` hears when that cannot be done. */
  constructor(
    environment: ServiceEnvironment,
    pid: number,
    open: (path: string) => UnixDatagram | undefined,
    onWarning: (text: string) => void,
  ) {
    const path = environment['NOTIFY_SOCKET'];
    if (path === undefined || path === '') return;
    try {
      this.#socket = open(path);
    } catch (error) {
      onWarning(`the service manager cannot be told anything: ${(error as Error).message}`);
      return;
    }
    const pause = watchdogPause(environment, pid);
    if (this.#socket !== undefined && pause !== undefined)
      this.#watchdog = setInterval(() => this.#tell('WATCHDOG=1'), pause).unref();
  }

  ready(status: string): void {
    this.#tell('READY=1', `STATUS=${status}`);
  }

  /** What follows is `ready`, whether it came to something or not. `monotonic` in nanoseconds. */
  reloading(monotonic: bigint): void {
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${monotonic / 1000n}`);
  }

  stopping(): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#statusTimer);
    this.#tell('STOPPING=1', 'STATUS=SAs are deleted and peers told');
  }

  /** `text` is made and told within a second, however often it is asked for. */
  statusSoon(text: () => string): void {
    if (this.#socket === undefined || this.#statusTimer !== undefined) return;
    this.#statusTimer = setTimeout(() => {
      this.#statusTimer = undefined;
      this.#tell(`STATUS=${text()}`);
    }, 1000).unref();
  }

  close(): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#statusTimer);
    this.#socket?.close();
  }

  #tell(...lines: readonly string[]): void {
    try {
      this.#socket?.send(lines.join('\n'));
    } catch {
      // It has gone, or does not read: neither is a reason to stop.
    }
  }
}

/** Half of what is allowed, in milliseconds; undefined where nobody watches this process. */
function watchdogPause(environment: ServiceEnvironment, pid: number): number | undefined {
  const micros = Number(environment['WATCHDOG_USEC'] ?? 0);
  const whose = environment['WATCHDOG_PID'];
  if (!Number.isFinite(micros) || micros <= 0 || (whose !== undefined && Number(whose) !== pid))
    return undefined;
  return Math.max(1, Math.floor(micros / 2000));
}
