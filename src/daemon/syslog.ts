import type { SyslogSettings } from '../config/index.ts';
import type { UnixDatagram } from '../sys/unix-datagram.ts';
import { formatTime, isLogged, lineText } from './log-files.ts';
import type { LogLine } from './log-lines.ts';

const SOCKET = '/dev/log';
/** Severity "informational" (RFC 3164 §4.1.1): charon gives all its lines this one. */
const INFORMATIONAL = 6;
/** RFC 3164 §4.1. */
const LONGEST = 1024;
/** After a failure it is tried again, but not for every line. */
const PAUSE_MS = 1000;

/** The `syslog` sections of strongswan.conf: charon's lines to the system's log, each at the levels asked for. */
export class Syslog {
  readonly #settings: SyslogSettings;
  readonly #open: (path: string) => UnixDatagram | undefined;
  readonly #onFailure: (error: Error) => void;
  #socket: UnixDatagram | undefined;
  #tryAt = 0;

  /** `onFailure` hears when the log cannot be reached, once until it can. */
  constructor(
    settings: SyslogSettings,
    open: (path: string) => UnixDatagram | undefined,
    onFailure: (error: Error) => void,
  ) {
    this.#settings = settings;
    this.#open = open;
    this.#onFailure = onFailure;
  }

  write(line: LogLine, at: Date): void {
    const { identifier, targets } = this.#settings;
    for (const { facility, ikeName, level, levels } of targets) {
      if (!isLogged(line, levels)) continue;
      const text = lineText(line, at, { ikeName, milliseconds: false, ...(level && { level }) });
      const priority = facility * 8 + INFORMATIONAL;
      this.#send(`<${priority}>${formatTime('%b %e %T', at)} ${identifier}: ${text}`.slice(0, LONGEST), at);
    }
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #send(text: string, at: Date): void {
    // Who restarts the system's log makes another socket: one more try reaches that.
    for (let tries = 2; tries > 0; tries--) {
      try {
        this.#socket ??= at.getTime() < this.#tryAt ? undefined : this.#open(SOCKET);
        this.#socket?.send(text);
        return;
      } catch (error) {
        this.close();
        if (tries > 1) continue;
        if (this.#tryAt === 0) this.#onFailure(error as Error);
        this.#tryAt = at.getTime() + PAUSE_MS;
      }
    }
  }
}
