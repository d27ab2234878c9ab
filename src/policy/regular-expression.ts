import { Malformed } from '../lib/reader.ts';

/**
 * Regular expressions whose matching takes time linear in the text, whatever the two are: a stranger's identity is
 * matched before its owner is authenticated, and a backtracking matcher could be kept busy for ever by one. The
 * language is POSIX extended without back references: literals, `.`, `[…]`, `(…)`, `|`, `*`, `+`, `?`, `{n,m}`,
 * and `\d \w \s`. Case does not count. The whole text must match; `^` and `$` at the ends may be left out.
 */
export class RegularExpression {
  readonly #program: readonly Instruction[];
  /** Step at which a state was last entered, one a state. */
  readonly #entered: Int32Array;

  /** Throws Malformed. */
  constructor(source: string) {
    if (source.length > MAX_SOURCE)
      throw new Malformed(`regular expression: more than ${MAX_SOURCE} characters`, 0);
    const from = source.startsWith('^') ? 1 : 0;
    const anchored = source.endsWith('$') && !source.endsWith('\\$');
    const parser = new Parser(source, from, anchored ? source.length - 1 : source.length);
    const program: Instruction[] = [];
    emit(parser.parse(), program, { left: MAX_PROGRAM });
    program.push({ op: 'match' });
    this.#program = program;
    this.#entered = new Int32Array(program.length);
  }

  /** Whether all of `text` is in the language. Texts longer than 512 characters never are. */
  matches(text: string): boolean {
    if (text.length > MAX_TEXT) return false;
    const folded = text.toLowerCase();
    this.#entered.fill(-1);
    let states: number[] = [];
    this.#enter(states, 0, 0);
    for (let i = 0; i < folded.length && states.length > 0; i++) {
      const next: number[] = [];
      const character = folded.charCodeAt(i);
      for (const state of states) {
        const instruction = this.#program[state];
        if (instruction?.op === 'test' && instruction.accepts(character)) this.#enter(next, state + 1, i + 1);
      }
      states = next;
    }
    return states.some(state => this.#program[state]?.op === 'match');
  }

  /** Adds `start` and all that is reachable from it without reading. */
  #enter(states: number[], start: number, step: number): void {
    const pending = [start];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (this.#entered[at] === step) continue;
      this.#entered[at] = step;
      const instruction = this.#program[at] as Instruction;
      if (instruction.op === 'jump') pending.push(...instruction.to);
      else states.push(at);
    }
  }
}

const MAX_SOURCE = 256;
const MAX_TEXT = 512;
const MAX_PROGRAM = 1000;
const MAX_REPEAT = 64;

type Test = (character: number) => boolean;

type Instruction =
  | { readonly op: 'test'; readonly accepts: Test }
  | { readonly op: 'jump'; readonly to: number[] }
  | { readonly op: 'match' };

type Node =
  | { readonly kind: 'test'; readonly accepts: Test }
  | { readonly kind: 'sequence' | 'alternatives'; readonly nodes: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly least: number; readonly most: number };

/** `budget` counts the calls, so that repetitions of repetitions end even where they repeat nothing. */
function emit(node: Node, program: Instruction[], budget: { left: number }): void {
  if (budget.left-- === 0) throw new Malformed('regular expression: too large', 0);
  switch (node.kind) {
    case 'test':
      program.push({ op: 'test', accepts: node.accepts });
      return;
    case 'sequence':
      for (const part of node.nodes) emit(part, program, budget);
      return;
    case 'alternatives': {
      const branch = jump(program);
      const ends: number[][] = [];
      for (const part of node.nodes) {
        branch.push(program.length);
        emit(part, program, budget);
        ends.push(jump(program));
      }
      for (const end of ends) end.push(program.length);
      return;
    }
    case 'repeat': {
      for (let i = 0; i < node.least; i++) emit(node.node, program, budget);
      if (node.most === Number.POSITIVE_INFINITY) {
        const at = program.length;
        const loop = jump(program);
        loop.push(program.length);
        emit(node.node, program, budget);
        jump(program).push(at);
        loop.push(program.length);
        return;
      }
      const skips: number[][] = [];
      for (let i = node.least; i < node.most; i++) {
        const skip = jump(program);
        skip.push(program.length);
        skips.push(skip);
        emit(node.node, program, budget);
      }
      for (const skip of skips) skip.push(program.length);
    }
  }
}

/** A jump whose targets the caller fills in. */
function jump(program: Instruction[]): number[] {
  const to: number[] = [];
  program.push({ op: 'jump', to });
  return to;
}

const isDigit: Test = c => c >= 0x30 && c <= 0x39;
const isLetter: Test = c => c >= 0x61 && c <= 0x7a;
const isSpace: Test = c => c === 0x20 || (c >= 0x09 && c <= 0x0d);
const isWord: Test = c => isDigit(c) || isLetter(c) || c === 0x5f;

const ESCAPES: Readonly<Record<string, Test>> = {
  d: isDigit,
  w: isWord,
  s: isSpace,
  D: c => !isDigit(c),
  W: c => !isWord(c),
  S: c => !isSpace(c),
};

