import type { Settings } from '../config/index.ts';
import type { Failure } from '../policy/failure.ts';
import type { SystemCalls } from '../sys/system-calls.ts';
import { now } from './clock.ts';
import type { Gateway } from './gateway.ts';
import { type Logger, logEvent } from './log.ts';
import { LogFiles, lineText } from './log-files.ts';
import { LogFeed, type LogLine } from './log-lines.ts';
import { Syslog } from './syslog.ts';

/** How standard output has charon's lines. */
const CONSOLE = { ikeName: false, milliseconds: false } as const;

/** The SA that a line is about. */
type Source = Pick<LogLine, 'connection' | 'ike'>;

/** Everywhere that a daemon tells what happens: standard output, log files, the system's log, and clients that listen. */
export class Logs {
  readonly log: Logger;
  readonly #isText: boolean;
  readonly #files: LogFiles;
  readonly #syslog: Syslog | undefined;
  #feed: LogFeed | undefined;

  /** With `isText` standard output has what happens to SAs in charon's form, and all else as JSON still. */
  constructor(log: Logger, settings: Settings, isText: boolean, calls: SystemCalls | undefined) {
    this.log = log;
    this.#isText = isText;
    this.#files = new LogFiles(settings.logFiles ?? [], (path, error) =>
      log.error({ group: 'lib', path }, `cannot log to ${path}: ${error.message}`),
    );
    this.#syslog =
      settings.syslog &&
      new Syslog(
        settings.syslog,
        path => calls?.openUnixDatagram(path),
        error => log.error({ group: 'lib' }, `cannot log to the system's log: ${error.message}`),
      );
  }

  /** Tells what `gateway` does from now on. Answers the lines, for clients to listen to. */
  follow(gateway: Gateway, { logFiles }: Settings): LogFeed {
    const feed = new LogFeed(gateway);
    if (!this.#isText) gateway.on(event => logEvent(this.log, event));
    feed.on(
      line => this.#write(line),
      () => this.#isText || logFiles !== undefined || this.#syslog !== undefined,
    );
    this.#feed = feed;
    return feed;
  }

  /** Something that no SA says by itself. */
  say(group: LogLine['group'], text: string, source: Source = {}): void {
    if (!this.#isText) this.log.info({ group: group.toLowerCase(), ...source }, text);
    this.#feed?.say({ group, level: 1, ...source, text });
  }

  /** What the configuration asks for and cannot be. */
  failed(what: string, failure: Failure): void {
    this.log.error({ group: 'cfg', failure }, `${what}: ${failure.summary}`);
  }

  /** Opens log files by their names again. */
  reopen(): void {
    this.#files.reopen();
  }

  async close(): Promise<void> {
    this.#syslog?.close();
    await this.#files.close();
  }

  #write(line: LogLine): void {
    const at = new Date(now());
    this.#files.write(line, at);
    this.#syslog?.write(line, at);
    if (this.#isText && line.level <= 1) process.stdout.write(`${lineText(line, at, CONSOLE)}\n`);
  }
}
