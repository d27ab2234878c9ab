import type { Answer, Command, Question } from '../ike/output.ts';

interface Open {
  readonly question: Question;
  /** Absent once nobody waits any more. */
  answered: ((answer: Answer) => void) | undefined;
}

/**
 * The questions that are out with the shell. An answer that nobody waits for any more is undone: what was made for
 * an SA that is gone meanwhile must not stay behind.
 */
export class Asks {
  readonly #open = new Map<number, Open>();
  #last = 0;

  /** How many questions await their answer. */
  get size(): number {
    return this.#open.size;
  }

  /** The new question's number, and the function that withdraws it. */
  add(question: Question, answered: (answer: Answer) => void): { id: number; withdraw: () => void } {
    const id = ++this.#last;
    const open: Open = { question, answered };
    this.#open.set(id, open);
    return {
      id,
      withdraw: () => {
        open.answered = undefined;
      },
    };
  }

  /** Delivers `answer`, or says what undoes it. A number that is not out, or a second answer, is ignored. */
  answer(id: number, answer: Answer): readonly Command[] {
    const open = this.#open.get(id);
    if (open === undefined) return [];
    this.#open.delete(id);
    if (open.answered === undefined) return undo(open.question, answer);
    open.answered(answer);
    return [];
  }
}

function undo(question: Question, answer: Answer): readonly Command[] {
  if (question.kind === 'allocate-spi' && answer.kind === 'spi')
    return [{ kind: 'release-spi', protocol: question.protocol, spi: answer.spi }];
  if (question.kind === 'lease')
    return answer.kind === 'lease' ? [{ kind: 'release-lease', id: question.id }] : [];
  if (question.kind === 'assign-address')
    return answer.kind === 'done' ? [{ kind: 'unassign-address', address: question.address }] : [];
  if (question.kind !== 'install') return [];
  const { id, protocol, spiIn } = question.sa;
  // An SPI that was reserved for it stays so when the installation fails.
  return [answer.kind === 'done' ? { kind: 'remove', id } : { kind: 'release-spi', protocol, spi: spiIn }];
}