const CLASSES: Readonly<Record<string, Test>> = {
  alpha: isLetter,
  digit: isDigit,
  alnum: c => isLetter(c) || isDigit(c),
  upper: isLetter,
  lower: isLetter,
  space: isSpace,
  blank: c => c === 0x20 || c === 0x09,
  punct: c => c > 0x20 && c < 0x7f && !isLetter(c) && !isDigit(c),
  xdigit: c => isDigit(c) || (c >= 0x61 && c <= 0x66),
  print: c => c >= 0x20 && c !== 0x7f,
  graph: c => c > 0x20 && c !== 0x7f,
  cntrl: c => c < 0x20 || c === 0x7f,
};

class Parser {
  readonly #text: string;
  readonly #end: number;
  #at: number;

  constructor(text: string, start: number, end: number) {
    this.#text = text;
    this.#at = start;
    this.#end = end;
  }

  parse(): Node {
    const node = this.#alternatives();
    if (this.#at < this.#end) throw this.#wrong('a parenthesis without its partner');
    return node;
  }

  #alternatives(): Node {
    const nodes = [this.#sequence()];
    while (this.#skip('|')) nodes.push(this.#sequence());
    return nodes.length === 1 ? (nodes[0] as Node) : { kind: 'alternatives', nodes };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#end && !'|)'.includes(this.#peek())) nodes.push(this.#repeat(this.#atom()));
    return { kind: 'sequence', nodes };
  }

  #repeat(atom: Node): Node {
    let node = atom;
    for (;;) {
      if (this.#skip('*')) node = { kind: 'repeat', node, least: 0, most: Number.POSITIVE_INFINITY };
      else if (this.#skip('+')) node = { kind: 'repeat', node, least: 1, most: Number.POSITIVE_INFINITY };
      else if (this.#skip('?')) node = { kind: 'repeat', node, least: 0, most: 1 };
      else if (this.#peek() === '{') node = this.#counted(node);
      else return node;
    }
  }

  #counted(node: Node): Node {
    const match = /^\{(\d{1,3})(,(\d{0,3}))?\}/.exec(this.#text.slice(this.#at, this.#end));
    if (match === null) throw this.#wrong('a repetition that cannot be read');
    const least = Number(match[1]);
    const most =
      match[2] === undefined ? least : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (least > MAX_REPEAT || most < least || (Number.isFinite(most) && most > MAX_REPEAT)) {
      throw this.#wrong(`a repetition beyond ${MAX_REPEAT}`);
    }
    this.#at += match[0].length;
    return { kind: 'repeat', node, least, most };
  }

  #atom(): Node {
    const character = this.#take();
    switch (character) {
      case '(': {
        if (this.#peek() === '?' && !this.#text.startsWith('?:', this.#at))
          throw this.#wrong('a group of no known kind');
        if (this.#skip('?')) this.#at++;
        const node = this.#alternatives();
        if (!this.#skip(')')) throw this.#wrong('a parenthesis without its partner');
        return node;
      }
      case '[':
        return { kind: 'test', accepts: this.#set() };
      case '.':
        return { kind: 'test', accepts: () => true };
      case '\\':
        return { kind: 'test', accepts: this.#escape() };
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#wrong('a repetition of nothing');
      case '^':
      case '$':
        throw this.#wrong('an anchor that is not at an end');
      default:
        return { kind: 'test', accepts: literal(character) };
    }
  }

  #escape(): Test {
    const character = this.#take();
    const known = ESCAPES[character];
    if (known !== undefined) return known;
    if (/[A-Za-z0-9]/.test(character)) throw this.#wrong(`\\${character}, which is not known`);
    return literal(character);
  }

  #set(): Test {
    const negated = this.#skip('^');
    const tests: Test[] = [];
    // A bracket that comes first stands for itself.
    do tests.push(this.#member());
    while (!this.#skip(']'));
    return negated ? c => !tests.some(test => test(c)) : c => tests.some(test => test(c));
  }

  #member(): Test {
    const name = /^\[:([a-z]{1,6}):\]/.exec(this.#text.slice(this.#at, this.#end));
    if (name !== null) {
      const known = CLASSES[name[1] as string];
      if (known === undefined) throw this.#wrong(`${name[0]}, which is not known`);
      this.#at += name[0].length;
      return known;
    }
    const first = this.#take();
    if (first === '\\') return this.#escape();
    if (this.#peek() !== '-' || this.#text[this.#at + 1] === ']') return literal(first);
    this.#at++;
    const last = this.#take();
    const [low, high] = [first.charCodeAt(0), last.charCodeAt(0)];
    if (last === '\\' || last === '[' || high < low) throw this.#wrong('a range that cannot be read');
    // Texts come in lower case: a range of capitals is tested with the capital again.
    return c => (c >= low && c <= high) || (isLetter(c) && c - 32 >= low && c - 32 <= high);
  }

  #peek(): string {
    return this.#at < this.#end ? (this.#text[this.#at] as string) : '';
  }

  #skip(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #take(): string {
    if (this.#at >= this.#end) throw this.#wrong('its end where more must follow');
    return this.#text[this.#at++] as string;
  }

  #wrong(what: string): Malformed {
    return new Malformed(`regular expression: ${what}`, this.#at);
  }
}

function literal(character: string): Test {
  const code = character.toLowerCase().charCodeAt(0);
  return c => c === code;
}
