import type { Position } from './section.ts';

/** Where the lines of a text begin: turns offsets into lines and columns. */
export class LineTable {
  readonly #file: string;
  readonly #starts: readonly number[];

  /** `from` is where the first line begins: behind a byte order mark. */
  constructor(text: string, file: string, from = 0) {
    const starts = [from];
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
    this.#starts = starts;
    this.#file = file;
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    const column = Math.max(1, offset - (this.#starts[low] as number) + 1);
    return { file: this.#file, line: low + 1, column };
  }
}
