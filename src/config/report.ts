import type { Failure, FailureCode } from '../policy/failure.ts';
import { formatPosition, type Position } from './section.ts';

/** A failure with the place in the configuration that caused it. */
export interface LocatedFailure extends Failure {
  readonly at: Position;
}

/** Something that works but probably is not what was meant, or that has no effect here. */
export interface ConfigurationWarning {
  readonly at: Position;
  readonly summary: string;
  readonly remedy?: string;
}

/** All that is wrong with a configuration, not only the first thing. */
export class ConfigurationFailure extends Error {
  readonly failures: readonly LocatedFailure[];
  readonly warnings: readonly ConfigurationWarning[];

  constructor(failures: readonly LocatedFailure[], warnings: readonly ConfigurationWarning[]) {
    super(failures.map(formatRemark).join('\n'));
    this.name = 'ConfigurationFailure';
    this.failures = failures;
    this.warnings = warnings;
  }
}

/** `file:line:column: what is wrong; how to mend it`, on one line. */
export function formatRemark(remark: LocatedFailure | ConfigurationWarning): string {
  const text = `${formatPosition(remark.at)}: ${remark.summary}`;
  return remark.remedy === undefined ? text : `${text}; ${remark.remedy}`;
}

/** Collects while a configuration is read. One thing is told once, however many sections inherit it. */
export class Report {
  readonly #failures = new Map<string, LocatedFailure>();
  readonly #warnings = new Map<string, ConfigurationWarning>();
  readonly #topics = new Set<string>();

  /** By file, line and column. */
  get failures(): readonly LocatedFailure[] {
    return inOrder(this.#failures.values());
  }

  get warnings(): readonly ConfigurationWarning[] {
    return inOrder(this.#warnings.values());
  }

  fail(code: FailureCode, at: Position, summary: string, remedy?: string): void {
    const failure = { code, at, summary, ...(remedy === undefined ? {} : { remedy }) };
    this.#failures.set(formatRemark(failure), failure);
  }

  warn(at: Position, summary: string, remedy?: string): void {
    const warning = { at, summary, ...(remedy === undefined ? {} : { remedy }) };
    this.#warnings.set(formatRemark(warning), warning);
  }

  /** As `warn`, but only the first time for `topic`, however many places it stands in. */
  warnOnce(topic: string, at: Position, summary: string, remedy?: string): void {
    if (this.#topics.has(topic)) return;
    this.#topics.add(topic);
    this.warn(at, summary, remedy);
  }

  /** Throws ConfigurationFailure with everything collected when anything failed. */
  conclude(): void {
    if (this.#failures.size > 0) throw new ConfigurationFailure(this.failures, this.warnings);
  }
}

function inOrder<R extends { readonly at: Position }>(remarks: Iterable<R>): readonly R[] {
  return [...remarks].sort(({ at: a }, { at: b }) => {
    if (a.file !== b.file) return a.file < b.file ? -1 : 1;
    return a.line - b.line || a.column - b.column;
  });
}
