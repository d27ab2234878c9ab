import { createWriteStream, openSync, type WriteStream } from 'node:fs';
import type { LogFile } from '../config/index.ts';
import type { LogLine } from './log-lines.ts';

/** Octets that may wait for a disk that is slow; lines beyond are left out, and counted in the next one. */
const QUEUE = 1 << 20;

/** The log files of strongswan.conf: charon's lines, each at the levels that its file asks for. */
export class LogFiles {
  readonly #files: readonly { readonly settings: LogFile; stream: WriteStream | undefined; lost: number }[];
  readonly #onFailure: (path: string, error: Error) => void;

  constructor(files: readonly LogFile[], onFailure: (path: string, error: Error) => void) {
    this.#onFailure = onFailure;
    this.#files = files.map(settings => ({
      settings,
      stream: this.#open(settings, settings.append),
      lost: 0,
    }));
  }

  write(line: LogLine, at: Date): void {
    for (const file of this.#files) {
      if (!isLogged(line, file.settings.levels)) continue;
      if (file.stream === undefined) continue;
      if (file.stream.writableLength > QUEUE) {
        file.lost++;
        continue;
      }
      if (file.lost > 0) file.stream.write(`01[LIB] ${file.lost} lines were lost here\n`);
      file.lost = 0;
      file.stream.write(`${lineText(line, at, file.settings)}\n`);
    }
  }

  /** Opens each file by its name again: whoever rotates them has moved the old ones away. */
  reopen(): void {
    for (const file of this.#files) {
      file.stream?.end();
      file.stream = this.#open(file.settings, true);
    }
  }

  async close(): Promise<void> {
    for (const { stream } of this.#files) {
      if (stream === undefined || stream.destroyed) continue;
      await new Promise<void>(resolve => stream.end(() => resolve()));
    }
  }

  /** Undefined, and told of, when it cannot be. */
  #open({ path }: LogFile, append: boolean): WriteStream | undefined {
    let fd: number;
    try {
      fd = openSync(path, append ? 'a' : 'w', 0o640);
    } catch (error) {
      this.#onFailure(path, error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
    const stream = createWriteStream(path, { fd });
    stream.on('error', error => this.#onFailure(path, error));
    return stream;
  }
}

/** Whether a log with these levels has the line. */
export function isLogged({ group, level }: LogLine, levels: LogFile['levels']): boolean {
  return level <= (levels[group.toLowerCase()] ?? levels['default'] ?? 1);
}

/** One line as charon writes it: `Nov 22 02:20:21 01[IKE] <lab|1> …`. */
export function lineText(
  { group, level, connection, ike, text }: LogLine,
  at: Date,
  {
    timeFormat,
    milliseconds,
    ikeName,
    level: withLevel,
  }: Pick<LogFile, 'timeFormat' | 'milliseconds' | 'ikeName' | 'level'>,
): string {
  const fraction = milliseconds ? `.${String(at.getMilliseconds()).padStart(3, '0')}` : '';
  const time = timeFormat === undefined ? '' : `${formatTime(timeFormat, at)}${fraction} `;
  const name =
    ikeName && connection !== undefined ? `<${connection}${ike === undefined ? '' : `|${ike}`}> ` : '';
  return `${time}01[${group}${withLevel === true ? level : ''}] ${name}${text}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** The conversions of strftime that logs use, in local time; others stand as they are. */
export function formatTime(format: string, at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
  const values: Readonly<Record<string, string>> = {
    a: DAYS[at.getDay()] ?? '',
    b: MONTHS[at.getMonth()] ?? '',
    d: two(at.getDate()),
    e: String(at.getDate()).padStart(2, ' '),
    F: `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
    H: two(at.getHours()),
    M: two(at.getMinutes()),
    m: two(at.getMonth() + 1),
    R: clock,
    S: two(at.getSeconds()),
    s: String(Math.floor(at.getTime() / 1000)),
    T: `${clock}:${two(at.getSeconds())}`,
    Y: String(at.getFullYear()),
    y: two(at.getFullYear() % 100),
    '%': '%',
  };
  return format.replace(/%(.)/g, (written, letter: string) => values[letter] ?? written);
}
